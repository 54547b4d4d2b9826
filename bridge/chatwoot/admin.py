"""Chatwoot as its administrator sees it, through that person's own token: what is set up, and setting it up.

For `kbtool doctor` and `kbtool bridge setup`; a bridge at work needs none of it (contract §4.5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, TypeVar

import httpx

from bridge.chatwoot.client import ChatwootClient
from bridge.chatwoot.wire import Request
from kbtool.errors import ContractBroken, Rejected, Unavailable

Value = TypeVar("Value")
ADMINISTRATOR = "administrator"
BOT_REFUSED = "not authorized for bots"
"""What an agent bot's token gets where only users may ask (access_token_auth_helper.rb)."""
SUBSCRIPTIONS = (
    "message_created",
    "message_updated",
    "conversation_status_changed",
    "conversation_updated",
)
"""Of an account webhook, as far as the bridge reads them (contract §3)."""


@dataclass(frozen=True, slots=True)
class Server:
    """What answers at Chatwoot's address. `at` is its clock, None where it does not say; `queue` and `data`
    are its own words for Redis and PostgreSQL, "" where it says nothing.
    """

    version: str
    queue: str
    data: str
    at: float | None


@dataclass(frozen=True, slots=True)
class Person:
    """Whose token it is, and their role by account."""

    name: str
    roles: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Bot:
    """An agent bot. `secret` is empty where Chatwoot does not show it."""

    id: int
    name: str
    url: str
    secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Inbox:
    id: int
    name: str
    channel: str


@dataclass(frozen=True, slots=True)
class Webhook:
    """An account's own subscription, of every inbox."""

    id: int
    url: str
    subscriptions: tuple[str, ...]
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class DashboardApp:
    id: int
    title: str
    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """A message as users' tokens list it: `kind` is 0 incoming, 1 outgoing, 2 activity, 3 template."""

    id: int
    at: float
    kind: int
    text: str
    is_private: bool
    status: str
    error: str


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation, and when something last happened in it."""

    id: int
    inbox: int
    status: str
    at: float


async def server(http: httpx.AsyncClient) -> Server:
    """Needs no token. Raises Unavailable, and Rejected where it redirects or is no Chatwoot."""
    try:
        answer = await http.get("/api")
    except httpx.HTTPError as error:
        why = str(error) or type(error).__name__
        raise Unavailable(f"{http.base_url} cannot be reached: {why}") from error
    if answer.is_redirect:
        where = answer.headers.get("location", "elsewhere")
        said = f"{http.base_url} redirects to {where}"
        raise Rejected(said, hint="Set chatwoot_url to where it leads: a redirect is not followed.")
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise Unavailable(f"{http.base_url} answered {answer.status_code}", status=answer.status_code)
    try:
        body = answer.json()
        version = str(body["version"])
    except (ValueError, KeyError, TypeError) as error:
        said = f"{http.base_url} answered {answer.status_code}, and not as Chatwoot does"
        raise Rejected(said, hint="Is it Chatwoot's address, without a path?") from error
    return Server(
        version, str(body.get("queue_services") or ""), str(body.get("data_services") or ""), _date(answer)
    )


class Admin:
    """One person's Chatwoot. Each call raises Unavailable, Rejected or ContractBroken."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self._client = ChatwootClient(http, token, token)

    async def me(self) -> Person:
        """Rejected where the token is nobody's, or a bot's (`BOT_REFUSED` is in its message then)."""
        body = await self._get("/api/v1/profile")
        return _parse(
            "profile",
            lambda: Person(
                str(body.get("available_name") or body.get("name") or ""),
                {int(one["id"]): str(one.get("role") or "") for one in body["accounts"]},
            ),
        )

    async def bots(self, account: int) -> tuple[Bot, ...]:
        body = await self._get(f"{_account(account)}/agent_bots")
        return _parse("agent_bots", lambda: tuple(_bot(one) for one in body))

    async def inboxes(self, account: int) -> tuple[Inbox, ...]:
        body = await self._get(f"{_account(account)}/inboxes")
        return _parse("inboxes", partial(_inboxes, body))

    async def bot_of(self, account: int, inbox: int) -> Bot | None:
        """The bot of an inbox, whether it is switched on there or not: Chatwoot does not say that."""
        body = await self._get(f"{_account(account)}/inboxes/{inbox}/agent_bot")
        return _parse("agent_bot", lambda: _bot(body["agent_bot"]) if body.get("agent_bot") else None)

    async def webhooks(self, account: int) -> tuple[Webhook, ...]:
        body = await self._get(f"{_account(account)}/webhooks")
        return _parse("webhooks", lambda: tuple(_webhook(one) for one in body["payload"]["webhooks"]))

    async def dashboard_apps(self, account: int) -> tuple[DashboardApp, ...]:
        body = await self._get(f"{_account(account)}/dashboard_apps")
        return _parse("dashboard_apps", lambda: tuple(_app(one) for one in body))

    async def dialogflow(self, account: int) -> frozenset[int]:
        """The inboxes that Dialogflow answers in."""
        body = await self._get(f"{_account(account)}/integrations/apps")
        return _parse(
            "integrations/apps",
            lambda: frozenset(
                int((hook.get("inbox") or {}).get("id") or 0)
                for app in body["payload"]
                if app.get("id") == "dialogflow"
                for hook in app.get("hooks") or ()
                if hook.get("status") is not False
            ),
        )

    async def captain(self, account: int) -> frozenset[int]:
        """The inboxes that Captain answers in; none where this Chatwoot has no Captain."""
        path = f"{_account(account)}/captain/assistants"
        try:
            body = await self._get(path)
        except Rejected as error:
            if error.status in {401, 403, 404, 501}:  # the community edition, or a plan without it
                return frozenset()
            raise
        numbers = _parse("captain/assistants", lambda: [int(one["id"]) for one in body["payload"]])
        found: set[int] = set()
        for number in numbers:
            its = await self._get(f"{path}/{number}/inboxes")
            found |= {one.id for one in _parse("captain inboxes", partial(_inboxes, its))}
        return frozenset(found)

    async def conversations(self, account: int, inbox: int) -> tuple[Talk, ...]:
        """The latest of an inbox, whatever their status."""
        body = await self._get(f"{_account(account)}/conversations", status="all", inbox_id=inbox)
        return _parse("conversations", lambda: tuple(_talk(one) for one in body["data"]["payload"]))

    async def messages(self, account: int, conversation: int) -> tuple[Listed, ...]:
        """The latest twenty, notes and activities among them, oldest first."""
        body = await self._get(f"{_account(account)}/conversations/{conversation}/messages")
        return _parse("messages", lambda: tuple(_listed(one) for one in body["payload"]))

    async def create_bot(self, account: int, name: str, url: str) -> Bot:
        content = {"name": name, "description": "kbtool's bridge", "outgoing_url": url, "bot_type": 0}
        body = await self._send("POST", f"{_account(account)}/agent_bots", content)
        return _parse("agent_bots", lambda: _bot(body))

    async def move_bot(self, account: int, bot: Bot, url: str) -> Bot:
        """Have it call another address; its secret and its token stay."""
        body = await self._send("PATCH", f"{_account(account)}/agent_bots/{bot.id}", {"outgoing_url": url})
        return _parse("agent_bots", lambda: _bot(body))

    async def attach(self, account: int, inbox: int, bot: Bot) -> None:
        """The inbox has one bot: this one takes another's place."""
        await self._send("POST", f"{_account(account)}/inboxes/{inbox}/set_agent_bot", {"agent_bot": bot.id})

    async def create_webhook(self, account: int, name: str, url: str) -> Webhook:
        content = {"url": url, "name": name, "subscriptions": list(SUBSCRIPTIONS)}
        body = await self._send("POST", f"{_account(account)}/webhooks", {"webhook": content})
        return _parse("webhooks", lambda: _webhook(body["payload"]["webhook"]))

    async def create_dashboard_app(self, account: int, title: str, url: str) -> DashboardApp:
        content = {"title": title, "content": [{"type": "frame", "url": url}]}
        body = await self._send("POST", f"{_account(account)}/dashboard_apps", {"dashboard_app": content})
        return _parse("dashboard_apps", lambda: _app(body))

    async def _get(self, path: str, **params: Any) -> Any:
        return await self._client.read(Request("GET", path, params=params, is_read=True))

    async def _send(self, method: str, path: str, content: Mapping[str, Any]) -> Any:
        return await self._client.read(Request(method, path, json=content, is_read=True))


def _account(number: int) -> str:
    return f"/api/v1/accounts/{number}"


def _bot(body: Mapping[str, Any]) -> Bot:
    return Bot(
        int(body["id"]),
        str(body.get("name") or ""),
        str(body.get("outgoing_url") or ""),
        str(body.get("secret") or ""),
        str(body.get("access_token") or ""),
    )


def _inboxes(body: Mapping[str, Any]) -> tuple[Inbox, ...]:
    return tuple(
        Inbox(int(one["id"]), str(one.get("name") or ""), str(one.get("channel_type") or ""))
        for one in body["payload"]
    )


def _webhook(body: Mapping[str, Any]) -> Webhook:
    names = tuple(str(name) for name in body.get("subscriptions") or ())
    return Webhook(int(body["id"]), str(body.get("url") or ""), names, str(body.get("secret") or ""))


def _app(body: Mapping[str, Any]) -> DashboardApp:
    frames: Sequence[Mapping[str, Any]] = body.get("content") or ()
    urls = tuple(str(frame.get("url") or "") for frame in frames)
    return DashboardApp(int(body["id"]), str(body.get("title") or ""), urls)


def _talk(body: Mapping[str, Any]) -> Talk:
    at = float(body.get("last_activity_at") or body.get("timestamp") or 0.0)
    return Talk(int(body["id"]), int(body.get("inbox_id") or 0), str(body.get("status") or ""), at)


def _listed(body: Mapping[str, Any]) -> Listed:
    attributes = body.get("content_attributes") or {}
    return Listed(
        int(body["id"]),
        float(body.get("created_at") or 0.0),
        int(body["message_type"]),
        str(body.get("content") or ""),
        bool(body.get("private")),
        str(body.get("status") or ""),
        str(attributes.get("external_error") or ""),
    )


def _date(answer: httpx.Response) -> float | None:
    try:
        return parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return None


def _parse(what: str, build: Callable[[], Value]) -> Value:
    try:
        return build()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ContractBroken(
            f"Chatwoot {what}: the answer does not have the expected form ({type(error).__name__}: {error})",
            hint="kbtool is written for Chatwoot 4.15 (docs/versions.md).",
        ) from error
