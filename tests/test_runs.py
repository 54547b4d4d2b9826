"""Asking: killed, limited, out of space, run twice, under a wrong clock; what a run then knows and says."""

from __future__ import annotations

import json
import resource
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from httpx_aiohttp import HttpxAiohttpClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kbtool import corpus
from kbtool.config import load
from kbtool.dify.client import DifyClient
from kbtool.dify.objects import RetrievalProfile
from kbtool.embedded import CannedAnswer, EngineSettings, create_app
from kbtool.errors import ExportError
from kbtool.evaluate.project import _next_id
from kbtool.evaluate.record import Golden, QuestionKind, Reply
from kbtool.evaluate.run import Asker, Resolver, read_replies
from kbtool.sync.apply import Sync
from kbtool.sync.render import render_all
from kbtool.sync.waiting import Pace
from tests.forked import start
from tests.server import APP, Connected, over_http, run, served

TOPICS = ("kettle", "grinder", "carafe", "filter", "gasket", "scale", "tank", "lid", "pump", "dial")
QUESTIONS = tuple(Golden(topic, f"how do I look after my {topic}", answerable=False) for topic in TOPICS)
KB = """\
[corpus]
sources = ["exports"]
[dify]
dataset = "help"
base_url = "{address}/v1"
[evals]
golden = ["golden.yaml"]
concurrency = 3
"""


class Guillotine:
    """The engine, and a process that dies when its n-th message is answered and the answer not yet sent.

    `asked` counts the messages by their text.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.after: int | None = None
        self.kill: Callable[[], None] = lambda: None
        self.asked: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/v1/chat-messages":
            await self.app(scope, receive, send)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.asked[json.loads(body)["query"]] += 1

        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return whole.pop() if whole else await receive()

        if self.asked.total() == self.after:
            await self.app(scope, again, _nowhere)
            self.kill()
            return
        await self.app(scope, again, send)


async def _nowhere(_: Message) -> None:
    """The answer is lost."""


def write_project(folder: Path, address: str) -> None:
    (folder / "exports").mkdir(exist_ok=True)
    for topic in TOPICS:
        text = f"# The {topic}\n\n## Care\n\nRinse the {topic} once a week.\n"
        (folder / "exports" / f"{topic}.md").write_text(text, encoding="utf-8")
    golden = "".join(
        f"- id: {topic}\n  question: how do I look after my {topic}\n"
        f"  relevant: [{{doc: the-{topic}, section: [Care], evidence: once a week}}]\n"
        for topic in TOPICS
    )
    (folder / "golden.yaml").write_text(golden, encoding="utf-8")
    (folder / "kb.toml").write_text(KB.format(address=address), encoding="utf-8")


async def ingest(folder: Path, address: str) -> None:
    settings = load(folder / "kb.toml")
    pages = render_all(corpus.load(settings).documents, settings)
    http = HttpxAiohttpClient(base_url=f"{address}/v1", timeout=20.0)
    async with DifyClient(http, dataset_key="dataset-test") as client:
        sync = Sync(client, settings.dataset_profile, Pace(poll=0.02))
        await sync.apply(await sync.plan(pages), pages)


def replies_in(folder: Path) -> set[str]:
    """Ids of the questions whose replies the folder's one run holds."""
    (path,) = folder.glob("reports/runs/*/replies.jsonl")
    return set(read_replies(path))


def test_a_process_killed_while_it_asks_is_resumed_and_asks_nothing_twice(tmp_path: Path) -> None:
    async def scenario() -> tuple[int, Guillotine, set[str], int]:
        app = create_app(EngineSettings(dataset_key="dataset-test", apps=(APP,), path=tmp_path / "e.sqlite"))
        guillotine = Guillotine(app)
        keys = {"DIFY_DATASET_KEY": "dataset-test", "DIFY_APP_KEY": APP.key}
        try:
            async with served(guillotine) as address:
                write_project(tmp_path, address)
                await ingest(tmp_path, address)
                guillotine.after = 6
                killed = await start("eval", "run", "--json", cwd=tmp_path, **keys)
                guillotine.kill = killed.process.kill
                code = await killed.wait()
                kept = replies_in(tmp_path)
                guillotine.after = None
                resumed = await start("eval", "run", "--json", "--resume", "latest", cwd=tmp_path, **keys)
                assert await resumed.wait() == 0, resumed.stderr
                return code, guillotine, kept, json.loads(resumed.stdout)["questions"]
        finally:
            await app.aclose()

    code, guillotine, kept, questions = run(scenario())
    assert code == -signal.SIGKILL
    assert 6 - 3 <= len(kept) < 6  # all but what three at once had under way
    assert questions == len(TOPICS)
    assert set(guillotine.asked) == {golden.question for golden in QUESTIONS}
    twice = {question for question, times in guillotine.asked.items() if times > 1}
    assert twice <= {golden.question for golden in QUESTIONS if golden.id not in kept}
    assert guillotine.asked.total() == len(TOPICS) + len(twice)
    assert len(list(tmp_path.glob("reports/runs/*/run.json"))) == 1


def asker(client: DifyClient, **settings: object) -> Asker:
    given = {"client": client, "dataset_id": "", "retrieval": RetrievalProfile(), "asks_retrieval": False}
    return Asker(**(given | {"resolver": Resolver({}, {})} | settings))  # type: ignore[arg-type]


def messages(dify: Connected) -> list[str]:
    return [asked for asked in dify.asked if asked.endswith("/chat-messages")]


def test_a_busy_app_is_waited_for_and_every_question_has_its_answer(tmp_path: Path) -> None:
    async def scenario() -> tuple[dict[str, Reply], list[float], int]:
        limited = CannedAnswer(
            "/chat-messages", 429, {"code": "rate_limit_error"}, times=7, headers={"retry-after": "3"}
        )
        async with over_http(limited) as dify:
            await dify.dataset(*(f"Rinse the {topic} once a week." for topic in TOPICS))
            replies = await asker(dify.client).ask(QUESTIONS, tmp_path / "run" / "replies.jsonl")
            return replies, dify.pauses, len(messages(dify))

    replies, pauses, asked = run(scenario())
    assert [reply.error for reply in replies.values()] == [""] * len(TOPICS)
    assert asked == len(TOPICS) + 7
    assert len(pauses) == 7
    assert min(pauses) >= 3


def test_a_question_that_failed_is_asked_again_and_only_that_one(tmp_path: Path) -> None:
    path = tmp_path / "run" / "replies.jsonl"

    async def scenario() -> tuple[dict[str, Reply], dict[str, Reply], int]:
        async with over_http(CannedAnswer("/chat-messages", 400, {"code": "app_unavailable"})) as dify:
            await dify.dataset("Rinse the kettle.")
            first = await asker(dify.client, concurrency=1).ask(QUESTIONS, path)
            before = len(dify.asked)
            second = await asker(dify.client).ask(QUESTIONS, path)
            return first, second, len(dify.asked) - before

    first, second, asked = run(scenario())
    assert [id_ for id_, reply in first.items() if reply.error] == ["kettle"]
    assert not any(reply.error for reply in second.values())
    assert asked == 1


@contextmanager
def at_most_a_file_of(size: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_one_sentence_and_half_a_line_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "run" / "replies.jsonl"

    async def scenario() -> dict[str, Reply]:
        async with over_http() as dify:
            await dify.dataset(*(f"Rinse the {topic} once a week." for topic in TOPICS))
            whole = await asker(dify.client).ask(QUESTIONS, tmp_path / "whole" / "replies.jsonl")
            size = (tmp_path / "whole" / "replies.jsonl").stat().st_size
            with at_most_a_file_of(size // 2), pytest.raises(ExportError, match="cannot be written") as said:
                await asker(dify.client).ask(QUESTIONS, path)
            assert "--resume run" in said.value.hint
            assert not path.read_bytes().endswith(b"\n")
            kept = read_replies(path)
            assert 0 < len(kept) < len(whole)
            before = len(messages(dify))
            replies = await asker(dify.client).ask(QUESTIONS, path)
            assert len(messages(dify)) - before == len(TOPICS) - len(kept)
            return replies

    assert set(run(scenario())) == set(TOPICS)


def stream(text: str, **usage: object) -> CannedAnswer:
    """An answer as a Dify streams it, with this usage."""
    events = [
        {"event": "message", "answer": text, "conversation_id": "c1", "message_id": "m1", "task_id": "t1"},
        {"event": "message_end", "conversation_id": "c1", "message_id": "m1", "metadata": {"usage": usage}},
    ]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return CannedAnswer("/chat-messages", 200, body, headers={"content-type": "text/event-stream"})


FOLLOWUP = Golden("f", "and the label?", answerable=False, kind=QuestionKind.FOLLOWUP, history=("returns?",))


@pytest.mark.parametrize(
    ("before", "now", "tokens", "price"),
    [
        (
            {"total_tokens": 20, "total_price": "0.0000262", "currency": "USD"},
            {"total_tokens": 22, "total_price": "0.0000038", "currency": "USD"},
            42,
            "0.0000300",
        ),
        (
            {"total_tokens": 20},
            {"total_tokens": 22, "total_price": "0.1", "currency": "USD"},
            42,
            None,
        ),
        (
            {"total_tokens": 20, "total_price": "0E-7", "currency": "USD"},
            {"total_tokens": 22, "total_price": "0E-7", "currency": "USD"},
            42,
            None,
        ),
        (
            {"total_tokens": 20, "total_price": "0.1", "currency": "USD"},
            {"total_tokens": 22, "total_price": "0.1", "currency": "CNY"},
            42,
            None,
        ),
        ({}, {"total_tokens": 22, "total_price": "much", "currency": "USD"}, None, None),
        (
            {"total_tokens": 0, "total_price": "0", "currency": "USD"},
            {"total_tokens": 9, "total_price": "0.2", "currency": "USD"},
            9,
            "0.2",
        ),
    ],
    ids=["known", "half known", "no price list", "two currencies", "unknown", "an annotation costs nothing"],
)
def test_what_a_conversation_took_is_known_whole_or_not_at_all(
    tmp_path: Path, before: dict[str, object], now: dict[str, object], tokens: int | None, price: str | None
) -> None:
    async def scenario() -> Reply:
        async with over_http(stream("30 days.", **before), stream("€6.50.", **now)) as dify:
            replies = await asker(dify.client).ask([FOLLOWUP], tmp_path / "run" / "replies.jsonl")
            assert len(messages(dify)) == 2
            return replies["f"]

    reply = run(scenario())
    assert (reply.answer, reply.error) == ("€6.50.", "")
    assert (reply.tokens, reply.price) == (tokens, price)
    assert reply.latency is not None


NOW = datetime(2026, 3, 2, 9, 0, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("runs", "beginning"),
    [
        ([], "2026-03-02T090000-500"),
        (["2026-02-23T090000-123ab", "notes"], "2026-03-02T090000-500"),
        (["2026-03-02T090000-500ab"], "2026-03-02T090000-501"),
        (["2026-03-09T235959-999ff", "2026-02-23T090000-123ab"], "2026-03-10T000000-000"),
    ],
    ids=["the first", "the next", "in the same millisecond", "a clock that went back a week"],
)
def test_a_new_run_sorts_behind_every_other_whatever_the_clock_says(runs: list[str], beginning: str) -> None:
    made = _next_id(NOW, runs)
    assert made.startswith(beginning)
    assert all(made > other for other in runs if other[:1].isdigit())


def test_a_reply_says_which_question_it_answers(tmp_path: Path) -> None:
    """A question that was reworded meanwhile is another question, and is asked."""
    path = tmp_path / "run" / "replies.jsonl"
    changed = (replace(QUESTIONS[0], question="how do I clean my kettle"), *QUESTIONS[1:])

    async def scenario() -> int:
        async with over_http() as dify:
            await dify.dataset("Rinse the kettle.")
            await asker(dify.client).ask(QUESTIONS, path)
            before = len(dify.asked)
            await asker(dify.client).ask(changed, path)
            return len(dify.asked) - before

    assert run(scenario()) == 1
