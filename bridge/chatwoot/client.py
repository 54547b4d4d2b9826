"""Sends what `wire.py` builds, once. Whether to try again is the worker's decision, and durable.

One HTTP client serves all routes (design decision 16); a `ChatwootClient` adds the tokens of one.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx

from bridge.chatwoot import wire
from bridge.chatwoot.wire import Request, Shown
from kbtool.errors import Rejected, Unavailable

DEADLINE = 10.0
"""Seconds that one request may take, whatever it waits for."""


class ChatwootClient:
    """The conversations of one agent bot. Each call raises Unavailable, Rejected or ContractBroken.

    `http` has Chatwoot's base URL. Customers and statuses are written to with the bot's token only: a
    user's would make Chatwoot count the reply as a person's. `user_token` reads; it may be empty.
    """

    def __init__(
        self, http: httpx.AsyncClient, bot_token: str, user_token: str = "", *, deadline: float = DEADLINE
    ) -> None:
        self._http = http
        self._tokens = {False: bot_token, True: user_token}
        self._deadline = deadline

    async def conversation(self, account: int, conversation: int) -> Shown:
        return wire.parse_conversation(await self._ask(wire.show_conversation(account, conversation)))

    async def post(self, account: int, conversation: int, text: str, *, is_private: bool, mark: str) -> int:
        """The id of the new message. When this raises, the message may be there all the same."""
        request = wire.create_message(account, conversation, text, is_private=is_private, mark=mark)
        return wire.parse_message_id(await self._ask(request))

    async def open(self, account: int, conversation: int) -> str:
        """The status after it."""
        return wire.parse_status(await self._ask(wire.open_conversation(account, conversation)))

    async def marks_after(self, account: int, conversation: int, message: int) -> frozenset[str] | None:
        """Our marks on what was posted behind `message`; None without a user token."""
        if not self._tokens[True]:
            return None
        return wire.parse_marks(await self._ask(wire.list_messages(account, conversation, message)))

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
        if response.is_error:
            raise wire.error_of(response.status_code, body, f"{request.method} {request.path}")
        return body


def _json(response: httpx.Response) -> Any:
    """The body, or None where it is not JSON: parsing then says what was missing."""
    try:
        return response.json()
    except json.JSONDecodeError:
        return None
