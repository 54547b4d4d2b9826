"""What a bot may ask and do in one conversation: requests built here, answers parsed into our types. No I/O.

Written against the routes and views of Chatwoot 4.15. What is written passes `neutral`, since Chatwoot
expands outgoing text, notes too, as a Liquid template in which the contact's data can be named (rule 25).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bridge.channels import neutral
from bridge.events import MARK, Rival, has_person, owner
from bridge.events.fields import text_of
from kbtool.errors import ContractBroken, Rejected, ServiceError, Unavailable

Value = TypeVar("Value")

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
    """A conversation as Chatwoot shows it now. `marks` are those of its last messages.

    `can_reply`: the channel takes a message (WhatsApp does for 24 hours). `assignee` and `team` are ids, 0
    for none; `owner` is the assignee that is a bot, ours or another. `contact` is what Chatwoot knows of the
    customer, its custom attributes among it.
    """

    status: str
    has_person: bool
    marks: frozenset[str]
    can_reply: bool = True
    channel: str = ""
    inbox: int = 0
    labels: tuple[str, ...] = ()
    priority: str = ""
    assignee: int = 0
    team: int = 0
    owner: Rival | None = None
    contact: tuple[tuple[str, str], ...] = ()


def show_conversation(account: int, conversation: int) -> Request:
    return Request("GET", _path(account, conversation))


def create_message(
    account: int,
    conversation: int,
    text: str,
    *,
    is_private: bool,
    mark: str,
    options: Sequence[str] = (),
) -> Request:
    """A message of the bot, or a note. `mark` finds it again: Chatwoot knows no idempotency here.

    `options` are shown to be tapped. Never with `source_id`: the channel would not be sent the message.
    """
    attributes: dict[str, Any] = {MARK: mark}
    if options:
        attributes["items"] = [{"title": option, "value": option} for option in options]
    return Request(
        "POST",
        _path(account, conversation, "/messages"),
        json={
            "content": neutral(text),
            "message_type": "outgoing",
            "private": is_private,
            "content_attributes": attributes,
            "echo_id": mark,
        }
        | ({"content_type": "input_select"} if options else {}),
    )


def open_conversation(account: int, conversation: int) -> Request:
    """From pending, by a bot: the one path that Chatwoot counts as a handoff."""
    return Request("POST", _path(account, conversation, "/toggle_status"), json={"status": "open"})


def type_in(account: int, conversation: int, *, is_on: bool) -> Request:
    """Show the customer that somebody types, or does not any more."""
    body = {"typing_status": "on" if is_on else "off", "is_private": False}
    return Request("POST", _path(account, conversation, "/toggle_typing_status"), json=body)


def list_labels(account: int, conversation: int) -> Request:
    return Request("GET", _path(account, conversation, "/labels"))


def set_labels(account: int, conversation: int, labels: Sequence[str]) -> Request:
    """The whole list is replaced: read it first."""
    return Request("POST", _path(account, conversation, "/labels"), json={"labels": list(labels)})


def set_priority(account: int, conversation: int, priority: str) -> Request:
    """low, medium, high or urgent."""
    return Request("POST", _path(account, conversation, "/toggle_priority"), json={"priority": priority})


def assign_team(account: int, conversation: int, team: int) -> Request:
    """Without `assignee_id`: where that key is present, a team is ignored."""
    return Request("POST", _path(account, conversation, "/assignments"), json={"team_id": team})


def list_messages(account: int, conversation: int, after: int) -> Request:
    """The messages behind message `after`, at most 100, oldest first."""
    return Request("GET", _path(account, conversation, "/messages"), params={"after": after}, is_read=True)


def parse_conversation(body: Any) -> Shown:
    def build() -> Shown:
        meta = body.get("meta") or {}
        last = [*(body.get("messages") or ()), body.get("last_non_activity_message")]
        return Shown(
            status=str(body["status"]),
            has_person=has_person(meta),
            marks=_marks(last),
            can_reply=body.get("can_reply") is not False,
            channel=str(body.get("channel") or meta.get("channel") or ""),
            inbox=int(body.get("inbox_id") or 0),
            labels=tuple(str(label) for label in body.get("labels") or ()),
            priority=str(body.get("priority") or ""),
            assignee=int((meta.get("assignee") or {}).get("id") or 0),
            team=int((meta.get("team") or {}).get("id") or 0),
            owner=owner(meta, int(body.get("inbox_id") or 0)),
            contact=_contact(meta.get("sender") or {}),
        )

    return _parse("conversation", build)


def parse_message_id(body: Any) -> int:
    return _parse("messages", lambda: int(body["id"]))


def parse_status(body: Any) -> str:
    """The status after a change; `success` is null on the handoff path and says nothing."""
    return _parse("toggle_status", lambda: str(body["payload"]["current_status"]))


def parse_labels(body: Any) -> tuple[str, ...]:
    return _parse("labels", lambda: tuple(str(label) for label in body["payload"]))


def parse_marks(body: Any) -> tuple[frozenset[str], int]:
    """Our marks on the listed messages, and the id of the last one; 0 where none are listed."""

    def build() -> tuple[frozenset[str], int]:
        return _marks(body["payload"]), max((int(one["id"]) for one in body["payload"]), default=0)

    return _parse("messages", build)


def error_of(status: int, body: Any, what: str) -> ServiceError:
    """The error that an answer of this status means. Chatwoot says 401 where others say 403."""
    said = _said(body)
    text = f"Chatwoot answered {status} to {what}{': ' + said if said else ''}"
    if status == 401:
        hint = "Check the bot's token, and that the bot is connected to this inbox."
        return Rejected(text, hint=hint, status=status)
    if 300 <= status < 400:
        return Rejected(text, hint="It redirects: is its address written with https?", status=status)
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


def _contact(sender: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The customer's attributes by name, custom ones as `custom_<name>`; those that have a value."""
    plain = {name: sender.get(name) for name in ("name", "email", "phone_number", "identifier")}
    more = sender.get("additional_attributes") or {}
    plain |= {name: more.get(name) for name in ("city", "country", "country_code", "company_name")}
    plain |= {f"custom_{name}": value for name, value in (sender.get("custom_attributes") or {}).items()}
    return tuple(
        (name, str(value))
        for name, value in plain.items()
        if value is not None and value != "" and not isinstance(value, (dict, list))
    )


def _said(body: Any) -> str:
    """Three forms: `error`, devise's `errors`, and `message` of an invalid record."""
    if not isinstance(body, dict):
        return ""
    words = body.get("error") or body.get("message") or body.get("errors") or ""
    first = words[0] if isinstance(words, list) else words
    return text_of(str(first)).split("\n", 1)[0][:300]


def _parse(what: str, build: Callable[[], Value]) -> Value:
    try:
        return build()
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ContractBroken(
            f"Chatwoot {what}: the answer does not have the expected form ({type(error).__name__}: {error})",
            hint="The bridge is written for Chatwoot 4.15 (docs/contracts.md).",
        ) from error
