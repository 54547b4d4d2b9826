"""Server-sent events of the three kinds of chat app, with what each of them lacks in 1.13.0.

    chat           message*, message_end                                            [308, 311, 313, 316]
    agent-chat     agent_thought, agent_message*, agent_thought, message_end        [319]
    advanced-chat  ping, workflow_started, nodes, message*, workflow_finished; no message_end [320, 321]

Errors come with HTTP 200: an `error` event, in a chatflow a failed `workflow_finished`. A ping has no data.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

from kbtool.embedded.chat import Chat, Turn
from kbtool.embedded.database import new_id

PING = b"event: ping\n\n"
_PIECES = re.compile(r"\S{1,24}\s*|\s+")


def pieces_of(answer: str) -> Iterator[str]:
    """The answer word by word, ended by an empty piece, as recorded."""
    yield from _PIECES.findall(answer)
    yield ""


def event(kind: str, turn: Turn, **fields: Any) -> bytes:
    """One event with what all of them carry. The order of keys is Dify's."""
    common = {
        "event": kind,
        **turn.conversation(),
        "message_id": turn.message_id,
        "created_at": int(turn.created_at),
    }
    return f"data: {json.dumps(common | fields, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


async def waiting(chat: Chat, turn: Turn) -> AsyncIterator[bytes]:
    """Pings until the first piece is due [313]."""
    left = chat.models.faults.slow_model(turn.query).before
    while left > 0:
        yield PING
        step = min(left, chat.settings.ping_seconds)
        await asyncio.sleep(step)
        left -= step


async def chat_events(chat: Chat, turn: Turn) -> AsyncIterator[bytes]:
    """A chat or agent app's answer as a stream."""
    is_agent = turn.app.mode == "agent-chat"
    ids = {"task_id": turn.task_id, "id": turn.message_id}
    async for ping in waiting(chat, turn):
        yield ping
    failing = chat.models.faults.failing_model(turn.query)
    parts = list(pieces_of(turn.answer))
    first_token = turn.latency
    thought = _thought(turn)
    if is_agent:
        yield thought
    async for part in chat.pieces(turn, iter(parts if failing is None else parts[: failing.pieces])):
        if is_agent:
            yield event("agent_message", turn, **ids, answer=part)
        else:
            yield event("message", turn, **ids, answer=part, from_variable_selector=None)
    if failing is not None:
        await chat.cut_short(turn, "".join(parts[: failing.pieces]), failing.message)
        yield event("error", turn, code="completion_request_error", status=400, message=failing.message)
        return
    if is_agent:
        yield thought
    usage = turn.usage(is_blocking=False, first_token=first_token)
    yield event("message_end", turn, **ids, metadata=turn.metadata(usage), files=None)


async def hanging(chat: Chat) -> AsyncIterator[bytes]:
    """A chatflow in blocking mode, or in an unknown conversation: one ping, then nothing [900-902]."""
    yield PING
    await asyncio.sleep(chat.settings.hang_seconds)


def _thought(turn: Turn) -> bytes:
    return event(
        "agent_thought",
        turn,
        task_id=turn.task_id,
        id=new_id(),
        position=1,
        thought=turn.answer,
        observation="",
        tool="",
        tool_labels={},
        tool_input="",
        message_files=[],
    )
