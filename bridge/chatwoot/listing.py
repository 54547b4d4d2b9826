"""What a user's token may list: pending conversations, and the messages that no webhook brought. Pure.

A message of the API becomes the webhook that was missed, so that everything behind the inbox stays the same.
Their shapes differ: `message_type` is a number here, the conversation is told apart (contract §1.3, §4.2).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from bridge.chatwoot.wire import Request
from kbtool.errors import ContractBroken

PAGE = 25
"""Conversations on a page of `POST /conversations/filter`."""
WEBHOOKS = "/webhooks/chatwoot/"
_TYPES = {0: "incoming", 1: "outgoing", 3: "template"}
"""Activities (2) are never sent as webhooks."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A conversation of a list. `last_id`, `last_at` are of its last message that is no activity,
    `is_asking` says whether the customer wrote that. `shown` is all that Chatwoot shows of it.
    """

    account: int
    id: int
    inbox: int
    labels: tuple[str, ...]
    last_id: int
    last_at: float
    is_asking: bool
    shown: Mapping[str, Any] = field(default_factory=dict, repr=False)


def profile() -> Request:
    return Request("GET", "/api/v1/profile", is_read=True)


def filter_status(account: int, status: str, page: int) -> Request:
    """An account's conversations of that status, the latest activity first."""
    wanted = {"attribute_key": "status", "filter_operator": "equal_to", "values": [status]}
    return Request(
        "POST",
        f"/api/v1/accounts/{account}/conversations/filter",
        json={"payload": [wanted | {"query_operator": None}]},
        params={"page": page},
        is_read=True,
    )


def latest_messages(account: int, conversation: int, after: int) -> Request:
    """The messages behind `after`, at most 100; with 0 the latest 20."""
    params = {"after": after} if after else {}
    path = f"/api/v1/accounts/{account}/conversations/{conversation}/messages"
    return Request("GET", path, params=params, is_read=True)


def inbox_bot(account: int, inbox: int) -> Request:
    return Request("GET", f"/api/v1/accounts/{account}/inboxes/{inbox}/agent_bot", is_read=True)


def parse_accounts(body: Any) -> tuple[int, ...]:
    """The accounts that the token's owner belongs to."""
    try:
        return tuple(int(account["id"]) for account in body["accounts"])
    except (KeyError, TypeError, ValueError) as error:
        raise ContractBroken(f"Chatwoot profile: no {error} in the answer") from error


def parse_listed(body: Any, account: int) -> list[Listed]:
    try:
        return [_listed(shown, account) for shown in body["payload"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ContractBroken(f"Chatwoot conversations/filter: no {error} in the answer") from error


def parse_address(body: Any) -> str:
    """What stands behind `/webhooks/chatwoot/` in the address of the inbox's bot; "" where it is not ours."""
    bot = body.get("agent_bot") if isinstance(body, dict) else None
    url = bot.get("outgoing_url") if isinstance(bot, dict) else None
    _, is_ours, address = urlsplit(str(url or "")).path.rpartition(WEBHOOKS)
    return address.strip("/") if is_ours else ""


def parse_bot(body: Any) -> int:
    """The id of the inbox's bot; 0 where it has none."""
    bot = body.get("agent_bot") if isinstance(body, dict) else None
    number = bot.get("id") if isinstance(bot, dict) else None
    return number if isinstance(number, int) else 0


def missed(body: Any, of: Listed) -> list[tuple[int, bytes]]:
    """The listed messages as webhooks, with their ids, oldest first."""
    if not isinstance(body, dict) or not isinstance(body.get("payload"), Sequence):
        raise ContractBroken("Chatwoot messages: no payload in the answer")
    listed = [one for one in body["payload"] if isinstance(one, dict) and type(one.get("id")) is int]
    kept = [one for one in listed if one.get("message_type") in _TYPES]
    return [(one["id"], _webhook(one, of)) for one in sorted(kept, key=lambda one: int(one["id"]))]


def _listed(shown: dict[str, Any], account: int) -> Listed:
    last = shown.get("last_non_activity_message") or {}
    return Listed(
        account=account,
        id=int(shown["id"]),
        inbox=int(shown["inbox_id"]),
        labels=tuple(str(label) for label in shown.get("labels") or ()),
        last_id=int(last.get("id") or 0),
        last_at=float(last.get("created_at") or 0.0),
        is_asking=last.get("message_type") == 0 and not last.get("private"),
        shown=shown,
    )


def _webhook(message: dict[str, Any], of: Listed) -> bytes:
    """The sender's type stands apart in older versions; contacts have none in webhooks."""
    sender = message.get("sender")
    if isinstance(sender, dict) and "type" not in sender and message.get("sender_type"):
        kinds = {"User": "user", "AgentBot": "agent_bot", "Contact": "contact"}
        sender = sender | {"type": kinds.get(str(message["sender_type"]), "contact")}
    shown = {key: value for key, value in of.shown.items() if key not in {"messages", "contact_inbox"}}
    body = message | {
        "event": "message_created",
        "message_type": _TYPES[message["message_type"]],
        "sender": sender,
        "account": {"id": of.account},
        "inbox": {"id": of.inbox},
        "conversation": shown,
    }
    return json.dumps(body).encode()
