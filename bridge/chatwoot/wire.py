"""Chatwoot's JSON: requests are built here, answers parsed into our types. No I/O.

Written against the routes and views of Chatwoot 4.15. What is written to customers passes `escape`, since
Chatwoot expands outgoing text as a Liquid template in which the contact's data can be named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import regex

from bridge.events import MARK, has_person
from kbtool.errors import ContractBroken, Rejected, ServiceError, Unavailable

Value = TypeVar("Value")

_LIQUID = regex.compile(r"\{(?=[{%])")
_WORD_JOINER = "\u2060"
_NOT_STORED = frozenset({429})


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, before anyone sends it. `is_read` asks for the user token: bots may not list."""

    method: str
    path: str
    json: Any = None
    params: Mapping[str, Any] = field(default_factory=dict)
    is_read: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A conversation as Chatwoot shows it now. `marks` are those of its last messages."""

    status: str
    has_person: bool
    marks: frozenset[str]


def escape(text: str) -> str:
    """The text with Liquid's openings broken by an invisible character: `{{` and `{%` are then only text."""
    return _LIQUID.sub("{" + _WORD_JOINER, text)


def show_conversation(account: int, conversation: int) -> Request:
    return Request("GET", _path(account, conversation))


def create_message(account: int, conversation: int, text: str, *, is_private: bool, mark: str) -> Request:
    """A message of the bot, or a note. `mark` finds it again: Chatwoot knows no idempotency here."""
    return Request(
        "POST",
        _path(account, conversation, "/messages"),
        json={
            "content": escape(text),
            "message_type": "outgoing",
            "private": is_private,
            "content_attributes": {MARK: mark},
            "echo_id": mark,
        },
    )


def open_conversation(account: int, conversation: int) -> Request:
    """From pending, by a bot: the one path that Chatwoot counts as a handoff."""
    return Request("POST", _path(account, conversation, "/toggle_status"), json={"status": "open"})


def list_messages(account: int, conversation: int, after: int) -> Request:
    """The messages behind message `after`, at most 100, oldest first."""
    return Request("GET", _path(account, conversation, "/messages"), params={"after": after}, is_read=True)


def parse_conversation(body: Any) -> Shown:
    def build() -> Shown:
        last = [*(body.get("messages") or ()), body.get("last_non_activity_message")]
        return Shown(str(body["status"]), has_person(body.get("meta") or {}), _marks(last))

    return _parse("conversation", build)


def parse_message_id(body: Any) -> int:
    return _parse("messages", lambda: int(body["id"]))


def parse_status(body: Any) -> str:
    """The status after a change; `success` is null on the handoff path and says nothing."""
    return _parse("toggle_status", lambda: str(body["payload"]["current_status"]))


def parse_marks(body: Any) -> frozenset[str]:
    """Our marks on the listed messages."""
    return _parse("messages", lambda: _marks(body["payload"]))


def error_of(status: int, body: Any, what: str) -> ServiceError:
    """The error that an answer of this status means. Chatwoot says 401 where others say 403."""
    said = _said(body)
    text = f"Chatwoot answered {status} to {what}{': ' + said if said else ''}"
    if status == 401:
        hint = "Check the bot's token, and that the bot is connected to this inbox."
        return Rejected(text, hint=hint, status=status)
    if status in {408, 429} or status >= 500:
        return Unavailable(text, status=status)
    return Rejected(text, status=status)


def is_surely_not_stored(error: ServiceError) -> bool:
    """Whether a post that ended in `error` cannot have arrived."""
    return error.status in _NOT_STORED


def _path(account: int, conversation: int, more: str = "") -> str:
    return f"/api/v1/accounts/{account}/conversations/{conversation}{more}"


def _marks(messages: Any) -> frozenset[str]:
    attributes = [
        (message.get("content_attributes") or {}) for message in messages if isinstance(message, dict)
    ]
    return frozenset(str(one[MARK]) for one in attributes if isinstance(one, dict) and one.get(MARK))


def _said(body: Any) -> str:
    """Three forms: `error`, devise's `errors`, and `message` of an invalid record."""
    if not isinstance(body, dict):
        return ""
    words = body.get("error") or body.get("message") or body.get("errors") or ""
    first = words[0] if isinstance(words, list) else words
    return str(first).split("\n", 1)[0][:300]


def _parse(what: str, build: Callable[[], Value]) -> Value:
    try:
        return build()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ContractBroken(
            f"Chatwoot {what}: the answer does not have the expected form ({type(error).__name__}: {error})",
            hint="The bridge is written for Chatwoot 4.15 (docs/contracts.md).",
        ) from error
