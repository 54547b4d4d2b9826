"""A light Chatwoot and a light Dify in one process, for load only: they answer in the right shapes and count.

    python -m benchmarks.bridge_fakes        prints {"port": …}

Every conversation there is exists and is pending. The sandbox behaves like Chatwoot and is too slow for this;
`tests/test_sandbox_light.py` holds these answers to its shapes. Under `/control`: what Dify takes, what was
posted when (CLOCK_MONOTONIC, which all processes of a machine share), and which calls were made.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from aiohttp import web

ANSWER = "You have 30 days."
TEXT = "Refunds › Time limit\n\nYou have 30 days to send anything back."
ACCOUNT, INBOX = 1, 3


@dataclass
class World:
    """What was asked and posted since the last reset. `gate` holds Dify's answers back while it is closed."""

    dify_seconds: float = 0.0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    posts: dict[int, list[tuple[float, str, bool]]] = field(default_factory=lambda: defaultdict(list))
    marks: dict[int, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    calls: Counter[str] = field(default_factory=Counter)
    sequences: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    opened: set[int] = field(default_factory=set)
    asking: Counter[int] = field(default_factory=Counter)
    most_asking: int = 0


def create_app() -> web.Application:
    """Both servers at once: their paths do not meet."""
    app = web.Application()
    server = Fakes()
    one = f"/api/v1/accounts/{ACCOUNT}/conversations/{{conversation}}"
    app.add_routes(
        [
            web.get(one, server.show),
            web.get(f"{one}/messages", server.list_messages),
            web.post(f"{one}/messages", server.create_message),
            web.post(f"{one}/toggle_status", server.toggle_status),
            web.post(f"{one}/toggle_typing_status", server.toggle_typing_status),
            web.get(f"{one}/labels", server.labels),
            web.post(f"{one}/labels", server.labels),
            web.post(f"/api/v1/accounts/{ACCOUNT}/conversations/filter", server.filter),
            web.get(f"/api/v1/accounts/{ACCOUNT}/inboxes/{{inbox}}/agent_bot", server.inbox_bot),
            web.get("/api/v1/profile", server.profile),
            web.post("/v1/chat-messages", server.chat),
            web.get("/v1/info", server.info),
            web.get("/v1/parameters", server.parameters),
            web.post("/control", server.control),
            web.get("/control", server.told),
        ]
    )
    return app


class Fakes:
    """The routes."""

    def __init__(self) -> None:
        self._world = World()
        self._world.gate.set()
        self._ids = count(1_000_000)

    def _called(self, request: web.Request, name: str) -> int:
        number = int(request.match_info.get("conversation", "0"))
        self._world.calls[name] += 1
        self._world.sequences[number].append(name)
        return number

    # Chatwoot

    async def show(self, request: web.Request) -> web.Response:
        return web.json_response(self._conversation(self._called(request, "show")))

    async def list_messages(self, request: web.Request) -> web.Response:
        own = self._world.marks[self._called(request, "list")]
        return web.json_response({"meta": {"labels": [], "additional_attributes": {}}, "payload": own})

    async def create_message(self, request: web.Request) -> web.Response:
        number = self._called(request, "post")
        body = await request.json()
        made = {
            "id": next(self._ids),
            "content": body["content"],
            "inbox_id": INBOX,
            "conversation_id": number,
            "message_type": 1,
            "content_type": body.get("content_type", "text"),
            "status": "sent",
            "content_attributes": body.get("content_attributes") or {},
            "created_at": int(time.time()),
            "private": bool(body.get("private")),
            "source_id": None,
            "sender": {"id": 1, "name": "Assistant", "avatar_url": "", "type": "agent_bot"},
        }
        self._world.posts[number].append((time.monotonic(), body["content"], made["private"]))
        self._world.marks[number].append(made)
        return web.json_response(made)

    async def toggle_status(self, request: web.Request) -> web.Response:
        number = self._called(request, "status")
        self._world.opened.add(number)
        payload = {
            "success": None,
            "conversation_id": number,
            "current_status": "open",
            "snoozed_until": None,
        }
        return web.json_response({"meta": {}, "payload": payload})

    async def toggle_typing_status(self, request: web.Request) -> web.Response:
        self._called(request, "typing")
        return web.Response()

    async def labels(self, request: web.Request) -> web.Response:
        self._called(request, "labels")
        return web.json_response({"payload": []})

    async def filter(self, _: web.Request) -> web.Response:
        self._world.calls["filter"] += 1
        return web.json_response({"meta": {"all_count": 0}, "payload": []})

    async def inbox_bot(self, _: web.Request) -> web.Response:
        bot = {"id": 1, "name": "Assistant", "outgoing_url": "http://127.0.0.1/webhooks/chatwoot/bench"}
        return web.json_response({"agent_bot": bot})

    async def profile(self, _: web.Request) -> web.Response:
        account = {"id": ACCOUNT, "name": "Bench", "status": "active", "role": "administrator"}
        return web.json_response({"id": 2, "role": "administrator", "accounts": [account]})

    def _conversation(self, number: int) -> dict[str, Any]:
        now = time.time()
        contact = {"id": number, "name": "Visitor", "email": None, "phone_number": None, "identifier": None,
                   "blocked": False, "thumbnail": "", "availability_status": "online",
                   "additional_attributes": {}, "custom_attributes": {}}  # fmt: skip
        return {
            "meta": {"sender": contact, "channel": "Channel::WebWidget", "hmac_verified": False},
            "id": number, "messages": [], "account_id": ACCOUNT, "uuid": str(number),
            "additional_attributes": {}, "agent_last_seen_at": 0, "assignee_last_seen_at": 0,
            "can_reply": True, "contact_last_seen_at": int(now), "custom_attributes": {}, "inbox_id": INBOX,
            "labels": [], "muted": False, "snoozed_until": None,
            "status": "open" if number in self._world.opened else "pending", "created_at": int(now),
            "updated_at": now, "timestamp": int(now), "first_reply_created_at": 0, "unread_count": 1,
            "last_non_activity_message": None, "last_activity_at": int(now), "priority": None,
            "waiting_since": int(now), "sla_policy_id": None,
        }  # fmt: skip

    # Dify

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        world = self._world
        world.calls["ask"] += 1
        number = int("".join(filter(str.isdigit, body["query"])) or 0)  # the load's questions name theirs
        world.sequences[number].append("ask")
        world.asking[number] += 1  # by conversation: one that asks again is not counted twice
        world.most_asking = max(world.most_asking, len(world.asking))
        try:
            await asyncio.sleep(world.dify_seconds)
            await world.gate.wait()
        finally:
            world.asking[number] -= 1
            if not world.asking[number]:
                del world.asking[number]
        ids = {"conversation_id": body.get("conversation_id") or f"c-{number}", "message_id": f"m-{number}",
               "task_id": f"t-{number}"}  # fmt: skip
        resource = {"position": 1, "segment_id": "s", "document_id": "d", "document_name": "Refunds",
                    "dataset_id": "h", "dataset_name": "help", "content": TEXT, "score": 0.82}  # fmt: skip
        metadata = {"retriever_resources": [resource], "usage": {"total_tokens": 40, "latency": 0.1}}
        if body.get("response_mode") == "blocking":
            said = {"event": "message", "mode": "chat", "answer": ANSWER, "metadata": metadata, **ids}
            return web.json_response(said)
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        events = (
            {"event": "message", "answer": ANSWER, **ids},
            {"event": "message_end", "metadata": metadata, **ids},
        )
        await answer.write(b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events))
        await answer.write_eof()
        return answer

    async def info(self, _: web.Request) -> web.Response:
        said = {"name": "bot", "description": "", "tags": [], "mode": "chat", "author_name": ""}
        return web.json_response(said)

    async def parameters(self, _: web.Request) -> web.Response:
        return web.json_response({"user_input_form": [], "retriever_resource": {"enabled": True}})

    # The benchmark

    async def control(self, request: web.Request) -> web.Response:
        """`{"dify_seconds": …, "reset": true, "open_gate": …}`"""
        told = await request.json()
        if told.get("reset"):
            gate = self._world.gate
            self._world = World(self._world.dify_seconds, gate)
        self._world.dify_seconds = told.get("dify_seconds", self._world.dify_seconds)
        if told.get("open_gate") is True:
            self._world.gate.set()
        elif told.get("open_gate") is False:
            self._world.gate.clear()
        return web.json_response({})

    async def told(self, request: web.Request) -> web.Response:
        """Small while it runs; with `?whole=1` everything that was posted."""
        world = self._world
        told: dict[str, Any] = {
            "answered": sum(1 for own in world.posts.values() if own),
            "asking": len(world.asking),
            "most_asking": world.most_asking,
            "calls": dict(world.calls),
        }
        if request.query.get("whole"):
            told["posts"] = {str(number): own for number, own in world.posts.items()}
            sequences = [own for number, own in world.sequences.items() if world.posts.get(number)]
            told["sequence"] = sequences[0] if sequences else []
        return web.json_response(told)


async def main() -> None:
    runner = web.AppRunner(create_app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
