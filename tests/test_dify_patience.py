"""When the client tries again, how long it waits before, and what it never does twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.dify.connection import FIRST_PAUSE, LONGEST_PAUSE, pause_before
from kbtool.dify.objects import RetrievalProfile
from kbtool.dify.wire.refusals import KNOWLEDGE_PAUSE, error_of, refusal_of
from kbtool.embedded import CannedAnswer, FailingModel
from kbtool.errors import Rejected, ServiceError, Unavailable
from kbtool.model import Question
from tests.server import PROFILE, over_http, run

KNOWLEDGE_LIMIT = {
    "code": "forbidden",
    "message": "Sorry, you have reached the knowledge base request rate limit of your subscription.",
    "status": 403,
}
TOO_MANY = {"code": "invalid_param", "message": "Too many requests. Please try again later.", "status": 400}


@given(st.integers(1, 10_000), st.none() | st.floats(0, 1000))
def test_a_pause_grows_to_its_bound_and_is_never_shorter_than_asked_for(
    attempt: int, wait: float | None
) -> None:
    pause = pause_before(attempt, wait)
    if wait is None:
        assert FIRST_PAUSE / 2 <= pause <= LONGEST_PAUSE
    else:
        assert wait <= pause <= wait + FIRST_PAUSE


@given(
    st.integers(100, 599), st.none() | st.text() | st.integers() | st.lists(st.text()), st.text(max_size=30)
)
def test_any_answer_is_one_error_or_the_other(status: int, body: object, header: str) -> None:
    for said in (body, {"message": body, "code": body, "error": body}):
        refusal = refusal_of(status, {"retry-after": header}, said, "GET /x")
        assert isinstance(refusal.error, ServiceError)
        assert refusal.wait is None or refusal.wait >= 0


def _in(seconds: int) -> str:
    """The moment so many seconds from now, as HTTP writes it."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7.5),
        (100, 30, 100.5),
        (-100, 0, 0.5),
        ("soon", 0.25, 0.5),
        ("-5", 0.25, 0.5),
    ],
)
def test_a_server_that_names_a_time_is_not_asked_before(header: str | int, least: float, most: float) -> None:
    async def pauses() -> list[float]:
        named = header if isinstance(header, str) else _in(header)
        busy = CannedAnswer("/datasets", 429, {"message": "slow down"}, headers={"Retry-After": named})
        async with over_http(busy) as its:
            assert await its.client.find_dataset("help") is None
            return its.pauses

    (pause,) = run(pauses())
    assert least <= pause <= most


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    async def story() -> list[float]:
        busy = CannedAnswer("/datasets", 429, {"message": "slow down"}, headers={"Retry-After": "1000"})
        async with over_http(busy, deadline=60) as its:
            with pytest.raises(Unavailable, match="429"):
                await its.client.find_dataset("help")
            return its.pauses

    assert run(story()) == []


def test_the_cloud_s_limit_is_waited_out_beyond_the_usual_attempts_and_writes_once() -> None:
    async def story() -> tuple[list[float], list[str]]:
        async with over_http(attempts=2) as its:
            dataset = await its.dataset()
            its.engine.inject(CannedAnswer("create-by-text", 403, KNOWLEDGE_LIMIT, times=6))
            await its.client.create_document(dataset, PROFILE, "one", "text")
            return its.pauses, [document.name for document in await its.client.documents(dataset)]

    pauses, names = run(story())
    assert len(pauses) == 6
    assert min(pauses) >= KNOWLEDGE_PAUSE
    assert names == ["one"]


def test_another_403_is_not_waited_for() -> None:
    forbidden = {"code": "forbidden", "message": "Dataset api access is not enabled.", "status": 403}

    async def story() -> list[float]:
        async with over_http(CannedAnswer("/datasets", 403, forbidden)) as its:
            with pytest.raises(Rejected, match="not enabled"):
                await its.client.find_dataset("help")
            return its.pauses

    assert run(story()) == []


def test_an_app_that_is_full_is_asked_again_since_it_did_not_begin() -> None:
    async def story() -> tuple[int, int]:
        async with over_http(CannedAnswer("/chat-messages", 400, TOO_MANY, times=2)) as its:
            answer = await its.client.chat(Question("refunds?"), user="u")
            return len(its.pauses), len(await its.client.messages("u", answer.conversation_id))

    assert run(story()) == (2, 1)


def test_a_model_s_own_limit_is_unavailable_and_the_question_is_not_asked_twice() -> None:
    async def story() -> list[str]:
        async with over_http(FailingModel("refunds", "Rate limit reached for gpt")) as its:
            for ask in (its.client.chat, its.client.chat_blocking):
                with pytest.raises(Unavailable, match="Rate limit"):
                    await ask(Question("refunds?"), user="u")
            return its.asked

    assert run(story()) == ["POST /v1/chat-messages"] * 2


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("Rate limit reached for embed", Unavailable),
        ("Error code: 429 - {'error': 'busy'}", Unavailable),
        ("503 Service Unavailable", Unavailable),
        ("The engine is currently overloaded", Unavailable),
        ("Incorrect API key provided", Rejected),
        ("different vector dimensions 384 and 256", Rejected),
    ],
)
def test_an_upstream_failure_in_a_400_is_told_by_its_words(message: str, error: type[ServiceError]) -> None:
    assert isinstance(error_of(400, {"code": "invalid_param", "message": message, "status": 400}, "x"), error)


def test_what_is_done_twice_by_a_lost_answer_is_found_again() -> None:
    """A dataset and a field are there when the first attempt is answered 500 behind the work."""
    gone = {"message": "gone", "code": "unknown"}

    async def story() -> tuple[int, int]:
        lost = (
            CannedAnswer("/v1/datasets", 500, gone, method="POST", is_done=True),
            CannedAnswer("/metadata", 500, gone, method="POST", is_done=True),
        )
        async with over_http(*lost) as its:
            dataset = await its.dataset()
            await its.client.require_metadata_fields(dataset, {"city": "string"})
            datasets = [found async for found in its.client.datasets()]
            return len(datasets), len(await its.client.metadata_fields(dataset))

    assert run(story()) == (1, 1)


def test_a_redirect_names_what_to_set() -> None:
    moved = CannedAnswer("/datasets", 301, "moved", headers={"Location": "https://dify.example/v1"})

    async def story() -> str:
        async with over_http(moved) as its:
            with pytest.raises(Rejected, match="301") as caught:
                await its.client.find_dataset("help")
            return caught.value.hint

    assert "base_url" in run(story())


@pytest.mark.parametrize("body", ["<html>log in</html>", "[" * 100_000])
def test_a_page_in_place_of_json_is_not_taken_for_an_answer(body: str) -> None:
    async def story() -> None:
        async with over_http(CannedAnswer("/retrieve", 200, body)) as its:
            dataset = await its.dataset()
            with pytest.raises(Unavailable, match="not JSON"):
                await its.client.retrieve(dataset, "x", RetrievalProfile())

    run(story())
