"""The wire modules against recorded exchanges, and the client's patience."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.dify import stream, wire
from kbtool.dify.objects import RetrievalProfile
from kbtool.dify.text import sendable, stored
from kbtool.embedded import CannedAnswer
from kbtool.errors import ContractBroken, Rejected, Unavailable
from kbtool.model import Question
from tests.server import PROFILE, Server, run

FOLDER = Path(__file__).parent / "contract" / "dify"


def recorded(number: int) -> dict[str, Any]:
    (path,) = FOLDER.glob(f"{number:03d}-*.json")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def said(number: int) -> Any:
    return recorded(number)["response"]


def test_our_create_request_is_the_recorded_one() -> None:
    request = recorded(409)["request"]
    ours = wire.create_document("id", PROFILE, request["name"], request["text"])
    assert ours.json == {name: value for name, value in request.items() if name != "doc_language"}


def test_a_listing_knows_ours_by_its_metadata() -> None:
    listing = wire.parse_documents(said(420))
    assert {document.metadata["kbtool_key"] for document in listing.items} == {
        "a1b2c3d4",
        "b2c3d4e5",
        "c3d4e5f6",
    }
    assert all(document.is_settled for document in listing.items)


def test_chunks_are_read_back_with_their_children() -> None:
    first, second = wire.parse_chunks(said(416)).items
    assert first.text == "\n \n \n".join(first.children)
    assert len(second.children) == 1


def test_hits_carry_score_and_metadata() -> None:
    first, *_ = wire.parse_hits(said(421))
    assert first.score == pytest.approx(0.7071067)
    assert first.metadata["kbtool_key"] == "a1b2c3d4"


@pytest.mark.parametrize("number", [1, 2, 21, 30, 164, 174])
def test_an_error_answer_says_whose_fault_it_is(number: int) -> None:
    recording = recorded(number)
    error = wire.error_of(recording["status"], recording["response"], "request")
    assert isinstance(error, Unavailable if recording["status"] >= 500 else (Rejected, Unavailable))
    assert error.status == recording["status"]


def test_a_rate_limit_in_disguise_is_waited_out() -> None:
    body = {
        "code": "forbidden",
        "message": "you have reached the knowledge base request rate limit",
        "status": 403,
    }
    assert isinstance(wire.error_of(403, body, "retrieve"), Unavailable)
    assert isinstance(wire.error_of(403, {"code": "forbidden", "message": "no"}, "retrieve"), Rejected)


@pytest.mark.parametrize("body", [None, [], {}, {"records": [{}]}, {"records": None}, "text"])
def test_an_answer_of_another_form_is_a_broken_contract(body: Any) -> None:
    with pytest.raises(ContractBroken):
        wire.parse_hits(body)


def lines(number: int) -> list[str]:
    text: str = recorded(number)["stream"]
    return text.splitlines()


def test_a_streamed_answer_ends_with_its_citations() -> None:
    answer = stream.read(lines(308), Question("?"))
    assert answer.text.startswith("Refunds are issued within 14 days")
    assert answer.hits[0].score == pytest.approx(0.4045199)
    assert answer.tokens


def test_a_chatflow_without_message_end_keeps_its_scores() -> None:
    answer = stream.read(lines(320), Question("?"))
    assert answer.hits[0].document_name == "refunds.md"
    assert answer.hits[0].score == pytest.approx(0.4045199)
    assert answer.text


@pytest.mark.parametrize("number", [309, 310, 311, 321])
def test_an_error_under_200_is_an_error(number: int) -> None:
    with pytest.raises((Rejected, Unavailable)):
        stream.read(lines(number), Question("?"))


def test_half_an_answer_is_no_answer() -> None:
    with pytest.raises(Unavailable):
        stream.read(lines(308)[:4], Question("?"))


@given(st.text())
def test_what_is_sendable_stays_so(text: str) -> None:
    assert sendable(sendable(text)) == sendable(text)
    assert stored(stored(text)) == stored(text) or "<|" in stored(text) or "|>" in stored(text)


def test_known_losses_are_spelled_around() -> None:
    assert stored(sendable("naïve ¾")) == "nai\u0308ve 3/4"
    assert stored("¿Qué? <|x|>") == "Qué? <x>"


def test_a_busy_server_is_asked_again(server: Callable[..., Server]) -> None:
    async def ask(its: Server) -> list[str]:
        async with its.client() as client:
            await client.embedding_models()
        return its.requests

    busy = {"code": "too_many_requests", "message": "slow down", "status": 429}
    assert len(run(ask(server(faults=(CannedAnswer("/models/", 429, busy),))))) == 2
    with pytest.raises(Unavailable, match="429"):
        run(ask(server(faults=(CannedAnswer("/models/", 429, busy, times=9),))))


def test_a_refusal_is_not_asked_again(server: Callable[..., Server]) -> None:
    async def ask(its: Server) -> None:
        async with its.client() as client:
            await client.retrieve("00000000-0000-4000-8000-000000000000", "q", RetrievalProfile())

    its = server()
    with pytest.raises(Rejected, match="404"):
        run(ask(its))
    assert len(its.requests) == 1


def test_a_server_that_is_not_there_is_named(server: Callable[..., Server]) -> None:
    async def ask() -> None:
        async with server(dies_after=0).client() as client:
            await client.embedding_models()

    with pytest.raises(Unavailable, match="cannot be reached"):
        run(ask())
