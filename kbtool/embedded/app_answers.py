"""Questions to an app: which kind of app answers which of them, and how [254-288, 308-321, 900-902]."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack

from starlette.responses import Response, StreamingResponse

from kbtool.embedded import answers, chatflow, payloads, streams
from kbtool.embedded import chat as chats
from kbtool.embedded.answers import SUCCESS
from kbtool.embedded.app_call import AppCall, say
from kbtool.embedded.payloads import ChatRequestPayload, CompletionRequestPayload


async def send_message(call: AppCall) -> Response:
    """POST /chat-messages, blocking unless streaming is asked for [268]."""
    if call.app.mode == "completion":
        raise answers.Refused(
            400, "not_chat_app", "Please check if your app mode matches the right API route."
        )
    user = call.user()
    payload = payloads.read(ChatRequestPayload, call.body)
    is_streaming = payload.response_mode == "streaming"
    if call.app.mode == "agent-chat" and not is_streaming:
        raise answers.invalid("Agent Chat App does not support blocking mode")
    if not payload.query:
        raise answers.invalid("query is required")
    chats.require_inputs(call.app.inputs, payload.inputs)
    if call.app.mode == "advanced-chat":
        return await _run_chatflow(call, user, payload, is_streaming=is_streaming)
    if not is_streaming:
        with call.chat.active(call.app):
            turn = await call.chat.turn(call.app, user, payload)
            return say(await call.chat.blocking(turn))
    return await _stream(call, user, payload, streams.chat_events)


async def _run_chatflow(
    call: AppCall, user: str, payload: ChatRequestPayload, *, is_streaming: bool
) -> Response:
    is_known = not payload.conversation_id or await call.chat.exists(call.app, user, payload.conversation_id)
    if is_known and is_streaming:
        return await _stream(call, user, payload, chatflow.events)
    if is_known:
        await call.chat.turn(call.app, user, payload)  # computed and dropped: 1.13.0 answers nobody [900]
    return _events(streams.hanging(call.chat))


async def _stream(
    call: AppCall, user: str, payload: ChatRequestPayload, events: Callable[..., AsyncIterator[bytes]]
) -> Response:
    with ExitStack() as stack:
        stack.enter_context(call.chat.active(call.app))
        turn = await call.chat.turn(call.app, user, payload)
        until_its_end = stack.pop_all()

    async def guarded() -> AsyncIterator[bytes]:
        with until_its_end:
            async for part in events(call.chat, turn):
                yield part

    return _events(guarded())


async def stop(call: AppCall) -> Response:
    call.chat.stop(call.path("task_id"), call.user())
    return say(SUCCESS.body)


async def complete(call: AppCall) -> Response:
    """POST /completion-messages, for the one kind of app that has no conversations [287, 288].

    What is asked is the input `query`, the one that a completion app of Dify begins with.
    """
    user = call.user()
    payload = payloads.read(CompletionRequestPayload, call.body)
    if call.app.mode != "completion":
        message = "App unavailable, please check your app configurations."
        raise answers.Refused(400, "app_unavailable", message)
    chats.require_inputs(call.app.inputs, payload.inputs)
    asked = ChatRequestPayload(
        inputs=payload.inputs, query=payload.query or str(payload.inputs.get("query", ""))
    )
    if payload.response_mode == "streaming":
        return await _stream(call, user, asked, streams.chat_events)
    with call.chat.active(call.app):
        turn = await call.chat.turn(call.app, user, asked)
        return say(await call.chat.blocking(turn))


def _events(events: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(events, headers=answers.HEADERS, media_type="text/event-stream")
