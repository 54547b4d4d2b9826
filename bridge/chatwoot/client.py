"""Sends what `wire.py` builds, once. Whether to try again is the worker's decision, and durable.

One HTTP client serves all routes (design decision 16); a `ChatwootClient` adds the tokens of one. Customers
and statuses are written to with the bot's token only: a user's would make Chatwoot count the reply as a
person's, and assign the conversation to them (bridge rule 23).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx

from bridge.chatwoot import wire
from bridge.chatwoot.wire import Request, Shown
from kbtool.errors import Rejected, Unavailable

DEADLINE = 10.0
"""Seconds that one request may take, whatever it waits for."""


class ChatwootClient:
    """The conversations of one agent bot. Each call raises Unavailable, Rejected or ContractBroken.

    `http` has Chatwoot's base URL. `user_token` (an administrator's) only reads; it may be empty.
    """

    def __init__(
        self, http: httpx.AsyncClient, bot_token: str, user_token: str = "", *, deadline: float = DEADLINE
    ) -> None:
        self._http = http
        self._tokens = {False: bot_token, True: user_token}
        self._deadline = deadline

    async def conversation(self, account: int, conversation: int) -> Shown:
        return wire.parse_conversation(await self._ask(wire.show_conversation(account, conversation)))

    async def post(
        self,
        account: int,
        conversation: int,
        text: str,
        *,
        is_private: bool,
        mark: str,
        options: Sequence[str] = (),
    ) -> int:
        """The id of the new message. When this raises, the message may be there all the same."""
        request = wire.create_message(
            account, conversation, text, is_private=is_private, mark=mark, options=options
        )
        return wire.parse_message_id(await self._ask(request))

    async def open(self, account: int, conversation: int) -> str:
        """The status after it."""
        return wire.parse_status(await self._ask(wire.open_conversation(account, conversation)))

    async def type(self, account: int, conversation: int, *, is_on: bool) -> None:
        """Show the customer that somebody types. Chatwoot takes it away with the next message."""
        await self._ask(wire.type_in(account, conversation, is_on=is_on))

    async def add_labels(self, account: int, conversation: int, labels: Sequence[str]) -> tuple[str, ...]:
        """All labels after it. Those that are there stay: Chatwoot itself would replace the list."""
        there = wire.parse_labels(await self._ask(wire.list_labels(account, conversation)))
        wanted = tuple(dict.fromkeys((*there, *labels)))
        if wanted == there:
            return there
        return wire.parse_labels(await self._ask(wire.set_labels(account, conversation, wanted)))

    async def set_priority(self, account: int, conversation: int, priority: str) -> None:
        await self._ask(wire.set_priority(account, conversation, priority))

    async def assign_team(self, account: int, conversation: int, team: int) -> None:
        """Of a team that is not there Chatwoot says nothing: look at the conversation afterwards."""
        await self._ask(wire.assign_team(account, conversation, team))

    async def marks_after(self, account: int, conversation: int, message: int) -> frozenset[str] | None:
        """Our marks on all that was posted behind `message`; None without a user token."""
        if not self._tokens[True]:
            return None
        found: frozenset[str] = frozenset()
        while True:
            body = await self._ask(wire.list_messages(account, conversation, message))
            marks, last = wire.parse_marks(body)
            found |= marks
            if last <= message:
                return found
            message = last

    async def read(self, request: Request) -> Any:
        """The body of what only a user's token may ask for. Raises Rejected where there is none."""
        if not self._tokens[True]:
            raise Rejected("CHATWOOT_USER_TOKEN is not set, so Chatwoot lists nothing")
        return await self._ask(request)

    async def _ask(self, request: Request) -> Any:
        try:
            async with asyncio.timeout(self._deadline):
                response = await self._http.request(
                    request.method,
                    request.path,
                    json=request.json,
                    params=dict(request.params) or None,
                    # Not `api_access_token`: nginx drops headers with underscores.
                    headers={"Api-Access-Token": self._tokens[request.is_read]},
                )
        except (TimeoutError, httpx.HTTPError) as error:
            why = str(error) or type(error).__name__
            raise Unavailable(f"Chatwoot at {self._http.base_url} cannot be reached: {why}") from error
        body = _json(response)
        if not response.is_success:  # a redirect has done nothing
            raise wire.error_of(response.status_code, body, f"{request.method} {request.path}")
        return body


def _json(response: httpx.Response) -> Any:
    """The body, or None where it is not JSON: parsing then says what was missing."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None
