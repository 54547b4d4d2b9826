"""What the bridge answers Chatwoot: the right status to everything that can arrive, and it goes on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from bridge import signature
from bridge.settings import Mode
from bridge.worker import MANY, Worker
from tests.bridging import Said, Stand, stand
from tests.server import run
from tests.test_bridge_events import SAMPLES, body_of
from tests.waiting import PATIENCE, until

NAMES = sorted(path.stem for path in SAMPLES.glob("*.json") if '"event"' in path.read_text(encoding="utf-8"))


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Stand]:
    async with stand(folder, {"How long may I wait?": Said("30 days.")}) as at, at.bridge():
        yield at
        visit = at.ask("How long may I wait?")  # whatever came before, it goes on
        await at.until(lambda: at.replies(visit) == ["30 days."])


def rows(folder: Path, query: str) -> list[Any]:
    engine = create_engine(f"sqlite:///{folder / 'bridge.sqlite'}")
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]
    finally:
        engine.dispose()


def question(number: int = 9001, *, conversation: int = 0) -> bytes:
    body = body_of("message_created_incoming_text_web")
    if conversation:
        body |= {
            "conversation": body["conversation"] | {"id": conversation},
            "content": "How long may I wait?",
        }
    return json.dumps(body | {"id": number}).encode()


# Whether a delivery is Chatwoot's


def test_a_signed_delivery_is_taken(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as at:
            assert await at.deliver(question()) == 200

    run(scenario())


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Chatwoot_Signature": "sha256=" + "0" * 64},
        {"X_Chatwoot_Signature": ""},
        {"X_Chatwoot_Timestamp": "1"},
        {"X_Chatwoot_Timestamp": ""},
        {"X_Chatwoot_Timestamp": "nan"},
    ],
    ids=str,
)
def test_a_forged_delivery_is_refused_and_not_kept(tmp_path: Path, headers: dict[str, str]) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as at:
            assert await at.deliver(question(), **headers) == 401
            assert rows(tmp_path, "select count(*) from deliveries") == [(0,)]

    run(scenario())


def test_a_signature_covers_the_time_and_every_byte() -> None:
    now = time.time()
    stamp = str(int(now))
    headers = {"x-chatwoot-timestamp": stamp, "x-chatwoot-signature": signature.sign(b"body", stamp, "s")}
    assert signature.is_genuine(b"body", headers, "s", now)
    assert not signature.is_genuine(b"body ", headers, "s", now)
    assert not signature.is_genuine(b"body", headers, "t", now)
    assert not signature.is_genuine(b"body", headers, "s", now + 302)
    assert not signature.is_genuine(b"body", headers, "s", now - 302)
    later = headers | {"x-chatwoot-timestamp": str(int(now) + 1)}
    assert not signature.is_genuine(b"body", later, "s", now)


@given(
    st.dictionaries(
        st.sampled_from([signature.SIGNATURE, signature.TIMESTAMP]), st.text("0123456789²äs=ha25-\n")
    )
)
def test_no_header_makes_the_check_fail(headers: dict[str, str]) -> None:
    assert not signature.is_genuine(b"", headers, "secret", 0.0)


def test_who_sends_slowly_is_hung_up_on_and_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what Chatwoot has signed counts as being received: the worker stands back for that."""
    received: list[int] = []

    class Watched(Worker):
        @contextmanager
        def receiving(self) -> Iterator[None]:
            received.append(1)
            with super().receiving():
                yield

    monkeypatch.setattr("bridge.app.WHOLE", 0.5)
    monkeypatch.setattr("bridge.serve.Worker", Watched)
    begun = b"POST /webhooks/chatwoot/kbtool HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"

    async def scenario() -> None:
        async with running(tmp_path) as at:
            slow = [await asyncio.open_connection("127.0.0.1", at.port) for _ in range(2 * MANY)]
            for _, writer in slow:
                writer.write(begun)
            assert await at.deliver(question(), X_Chatwoot_Signature="") == 401
            assert received == []
            assert await at.deliver(question()) == 200
            assert received == [1]
            for reader, writer in slow:
                assert (await reader.readline()).startswith(b"HTTP/1.1 408")
                await reader.read()  # to the end: it is hung up on
                writer.close()

    run(scenario())


# What is taken


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"null", b"\xff"])
def test_a_signed_body_that_is_no_event_is_taken_and_kept_whole(tmp_path: Path, body: bytes) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as at:
            assert await at.deliver(body) == 200
            await at.until(lambda: rows(tmp_path, "select state from deliveries") == [("unreadable",)])
            assert rows(tmp_path, "select body from deliveries") == [(body,)]

    run(scenario())


def test_every_event_of_the_samples_and_one_that_is_new_is_taken(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as at:
            for name in NAMES:
                body = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
                assert await at.deliver(json.dumps(body.get("body", body)).encode()) == 200
            assert await at.deliver(b'{"event": "conversation_teleported", "id": {"no": 1}}') == 200
            left = "select count(*) from deliveries where state = 'new'"
            await at.until(lambda: rows(tmp_path, left) == [(0,)])
            assert rows(tmp_path, "select count(*) from deliveries where state = 'unreadable'") == [(0,)]

    run(scenario())


@pytest.mark.parametrize("framing", ["Content-Length: 10000000", "Transfer-Encoding: chunked"])
def test_a_body_over_the_bound_is_refused_before_it_is_all_there(tmp_path: Path, framing: str) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as at:
            reader, writer = await asyncio.open_connection("127.0.0.1", at.port)
            writer.write(f"POST /webhooks/chatwoot/kbtool HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode())
            part = b"x" * 100_000
            for _ in range(100):
                writer.write(part if "Length" in framing else b"%x\r\n%s\r\n" % (len(part), part))
            assert b" 413 " in await asyncio.wait_for(reader.readline(), PATIENCE)
            writer.close()

    run(scenario())


# Account webhooks, and servers that do not sign


def test_an_account_webhook_has_an_address_and_a_secret_of_its_own(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {}) as at:
            (bot,) = at.settings.routes
            drafts = replace(bot, name="drafts", secret="another", is_account=True, mode=Mode.DRAFT)
            base = f"http://127.0.0.1:{at.port}/webhooks/chatwoot"
            async with at.bridge(routes=(drafts, bot)):
                assert await at.deliver(question(), to=f"{base}/account/drafts") == 401  # the bot's secret
                assert await at.deliver(question(), to=f"{base}/drafts") == 404
                at.settings = replace(at.settings, routes=(drafts,))
                assert await at.deliver(question(), to=f"{base}/account/drafts") == 200
                assert await at.deliver(question(), to=f"{base}/kbtool") == 401
                kept = "select distinct bot from messages"
                await at.until(lambda: rows(tmp_path, kept) == [("account/drafts",)])

    run(scenario())


@pytest.mark.parametrize("is_account", [False, True])
def test_where_the_server_does_not_sign_the_address_is_the_secret(tmp_path: Path, is_account: bool) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {}) as at:
            route = replace(at.settings.routes[0], secret="long-and-random", is_signed=False)
            route = replace(route, is_account=is_account)
            base = f"http://127.0.0.1:{at.port}/webhooks/chatwoot/{route.address}"
            async with at.bridge(routes=(route,)):
                for wrong in ("", "/wrong", "/long-and-random-2", "/long-and-rando"):
                    assert (await at.http.post(base + wrong, content=question())).status_code == 401
                assert await at.deliver(question(), to=base) == 401  # a signature does not open it
                assert (await at.http.post(f"{base}/long-and-random", content=question())).status_code == 200
                await at.until(lambda: rows(tmp_path, "select count(*) from messages") == [(1,)])

    run(scenario())


def test_a_route_that_is_signed_takes_nothing_by_a_secret_address(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as at:
            (route,) = at.settings.routes
            base = f"http://127.0.0.1:{at.port}/webhooks/chatwoot/{route.address}"
            assert (await at.http.post(f"{base}/{route.secret}", content=question())).status_code == 401

    run(scenario())


def test_an_unknown_bot_and_another_method_are_not_taken(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as at:
            base = f"http://127.0.0.1:{at.port}/webhooks/chatwoot"
            assert (await at.http.post(f"{base}/somebody", content=question())).status_code == 404
            assert (await at.http.get(f"{base}/kbtool")).status_code == 405

    run(scenario())


# Each once


def test_the_same_delivery_twice_is_kept_once_and_answered_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as at:
            both = await asyncio.gather(*(at.deliver(question(), delivery="d-1") for _ in range(2)))
            assert both == [200, 200]
            assert await at.deliver(question(), delivery="d-1") == 200
            assert rows(tmp_path, "select count(*) from deliveries") == [(1,)]

    run(scenario())


def test_the_same_message_under_another_delivery_is_one_message(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as at:
            assert await at.deliver(question(), delivery="d-1") == 200
            assert await at.deliver(question(), delivery="d-2") == 200
            again = "select count(*) from trace where message = 9001 and text like 'delivered again%'"
            await at.until(lambda: rows(tmp_path, again) == [(1,)])
            assert rows(tmp_path, "select count(*) from messages where id = 9001") == [(1,)]

    run(scenario())


def test_what_was_sorted_keeps_no_credential_of_the_contact(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as at:
            assert b"pubsub" in question()
            assert await at.deliver(question()) == 200
            await at.until(lambda: rows(tmp_path, "select state from deliveries") == [("sorted",)])
            assert rows(tmp_path, "select body from deliveries") == [(None,)]

    run(scenario())


# When it cannot be stored


def test_what_cannot_be_stored_is_answered_with_the_one_status_that_is_tried_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {}) as at, at.bridge():
            engine = create_engine(f"sqlite:///{tmp_path / 'bridge.sqlite'}")
            with engine.begin() as connection:
                connection.execute(text("alter table deliveries rename to elsewhere"))
            assert await at.deliver(question()) == 500
            with engine.begin() as connection:
                connection.execute(text("alter table elsewhere rename to deliveries"))
            engine.dispose()
            assert await at.deliver(question()) == 200

    run(scenario())


# The second address


def test_the_second_address_tells_health_and_traces(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as at:
            assert (await at.http.get(f"{at.ops}/healthz")).json() == {"status": "alive"}
            assert (await at.ready())["status"] == "ready"
            assert (await at.http.get(f"{at.ops}/trace/1/214")).json() == []
            assert await at.deliver(question()) == 200
            trace = f"{at.ops}/trace/1/214"

            async def look() -> list[dict[str, object]]:
                steps: list[dict[str, object]] = (await at.http.get(trace)).json()
                return steps

            steps = await until(look)
            assert steps[0]["message_id"] == 9001
            assert list(steps[0]) == ["message_id", "at", "step", "text", "detail"]
            base = f"http://127.0.0.1:{at.port}"
            assert (await at.http.get(f"{base}/trace/1/214")).status_code == 404

    run(scenario())
