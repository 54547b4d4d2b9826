"""Conversations and messages of apps, stored and shown [289-302, 306, 356]. A conversation is its user's."""

from __future__ import annotations

import json
import sqlite3
import time
from typing import Any

from kbtool.embedded import answers
from kbtool.embedded.call import PAGE_LIMIT
from kbtool.embedded.database import insert, new_id, number, one, update
from kbtool.embedded.payloads import (
    ConversationListQuery,
    ConversationRenamePayload,
    MessageFeedbackPayload,
    MessageListQuery,
)
from kbtool.embedded.settings import AppSettings

NO_PARENT = "00000000-0000-0000-0000-000000000000"
NAME_LENGTH = 40


def require(db: sqlite3.Connection, app: AppSettings, user: str, conversation_id: str) -> sqlite3.Row:
    """The conversation; 404 for another user's or app's, a deleted and an unknown one [256-260, 307]."""
    row = one(
        db,
        "SELECT * FROM conversations WHERE id = ? AND app_key = ? AND user = ?",
        (conversation_id, app.key, user),
    )
    if row is None:
        raise answers.not_found("Conversation Not Exists.")
    return row


def begin(db: sqlite3.Connection, app: AppSettings, user: str, query: str, inputs: dict[str, Any]) -> str:
    """A new conversation, named after its first question. Returns its id."""
    conversation_id, now = new_id(), time.time()
    row = {
        "id": conversation_id,
        "app_key": app.key,
        "user": user,
        "name": query[:NAME_LENGTH],
        "inputs": inputs,
        "created_at": now,
        "updated_at": now,
    }
    insert(db, "conversations", row)
    return conversation_id


def add_message(db: sqlite3.Connection, conversation_id: str, query: str, inputs: dict[str, Any]) -> str:
    """A message that has no answer yet. Returns its id."""
    message_id, now = new_id(), time.time()
    row = {"id": message_id, "conversation_id": conversation_id, "inputs": inputs, "query": query}
    insert(db, "messages", row | {"answer": "", "resources": [], "created_at": now})
    update(db, "conversations", conversation_id, {"updated_at": now})
    return message_id


def messages(db: sqlite3.Connection, app: AppSettings, user: str, query: MessageListQuery) -> dict[str, Any]:
    """The newest `limit` messages before `first_id`, oldest first, with what each answer cited."""
    conversation = require(db, app, user, str(query.conversation_id))
    first = (
        one(db, "SELECT number FROM messages WHERE id = ?", (str(query.first_id),))
        if query.first_id
        else None
    )
    if query.first_id and first is None:
        raise answers.not_found("First Message Not Exists.")
    rows = db.execute(
        "SELECT * FROM messages WHERE conversation_id = ? AND number < ? ORDER BY number DESC LIMIT ?",
        (conversation["id"], first["number"] if first else 2**62, query.limit + 1),
    ).fetchall()
    shown = [_message_json(row) for row in reversed(rows[: query.limit])]
    return {"limit": query.limit, "has_more": len(rows) > query.limit, "data": shown}


def conversations(
    db: sqlite3.Connection, app: AppSettings, user: str, query: ConversationListQuery
) -> dict[str, Any]:
    """The user's conversations, the latest first."""
    last = (
        one(db, "SELECT number FROM conversations WHERE id = ?", (str(query.last_id),))
        if query.last_id
        else None
    )
    rows = db.execute(
        "SELECT * FROM conversations WHERE app_key = ? AND user = ? AND number < ?"
        " ORDER BY number DESC LIMIT ?",
        (app.key, user, last["number"] if last else 2**62, query.limit + 1),
    ).fetchall()
    shown = [_conversation_json(app, row) for row in rows[: query.limit]]
    return {"limit": query.limit, "has_more": len(rows) > query.limit, "data": shown}


def rename(
    db: sqlite3.Connection,
    app: AppSettings,
    user: str,
    conversation_id: str,
    payload: ConversationRenamePayload,
) -> dict[str, Any]:
    row = require(db, app, user, conversation_id)
    if payload.name:
        update(db, "conversations", row["id"], {"name": payload.name, "updated_at": time.time()})
    return _conversation_json(app, require(db, app, user, conversation_id))


def delete(db: sqlite3.Connection, app: AppSettings, user: str, conversation_id: str) -> None:
    require(db, app, user, conversation_id)
    db.execute("DELETE FROM messages WHERE conversation_id = ?", (conversation_id,))
    db.execute("DELETE FROM conversations WHERE id = ?", (conversation_id,))


def require_message(db: sqlite3.Connection, app: AppSettings, user: str, message_id: str) -> sqlite3.Row:
    row = one(
        db,
        "SELECT m.* FROM messages m JOIN conversations c ON c.id = m.conversation_id"
        " WHERE m.id = ? AND c.app_key = ? AND c.user = ?",
        (message_id, app.key, user),
    )
    if row is None:
        raise answers.not_found("Message Not Exists.")
    return row


def rate(
    db: sqlite3.Connection, app: AppSettings, user: str, message_id: str, payload: MessageFeedbackPayload
) -> None:
    """Set or take back a rating; taking back what was never given is an error [295]."""
    row = require_message(db, app, user, message_id)
    if payload.rating is None and row["rating"] is None:
        raise answers.invalid("rating cannot be None when feedback not exists")
    changes = {"rating": payload.rating, "feedback": payload.content, "feedback_at": time.time()}
    update(db, "messages", row["id"], changes | {"feedback_id": row["feedback_id"] or new_id()})


def feedbacks(db: sqlite3.Connection, app: AppSettings, limit: int, skip: int) -> list[dict[str, Any]]:
    rows = db.execute(
        "SELECT m.*, c.user FROM messages m JOIN conversations c ON c.id = m.conversation_id"
        " WHERE c.app_key = ? AND m.rating IS NOT NULL ORDER BY m.feedback_at DESC LIMIT ? OFFSET ?",
        (app.key, min(limit, PAGE_LIMIT), skip),
    )
    return [
        {
            "id": row["feedback_id"],
            "conversation_id": row["conversation_id"],
            "message_id": row["id"],
            "rating": row["rating"],
            "content": row["feedback"],
            "from_source": "user",
            "from_end_user_id": row["user"],
        }
        for row in rows
    ]


def dialogue_count(db: sqlite3.Connection, conversation_id: str) -> int:
    return number(db, "SELECT count(*) FROM messages WHERE conversation_id = ?", (conversation_id,))


def _message_json(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "conversation_id": row["conversation_id"],
        "parent_message_id": NO_PARENT,
        "inputs": json.loads(row["inputs"]),
        "query": row["query"],
        "answer": row["answer"],
        "feedback": {"rating": row["rating"]} if row["rating"] else None,
        "retriever_resources": [_cited(resource) for resource in json.loads(row["resources"])],
        "created_at": int(row["created_at"]),
        "agent_thoughts": [],
        "message_files": [],
        "status": "error" if row["error"] else "normal",
        "error": row["error"],
        "extra_contents": [],
    }


def _cited(resource: dict[str, Any]) -> dict[str, Any]:
    """A citation as the list of messages has it: its own ids, and fewer fields than in the answer [289]."""
    left_out = ("retriever_from", "page", "doc_metadata", "title", "files")
    kept = {name: value for name, value in resource.items() if name not in left_out}
    return {"id": new_id(), "message_id": new_id(), **kept, "created_at": None}


def _conversation_json(app: AppSettings, row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "inputs": json.loads(row["inputs"]),
        "status": "normal",
        "introduction": app.opening_statement,
        "created_at": int(row["created_at"]),
        "updated_at": int(row["updated_at"]),
    }
