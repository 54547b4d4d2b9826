"""[bridge] in kb.toml: where Chatwoot is, and the routing table by which its customers are answered.

    [bridge.routes.billing]            the first route that fits a conversation is its own,
    labels = ["billing"]               in the order of the file
    app = "billing"                    → DIFY_APP_KEY_BILLING

    [bridge.routes.website]
    inboxes = [1]
    mode = "reply"

Tokens and secrets stand in the environment, for all (`CHATWOOT_BOT_TOKEN`) or for one bot or app
(`CHATWOOT_BOT_TOKEN_KBTOOL`).
"""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from kbtool.config.hours import Hours
from kbtool.config.strict import Table

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
"""Of a route, a bot, an account webhook, an app: part of addresses and of environment variables."""


class RouteHandoff(Table):
    """What a conversation gets when it goes to people, beside what it has. `team` is an id, 0 none."""

    team: int = Field(default=0, ge=0)
    labels: tuple[str, ...] = ()
    priority: Literal["", "low", "medium", "high", "urgent"] = ""


class BridgeRoute(Table):
    """One route: which conversations, by which app, and how.

    It hears of them from the agent bot `bot`, or, for drafts, from the account webhook `webhook`. It fits
    those in one of `inboxes` that bear one of `labels`; empty means all. `app` names the Dify app by its key,
    DIFY_APP_KEY_<APP>. `threshold` stands in for that of [handoff]; `untuned` allows replies by one that
    nobody measured. `hours` are when people are there. `language` is for the bridge's own sentences; empty
    means the customer's. `contact` are the contact's attributes that the app may be told, if it declares
    them (`email` as `contact_email`, `custom_plan` as `contact_custom_plan`). `budget` is a month's, in the
    currency that Dify reports, `budget_tokens` in tokens.
    Times are in seconds.
    """

    bot: str = "kbtool"
    webhook: str = ""
    inboxes: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    app: str = ""
    mode: Literal["draft", "reply", "off"] = "draft"
    threshold: float | None = Field(default=None, ge=0, le=1)
    untuned: bool = False
    hours: tuple[str, ...] = ()
    zone: str = "UTC"
    language: str = ""
    contact: tuple[str, ...] = ()
    handoff: RouteHandoff = RouteHandoff()
    budget: float | None = Field(default=None, gt=0)
    budget_tokens: int | None = Field(default=None, gt=0)
    merge_window: float = Field(default=1.2, ge=0, le=30)
    post_limit: float = Field(default=20.0, ge=1, le=300)
    patience: float = Field(default=60.0, ge=5, le=300)

    @field_validator("bot", "webhook", "app")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if value and not NAME.fullmatch(value):
            raise PydanticCustomError("name", "small letters, digits and hyphens are wanted, at most 40")
        return value

    @field_validator("hours")
    @classmethod
    def _are_hours(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        try:
            Hours.parse(lines, "UTC")
        except ValueError as error:
            raise PydanticCustomError("hours", "{why}", {"why": str(error)}) from error
        return lines

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        try:
            Hours.parse((), zone)
        except ValueError as error:
            raise PydanticCustomError("zone", "{why}", {"why": str(error)}) from error
        return zone

    @model_validator(mode="after")
    def _drafts_only_on_a_webhook(self) -> Self:
        if self.webhook and self.mode == "reply":
            raise PydanticCustomError(
                "webhook", "an account webhook is for drafts: replies need the agent bot of the inbox"
            )
        return self

    @property
    def people(self) -> Hours:
        return Hours.parse(self.hours, self.zone)


class Review(Table):
    """The page on which agents send drafts: `/review` at the bridge's own address (docs/review.md).

    `chatwoot_origin` is where agents open Chatwoot, if that is not chatwoot_url: only from there the page is
    shown in a frame. After `session_hours` an agent signs in again. It needs KBTOOL_SECRET_KEY.
    """

    enabled: bool = True
    chatwoot_origin: str = ""
    session_hours: float = Field(default=12.0, gt=0, le=24 * 30)

    @field_validator("chatwoot_origin")
    @classmethod
    def _is_an_origin(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[a-zA-Z0-9.\-\[\]:]+", value):
            raise PydanticCustomError("origin", "should be like https://chat.example.com, without a path")
        return value


class Bridge(Table):
    """A whole bridge. `store` is its database file, unless KBTOOL_DATABASE_URL names a PostgreSQL.

    Chatwoot reaches `host:port`; health, metrics and traces are on `ops_host:ops_port`, for the operator
    only. `unanswered_minutes` is when a customer whom nobody answered goes to a person. `unsigned` are bots
    of a Chatwoot older than 4.13, which signs nothing. `storage` are the addresses at which Chatwoot keeps
    customers' files, where that is not its own (`https://bucket.s3.example.com`): files are fetched from
    nowhere else. `questions_at_once` bounds what one Dify app is asked at a time; 0 does not.
    """

    chatwoot_url: str = ""
    store: str = ".kbtool/bridge.sqlite"
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    ops_host: str = "127.0.0.1"
    ops_port: int = Field(default=8081, ge=0, le=65535)
    concurrency: int = Field(default=1000, ge=1, le=10_000)
    unanswered_minutes: float = Field(default=10.0, ge=1, le=24 * 60)
    unsigned: tuple[str, ...] = ()
    storage: tuple[str, ...] = ()
    questions_at_once: int = Field(default=0, ge=0, le=10_000)
    review: Review = Review()
    routes: dict[str, BridgeRoute] = Field(default_factory=dict)

    @field_validator("chatwoot_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s@/]+(/[^\s@]*)?", value):
            raise PydanticCustomError("address", "should be like https://chat.example.com")
        return value

    @field_validator("routes")
    @classmethod
    def _are_named_well(cls, routes: dict[str, BridgeRoute]) -> dict[str, BridgeRoute]:
        for name in routes:
            if not NAME.fullmatch(name):
                raise PydanticCustomError(
                    "name", "{name}: small letters, digits and hyphens are wanted", {"name": repr(name)}
                )
        return routes
