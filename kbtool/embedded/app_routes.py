"""The app API: which function answers what. All of them need the app's own key.

A POST names its user in the body, a GET in the query; a GET without one is somebody who owns nothing [292].
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from kbtool.embedded import answers, chatflow, conversations, payloads, streams
from kbtool.embedded import chat as chats
from kbtool.embedded.answers import NO_CONTENT, SUCCESS, Answer
from kbtool.embedded.call import OWNER_NAME
from kbtool.embedded.chat import Chat
from kbtool.embedded.payloads import (
    ChatRequestPayload,
    ConversationListQuery,
    ConversationRenamePayload,
    MessageFeedbackPayload,
    MessageListQuery,
)
from kbtool.embedded.settings import AppSettings

NOBODY = "DEFAULT-USER"


@dataclass(frozen=True, slots=True)
class AppCall:
    """One request to an app."""

    chat: Chat
    app: AppSettings
    request: Request
    body: Any

    def user(self) -> str:
        """Who asks, as text: a number is taken too [263], nobody is not [261, 262, 318]."""
        named = self.body.get("user") if isinstance(self.body, dict) else None
        if named in (None, ""):
            raise answers.invalid("Arg user must be provided.")
        return str(named)

    def query_user(self) -> str:
        return self.request.query_params.get("user") or NOBODY

    def path(self, name: str) -> str:
        return str(self.request.path_params[name])


AppEndpoint = Callable[[AppCall], Coroutine[Any, Any, Response]]


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
            return _json(await call.chat.blocking(turn))
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
    return _json(SUCCESS.body)


async def info(call: AppCall) -> Response:
    about = {"name": call.app.name, "description": call.app.description, "tags": []}
    return _json(about | {"mode": call.app.mode, "author_name": OWNER_NAME})


async def parameters(call: AppCall) -> Response:
    """GET /parameters [249, 354, 452]: what a client has to know about the app's form and abilities."""
    off = {"enabled": False}
    is_flow = call.app.mode == "advanced-chat"
    form = [
        {
            "text-input": {
                "label": field.name,
                "variable": field.name,
                "required": field.required,
                "max_length": field.max_length or None,
                "default": "",
            }
        }
        for field in call.app.inputs
    ]
    return _json(
        {
            "opening_statement": call.app.opening_statement,
            "suggested_questions": list(call.app.suggested_questions),
            "suggested_questions_after_answer": off,
            "speech_to_text": off,
            "text_to_speech": off | {"voice": "", "language": ""},
            "retriever_resource": {"enabled": call.app.citations},
            "annotation_reply": off,
            "more_like_this": off,
            "user_input_form": form,
            "sensitive_word_avoidance": off,
            "file_upload": off if is_flow else {"image": off},
            "system_parameters": {
                "image_file_size_limit": 10,
                "video_file_size_limit": 100,
                "audio_file_size_limit": 50,
                "file_size_limit": 15,
                "workflow_file_upload_limit": 10,
            },
        }
    )


async def meta(_: AppCall) -> Response:
    return _json({"tool_icons": {}})


async def site(call: AppCall) -> Response:
    """GET /site [251]: how the app's own web page would look."""
    return _json(
        {
            "title": call.app.name,
            "chat_color_theme": None,
            "chat_color_theme_inverted": False,
            "icon_type": "emoji",
            "icon": "x",
            "icon_background": "#fff",
            "icon_url": None,
            "description": None,
            "copyright": None,
            "privacy_policy": None,
            "custom_disclaimer": "",
            "default_language": "en-US",
            "show_workflow_steps": True,
            "use_icon_as_answer_icon": False,
        }
    )


async def messages(call: AppCall) -> Response:
    query = payloads.read(MessageListQuery, dict(call.request.query_params))
    return _json(
        await call.chat.database.run(
            lambda db: conversations.messages(db, call.app, call.query_user(), query)
        )
    )


async def rate(call: AppCall) -> Response:
    user, payload = call.user(), payloads.read(MessageFeedbackPayload, call.body)
    message_id = call.path("message_id")
    await call.chat.database.run(lambda db: conversations.rate(db, call.app, user, message_id, payload))
    return _json(SUCCESS.body)


async def feedbacks(call: AppCall) -> Response:
    query = call.request.query_params
    page, limit = int(query.get("page", 1)), int(query.get("limit", 20))
    found = await call.chat.database.run(lambda db: conversations.feedbacks(db, call.app, page, limit))
    return _json({"data": found})


async def suggested(call: AppCall) -> Response:
    user, message_id = call.query_user(), call.path("message_id")
    await call.chat.database.run(lambda db: conversations.require_message(db, call.app, user, message_id))
    raise answers.Refused(400, "bad_request", "Suggested Questions Is Disabled.")


async def list_conversations(call: AppCall) -> Response:
    query = payloads.read(ConversationListQuery, dict(call.request.query_params))
    return _json(
        await call.chat.database.run(
            lambda db: conversations.conversations(db, call.app, call.query_user(), query)
        )
    )


async def rename_conversation(call: AppCall) -> Response:
    user, payload = call.user(), payloads.read(ConversationRenamePayload, call.body)
    target = call.path("conversation_id")
    return _json(
        await call.chat.database.run(lambda db: conversations.rename(db, call.app, user, target, payload))
    )


async def delete_conversation(call: AppCall) -> Response:
    user, target = call.user(), call.path("conversation_id")
    await call.chat.database.run(lambda db: conversations.delete(db, call.app, user, target))
    return answers.respond(NO_CONTENT)


async def conversation_variables(call: AppCall) -> Response:
    user, target = call.query_user(), call.path("conversation_id")
    await call.chat.database.run(lambda db: conversations.require(db, call.app, user, target))
    return _json({"limit": 20, "has_more": False, "data": []})


def _json(body: Any) -> Response:
    return answers.respond(Answer(body))


def _events(events: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(events, headers=answers.HEADERS, media_type="text/event-stream")


ROUTES: tuple[tuple[str, str, AppEndpoint], ...] = (
    ("POST", "/chat-messages", send_message),
    ("POST", "/chat-messages/{task_id}/stop", stop),
    ("GET", "/info", info),
    ("GET", "/parameters", parameters),
    ("GET", "/meta", meta),
    ("GET", "/site", site),
    ("GET", "/messages", messages),
    ("POST", "/messages/{message_id:uuid}/feedbacks", rate),
    ("GET", "/messages/{message_id:uuid}/suggested", suggested),
    ("GET", "/app/feedbacks", feedbacks),
    ("GET", "/conversations", list_conversations),
    ("POST", "/conversations/{conversation_id:uuid}/name", rename_conversation),
    ("DELETE", "/conversations/{conversation_id:uuid}", delete_conversation),
    ("GET", "/conversations/{conversation_id:uuid}/variables", conversation_variables),
)
