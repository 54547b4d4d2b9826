"""Whose token it is, and what that token may do [access_token_auth_helper.rb].

Authorisation failures are 401 as well, never 403.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.sandbox.directory import Directory
from bridge.sandbox.records import Account, Bot, User

# All that an agent bot's token may do; everything else is refused, reading messages included.
BOT_MAY = frozenset(
    {
        ("conversations", "show"), ("conversations", "toggle_status"),
        ("conversations", "toggle_typing_status"), ("conversations", "toggle_priority"),
        ("conversations", "create"), ("conversations", "update"),
        ("conversations", "custom_attributes"), ("messages", "create"), ("assignments", "create"),
        ("labels", "index"), ("labels", "create"),
    }
)  # fmt: skip


class Refused(Exception):
    """The request is answered with `status` and `body`."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


def not_found() -> Refused:
    return Refused(404, {"error": "Resource could not be found"})


def not_for_bots() -> Refused:
    return Refused(401, {"error": "Access to this endpoint is not authorized for bots"})


def not_yours() -> Refused:
    """A conversation of an inbox that the agent is no member of [conversation_policy.rb]."""
    return Refused(401, {"error": "You are not authorized to do this action"})


def caller(headers: Mapping[str, str], directory: Directory) -> User | Bot:
    """Who calls. A proxy in front of Chatwoot may drop the form with underscores; the sandbox takes both."""
    token = headers.get("api-access-token") or headers.get("api_access_token")
    if not token:
        raise Refused(401, {"errors": ["You need to sign in or sign up before continuing."]})
    owner = directory.owner_of(token)
    if owner is None:
        raise Refused(401, {"error": "Invalid Access Token"})
    return owner


def require_action(who: User | Bot, controller: str, action: str) -> None:
    if isinstance(who, Bot) and (controller, action) not in BOT_MAY:
        raise not_for_bots()


def account_for(who: User | Bot, account_id: int, directory: Directory) -> Account:
    """The account that the path names, if the caller belongs to it."""
    account = directory.accounts.get(account_id)
    if account is None:
        raise not_found()
    if who.account_id != account.id:
        error = (
            "Bot is not authorized to access this account"
            if isinstance(who, Bot)
            else "You are not authorized to access this account"
        )
        raise Refused(401, {"error": error})
    return account
