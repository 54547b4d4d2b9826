"""The wire modules against recorded exchanges, and the client's patience."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx_aiohttp import HttpxAiohttpClient
from hypothesis import given
from hypothesis import strategies as st

from kbtool.dify import stream
from kbtool.dify.client import DifyClient
from kbtool.dify.objects import DatasetProfile, RetrievalProfile
from kbtool.dify.text import sendable, stored
from kbtool.dify.wire import chunks, documents, refusals, retrieval
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
    ours = documents.create_document("id", PROFILE, request["name"], request["text"])
    assert ours.json == {name: value for name, value in request.items() if name != "doc_language"}


def test_a_listing_knows_ours_by_its_metadata() -> None:
    listing = documents.parse_documents(said(420))
    assert {document.metadata["kbtool_key"] for document in listing.items} == {
        "a1b2c3d4",
        "b2c3d4e5",
        "c3d4e5f6",
    }
    assert all(document.is_settled for document in listing.items)


def test_metadata_without_a_value_is_no_metadata() -> None:
    body = said(420)
    for entry in body["data"][0]["doc_metadata"]:
        entry["value"] = None
    assert documents.parse_documents(body).items[0].metadata == {}
    hits = said(421)
    hits["records"][0]["segment"]["document"]["doc_metadata"]["kbtool_key"] = None
    assert "kbtool_key" not in retrieval.parse_hits(hits)[0].metadata


def test_chunks_are_read_back_with_their_children() -> None:
    first, second = chunks.parse_chunks(said(416)).items
    assert first.text == "\n \n \n".join(first.children)
    assert len(second.children) == 1


def test_hits_carry_score_and_metadata() -> None:
    first, *_ = retrieval.parse_hits(said(421))
    assert first.score == pytest.approx(0.7071067)
    assert first.metadata["kbtool_key"] == "a1b2c3d4"


@pytest.mark.parametrize("number", [1, 2, 21, 30, 164, 174])
def test_an_error_answer_says_whose_fault_it_is(number: int) -> None:
    recording = recorded(number)
    error = refusals.error_of(recording["status"], recording["response"], "request")
    assert isinstance(error, Unavailable if recording["status"] >= 500 else (Rejected, Unavailable))
    assert error.status == recording["status"]


def test_a_rate_limit_in_disguise_is_waited_out() -> None:
    body = {
        "code": "forbidden",
        "message": "you have reached the knowledge base request rate limit",
        "status": 403,
    }
    assert isinstance(refusals.error_of(403, body, "retrieve"), Unavailable)
    assert isinstance(refusals.error_of(403, {"code": "forbidden", "message": "no"}, "retrieve"), Rejected)


@pytest.mark.parametrize("body", [None, [], {}, {"records": [{}]}, {"records": None}, "text"])
def test_an_answer_of_another_form_is_a_broken_contract(body: Any) -> None:
    with pytest.raises(ContractBroken):
        retrieval.parse_hits(body)


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


async def ask_app(client: DifyClient) -> None:
    await client.chat(Question("refunds?"), user="u")


async def make_dataset(client: DifyClient) -> None:
    await client.create_dataset(PROFILE)


async def send_document(client: DifyClient) -> None:
    await client.create_document("00000000-0000-4000-8000-000000000000", PROFILE, "a", "b")


async def asked(its: Server, ask: Callable[[DifyClient], Awaitable[None]]) -> None:
    async with its.client() as client:
        await ask(client)


def test_a_dataset_whose_answer_was_lost_is_found_again(server: Callable[..., Server]) -> None:
    its = server(loses="POST /v1/datasets$")
    run(asked(its, make_dataset))
    assert its.requests.count("POST /v1/datasets") == 2


@pytest.mark.parametrize(
    "other", [replace(PROFILE, technique="economy"), replace(PROFILE, embedding_model="another")]
)
def test_a_dataset_of_that_name_made_otherwise_is_refused(
    server: Callable[..., Server], other: DatasetProfile
) -> None:
    run(asked(server(), make_dataset))

    async def make_another(client: DifyClient) -> None:
        await client.create_dataset(other)

    with pytest.raises(Rejected, match="409"):
        run(asked(server(), make_another))


@pytest.mark.parametrize(("status", "times_asked"), [(429, 2), (503, 2), (500, 1), (502, 1), (504, 1)])
@pytest.mark.parametrize(("ask", "path"), [(ask_app, "/chat-messages"), (send_document, "/create-by-text")])
def test_what_costs_twice_is_repeated_only_when_it_was_not_begun(
    server: Callable[..., Server],
    ask: Callable[[DifyClient], Awaitable[None]],
    path: str,
    status: int,
    times_asked: int,
) -> None:
    its = server(faults=(CannedAnswer(path, status, {"message": "no"}, times=9),))
    with pytest.raises(Unavailable, match=str(status)):
        run(asked(its, ask))
    assert len(its.requests) == times_asked


def test_a_question_whose_answer_was_lost_is_not_asked_again(server: Callable[..., Server]) -> None:
    its = server(loses="/chat-messages")
    with pytest.raises(Unavailable):
        run(asked(its, ask_app))
    assert len(its.requests) == 1


class Silent(asyncio.Protocol):
    """A server that takes every request and answers none."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def end(self) -> None:
        self.transport.close()


class Breaking(Silent):
    """A server that breaks the connection once it has a request."""

    def data_received(self, _: bytes) -> None:
        self.transport.close()


@asynccontextmanager
async def over_http(kind: type[Silent] | None, **settings: Any) -> AsyncIterator[DifyClient]:
    """The client as commands use it, on aiohttp, and a server of that kind; None: nobody listens."""
    connections: list[Silent] = []

    def accept() -> Silent:
        assert kind
        connections.append(kind())
        return connections[-1]

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        http = HttpxAiohttpClient(base_url=address, timeout=httpx.Timeout(20.0))
        async with DifyClient(http, attempts=2, sleep=lambda _: asyncio.sleep(0), **settings) as client:
            if kind is None:
                yield client
                return
            async with await asyncio.get_running_loop().create_server(accept, sock=listener):
                yield client
                for connection in connections:
                    connection.end()
                await asyncio.sleep(0.01)


def failure(
    kind: type[Silent] | None, ask: Callable[[DifyClient], Awaitable[None]], **settings: Any
) -> tuple[str, int]:
    """The message that it ends with, and how often it was tried."""

    async def work() -> tuple[str, int]:
        async with over_http(kind, **settings) as client:
            with pytest.raises(Unavailable) as caught:
                await ask(client)
            return caught.value.message, client.requests

    return run(work())


@pytest.mark.parametrize("ask", [ask_app, send_document])
def test_a_connection_that_breaks_is_not_one_that_was_never_made(
    ask: Callable[[DifyClient], Awaitable[None]],
) -> None:
    assert failure(Breaking, ask)[1] == 1
    assert failure(None, ask)[1] == 2


def test_what_can_be_repeated_is_when_the_connection_breaks() -> None:
    assert failure(Breaking, make_dataset)[1] == 2


@pytest.mark.parametrize("ask", [ask_app, send_document, make_dataset])
def test_the_deadline_bounds_the_request_under_way(ask: Callable[[DifyClient], Awaitable[None]]) -> None:
    message, tries = failure(Silent, ask, deadline=0.05)
    assert "within 0 s" in message
    assert tries == 1


def test_a_password_in_the_address_is_never_shown() -> None:
    class Repeating(httpx.AsyncBaseTransport):
        """Its errors name the whole address."""

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError(f"no way to {request.url}")

    async def work() -> str:
        http = httpx.AsyncClient(base_url="http://kb:sesame@dify.example/v1", transport=Repeating())
        async with DifyClient(http, attempts=1) as client:
            with pytest.raises(Unavailable) as caught:
                await client.embedding_models()
        return caught.value.message

    message = run(work())
    assert "http://dify.example/v1" in message
    assert "sesame" not in message
