"""A streamed answer over a real connection: its end, its deadline, and what follows when nobody waits."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.dify import apps, stream
from kbtool.dify.stream import Lines
from kbtool.embedded import AppSettings, CannedAnswer, Cut, FailingModel, SlowModel
from kbtool.errors import ContractBroken, Rejected, Unavailable
from kbtool.model import Answer, Question
from tests.server import APP, over_http, run
from tests.test_dify import lines

FLOW = replace(APP, mode="advanced-chat")
TEXT = "Refunds take thirty days. " * 10
STOP = "/stop"


async def ask(*faults: Any, app: AppSettings = APP, **settings: Any) -> tuple[Answer | Exception, list[str]]:
    """The answer or what it ends with, and every request that arrived until the client was closed."""
    engine = {"ping_seconds": 0.01, "hang_seconds": 1.0}
    async with over_http(*faults, apps=(app,), engine=engine, **settings) as its:
        await its.dataset(TEXT)
        asked = its.asked
        asked.clear()
        try:
            answer: Answer | Exception = await its.client.chat(Question("refunds?"), user="u")
        except (Unavailable, Rejected, ContractBroken) as error:
            answer = error
    return answer, asked


@pytest.mark.parametrize("app", [APP, FLOW, replace(APP, mode="agent-chat")])
def test_every_kind_of_app_answers_with_its_scores(app: AppSettings) -> None:
    answer, asked = run(ask(app=app))
    assert isinstance(answer, Answer)
    assert answer.hits[0].score
    assert answer.text
    assert len(asked) == 1


def test_pings_do_not_extend_the_deadline() -> None:
    answer, _ = run(ask(SlowModel("refunds", before=20.0), deadline=0.3))
    assert isinstance(answer, Unavailable)
    assert "within 0 s" in answer.message


def test_an_answer_that_is_too_slow_is_stopped() -> None:
    answer, asked = run(ask(SlowModel("refunds", between=0.1), deadline=0.4))
    assert isinstance(answer, Unavailable)
    assert [path.endswith(STOP) for path in asked] == [False, True]


def test_an_answer_that_nobody_waits_for_is_stopped() -> None:
    async def story() -> list[str]:
        async with over_http(SlowModel("refunds", between=0.1)) as its:
            await its.dataset(TEXT)
            asking = asyncio.create_task(its.client.chat(Question("refunds?"), user="u"))
            for _ in range(10):  # of the four seconds that the answer takes
                await asyncio.sleep(0.1)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        return its.asked

    assert sum(path.endswith(STOP) for path in run(story())) == 1


def test_a_stop_that_fails_disturbs_nobody() -> None:
    refused = CannedAnswer(STOP, 500, {"message": "no"}, times=9)
    answer, asked = run(ask(SlowModel("refunds", between=0.1), refused, deadline=0.4))
    assert isinstance(answer, Unavailable)
    assert sum(path.endswith(STOP) for path in asked) == 1


@pytest.mark.parametrize("size", [0, 10, 400])
def test_a_stream_that_is_cut_is_no_short_answer(size: int) -> None:
    answer, asked = run(ask(Cut("/chat-messages", size)))
    assert isinstance(answer, Unavailable)
    assert len(asked) == 1


def test_an_error_after_half_an_answer_is_an_error() -> None:
    answer, _ = run(ask(FailingModel("refunds", "died mid-stream", pieces=2)))
    assert isinstance(answer, Rejected)
    assert "died mid-stream" in answer.message


@pytest.mark.parametrize("marks", ["\u2028", "\x85", "\x0b\x0c\x1c", "\r", "🙂退款"])
def test_an_answer_keeps_characters_that_look_like_line_ends(marks: str) -> None:
    refusal = f"one{marks}two"
    answer, _ = run(ask(app=replace(APP, datasets=(), refusals=(("en", refusal),))))
    assert isinstance(answer, Answer)
    assert answer.text == refusal


def test_a_chatflow_is_not_waited_for_in_blocking_mode() -> None:
    async def story() -> str:
        async with over_http(apps=(FLOW,), deadline=20) as its:
            with pytest.raises(Rejected) as caught:
                await its.client.chat_blocking(Question("refunds?"), user="u")
            return caught.value.hint

    assert "streaming" in run(story())


def test_a_chatflow_that_does_not_know_the_conversation_ends_with_the_deadline() -> None:
    async def story() -> None:
        engine = {"hang_seconds": 20.0}
        async with over_http(apps=(FLOW,), engine=engine, deadline=0.2) as its:
            with pytest.raises(Unavailable, match="within"):
                await its.client.chat(
                    Question("?"), user="u", conversation_id="00000000-0000-4000-8000-000000000000"
                )

    run(story())


def test_a_stream_that_stays_open_behind_its_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps, "GRACE", 0.05)
    events = "".join(f"{line}\n" for line in lines(308)).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + events)
        await reader.read()  # until the client goes
        writer.close()

    async def story() -> Answer:
        async with over_http() as its, await asyncio.start_server(serve, "127.0.0.1", 0) as other:
            port = other.sockets[0].getsockname()[1]
            its.client._http.base_url = f"http://127.0.0.1:{port}/v1/"
            return await its.client.chat(Question("refunds?"), user="u")

    assert run(story()).text.startswith("Refunds are issued")


def test_message_end_counts_before_and_behind_workflow_finished() -> None:
    flow = [line for line in lines(320) if line]
    end = next(line for line in lines(308) if '"message_end"' in line)
    behind, before = [*flow, end], [*flow[:-1], end, flow[-1]]
    for told in (behind, before):
        answer = stream.read(told, Question("?"))
        assert answer.tokens == json.loads(end[5:])["metadata"]["usage"]["total_tokens"]
        assert answer.hits


@given(st.lists(st.text(st.characters(exclude_characters="\n\r", codec="utf-8"))), st.data())
def test_lines_are_the_same_however_the_bytes_arrive(said: list[str], data: st.DataObject) -> None:
    whole = "".join(f"{line}\r\n" for line in said).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    parts = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    feeding = Lines()
    assert [line for part in parts for line in feeding.feed(part)] == said


values: st.SearchStrategy[Any] = (
    st.none() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=1)
)
values |= st.dictionaries(st.sampled_from(["usage", "outputs", "node_type", "status"]), values, max_size=2)
kinds = ("message", "message_end", "message_replace", "node_finished", "workflow_finished", "error", "ping")
fields = st.dictionaries(
    st.sampled_from(["metadata", "data", "answer", "status", "message", "task_id"]), values, max_size=4
)
events = st.builds(
    lambda kind, more: f"data: {json.dumps({'event': kind, **more})}\n".encode(),
    st.sampled_from(kinds),
    fields,
)


@given(st.lists(events | st.binary(max_size=40) | st.sampled_from([b"data: {}\n", b"data:[]\n"]), max_size=6))
def test_any_bytes_are_an_answer_or_an_error_of_ours(parts: list[bytes]) -> None:
    feeding, answer = Lines(), stream.Stream(Question("?"))
    try:
        for part in parts:
            for line in feeding.feed(part):
                answer.feed(line)
        answer.answer()
    except (ContractBroken, Rejected, Unavailable):
        return


def test_both_halves_of_a_character_in_two_events_are_one_and_what_no_database_takes_is_gone() -> None:
    cited = (
        '{"segment_id": "s", "content": "a\\u0000\\udc00b", "document_id": "d", '
        '"document_name": "\\u0000D", "score": 0.5}'
    )
    said = [
        'data: {"event": "message", "answer": "Well done \\ud83d"}',
        'data: {"event": "message", "answer": "\\ude00, \\ud83d half\\u0000."}',
        f'data: {{"event": "message_end", "metadata": {{"retriever_resources": [{cited}]}}}}',
    ]
    answer = stream.read(said, Question("?"))
    assert answer.text == "Well done 😀, � half."
    assert (answer.hits[0].text, answer.hits[0].document_name) == ("a�b", "D")


def test_a_stream_that_never_ends_is_given_up_before_it_fills_the_memory() -> None:
    feeding, fed = Lines(), 0
    part = b"x" * 65_536
    with pytest.raises(ContractBroken, match="more than 16 MB"):  # noqa: PT012 a loop is what is tested
        while True:
            list(feeding.feed(part))
            fed += len(part)
    assert fed == stream.LARGEST


def test_an_event_that_is_nested_without_end_is_no_bug_of_ours() -> None:
    with pytest.raises(ContractBroken):
        stream.Stream(Question("?")).feed("data: " + "[" * 200_000)
