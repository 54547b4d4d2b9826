"""The app API: which function answers what. All of them need the app's own key."""

from __future__ import annotations

from starlette.responses import Response

from kbtool.embedded import answers, app_about, app_answers, app_files, conversations, payloads
from kbtool.embedded.answers import NO_CONTENT, SUCCESS
from kbtool.embedded.app_call import AppCall, AppEndpoint, say
from kbtool.embedded.call import paging
from kbtool.embedded.payloads import (
    ConversationListQuery,
    ConversationRenamePayload,
    MessageFeedbackPayload,
    MessageListQuery,
)


async def messages(call: AppCall) -> Response:
    query = payloads.read(MessageListQuery, dict(call.request.query_params))
    return say(
        await call.chat.database.run(
            lambda db: conversations.messages(db, call.app, call.query_user(), query)
        )
    )


async def rate(call: AppCall) -> Response:
    user, payload = call.user(), payloads.read(MessageFeedbackPayload, call.body)
    message_id = call.path("message_id")
    await call.chat.database.run(lambda db: conversations.rate(db, call.app, user, message_id, payload))
    return say(SUCCESS.body)


async def feedbacks(call: AppCall) -> Response:
    _, limit, skip = paging(call.request.query_params)
    found = await call.chat.database.run(lambda db: conversations.feedbacks(db, call.app, limit, skip))
    return say({"data": found})


async def suggested(call: AppCall) -> Response:
    user, message_id = call.query_user(), call.path("message_id")
    await call.chat.database.run(lambda db: conversations.require_message(db, call.app, user, message_id))
    raise answers.Refused(400, "bad_request", "Suggested Questions Is Disabled.")


async def list_conversations(call: AppCall) -> Response:
    query = payloads.read(ConversationListQuery, dict(call.request.query_params))
    return say(
        await call.chat.database.run(
            lambda db: conversations.conversations(db, call.app, call.query_user(), query)
        )
    )


async def rename_conversation(call: AppCall) -> Response:
    user, payload = call.user(), payloads.read(ConversationRenamePayload, call.body)
    target = call.path("conversation_id")
    return say(
        await call.chat.database.run(lambda db: conversations.rename(db, call.app, user, target, payload))
    )


async def delete_conversation(call: AppCall) -> Response:
    user, target = call.user(), call.path("conversation_id")
    await call.chat.database.run(lambda db: conversations.delete(db, call.app, user, target))
    return answers.respond(NO_CONTENT)


async def conversation_variables(call: AppCall) -> Response:
    user, target = call.query_user(), call.path("conversation_id")
    await call.chat.database.run(lambda db: conversations.require(db, call.app, user, target))
    return say({"limit": 20, "has_more": False, "data": []})


ROUTES: tuple[tuple[str, str, AppEndpoint], ...] = (
    ("POST", "/chat-messages", app_answers.send_message),
    ("POST", "/chat-messages/{task_id}/stop", app_answers.stop),
    ("POST", "/completion-messages", app_answers.complete),
    ("POST", "/completion-messages/{task_id}/stop", app_answers.stop),
    ("POST", "/files/upload", app_files.upload),
    ("GET", "/info", app_about.info),
    ("GET", "/parameters", app_about.parameters),
    ("GET", "/meta", app_about.meta),
    ("GET", "/site", app_about.site),
    ("GET", "/messages", messages),
    ("POST", "/messages/{message_id:uuid}/feedbacks", rate),
    ("GET", "/messages/{message_id:uuid}/suggested", suggested),
    ("GET", "/app/feedbacks", feedbacks),
    ("GET", "/conversations", list_conversations),
    ("POST", "/conversations/{conversation_id:uuid}/name", rename_conversation),
    ("DELETE", "/conversations/{conversation_id:uuid}", delete_conversation),
    ("GET", "/conversations/{conversation_id:uuid}/variables", conversation_variables),
)
