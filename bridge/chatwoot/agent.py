"""Chatwoot as one of its agents sees it, through that agent's own token: what they may not see is refused.

What is sent so is a person's reply to Chatwoot, and counted as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from bridge.channels import neutral
from bridge.chatwoot.client import ChatwootClient
from bridge.chatwoot.wire import Request, Shown, list_messages
from bridge.events import MARK
from kbtool.errors import ContractBroken, Rejected

REFUSALS = frozenset({401, 403, 404})
"""Chatwoot says 401 where others say 403; a conversation of somebody else's inbox is one or the other."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Whose token it is."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Later:
    """What the customer sees, or wrote. `sender` is the user's id where a person of ours wrote it."""

    id: int
    is_customers: bool
    sender: int = 0
    text: str = ""
    mark: str = ""


class AgentClient:
    """One agent's Chatwoot. Each call raises Unavailable, Rejected or ContractBroken."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self._client = ChatwootClient(http, token, token)

    async def profile(self) -> Profile:
        """Raises Rejected where the token is nobody's, or a bot's."""
        body = await self._client.read(Request("GET", "/api/v1/profile", is_read=True))
        try:
            return Profile(int(body["id"]), str(body.get("available_name") or body.get("name") or ""))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ContractBroken("Chatwoot profile: the answer does not have the expected form") from error

    async def conversation(self, account: int, conversation: int) -> Shown:
        """Rejected with one of `REFUSALS` where it is not the agent's to see."""
        return await self._client.conversation(account, conversation)

    async def after(self, account: int, conversation: int, message: int) -> Sequence[Later]:
        """What was said behind `message`, oldest first: a hundred at most, notes left out."""
        body = await self._client.read(list_messages(account, conversation, message))
        try:
            found = [_later(one) for one in body["payload"]]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ContractBroken("Chatwoot messages: the answer does not have the expected form") from error
        return [one for one in found if one is not None]

    async def send(self, account: int, conversation: int, text: str, mark: str) -> int:
        """The id of the new message. When this raises, the message may be there all the same."""
        return await self._client.post(account, conversation, text, is_private=False, mark=mark)


def is_refusal(error: Rejected) -> bool:
    return error.status in REFUSALS


def is_text(message: Later, text: str) -> bool:
    """Whether the message says just that, as `send` would have written it."""
    return message.text.strip() in {text.strip(), neutral(text).strip()}


def _later(body: dict[str, Any]) -> Later | None:
    """Types are numbers here: 0 incoming, 1 outgoing; activities and templates are nobody's word."""
    kind = body["message_type"]
    if body.get("private") or kind not in {0, 1}:
        return None
    sender, attributes = body.get("sender") or {}, body.get("content_attributes") or {}
    is_person = kind == 1 and sender.get("type") == "user"
    return Later(
        int(body["id"]),
        kind == 0,
        int(sender["id"]) if is_person else 0,
        str(body.get("content") or ""),
        str(attributes.get(MARK) or ""),
    )
