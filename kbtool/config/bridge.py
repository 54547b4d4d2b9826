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
from kbtool.config.opening import hours_or_why, zone_or_why
from kbtool.config.strict import Table

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
"""Of a route, a bot, an account webhook, an app: part of addresses and of environment variables."""


class RouteHandoff(Table):
    """What a conversation gets when it goes to people, beside what it has."""

    team: int = Field(default=0, ge=0)
    """The number of the team in Chatwoot that gets it; 0: none."""
    labels: tuple[str, ...] = ()
    """Labels that are added to those it has."""
    priority: Literal["", "low", "medium", "high", "urgent"] = ""
    """Its priority; empty: as it is."""


class BridgeRoute(Table):
    """One route: which conversations, by which app, and how.

    It hears of them from the agent bot `bot`, or, for drafts, from the account webhook `webhook`. Times are
    in seconds.
    """

    bot: str = "kbtool"
    """The agent bot that conversations come from: the last part of its webhook's address, and of the
    names of its token and secret.
    """
    webhook: str = ""
    """Instead of a bot, for drafts: the account webhook that conversations come from."""
    inboxes: tuple[int, ...] = ()
    """Numbers of the inboxes that it is for; empty: all."""
    labels: tuple[str, ...] = ()
    """A conversation must bear one of these; empty: any conversation."""
    app: str = ""
    """The Dify app that is asked, by the name behind `DIFY_APP_KEY_`; empty: that of `DIFY_APP_KEY`."""
    mode: Literal["draft", "reply", "off"] = "draft"
    """`draft`: private notes for people. `reply`: answers to customers, once the threshold is tuned.
    `off`: no AI.
    """
    threshold: float | None = Field(default=None, ge=0, le=1)
    """Instead of that of `[handoff]`."""
    untuned: bool = False
    """Reply also with a threshold that nobody measured."""
    hours: tuple[str, ...] = ()
    """When people are there, such as `mon-fri 09:00-17:30`; empty: always. The handoff sentence says when
    they will be.
    """
    zone: str = "UTC"
    """The time zone of `hours`, such as `Europe/Berlin`."""
    language: str = ""
    """Of the bridge's own sentences, such as `de`; empty: the customer's."""
    contact: tuple[str, ...] = ()
    """What the app may be told of the contact, if it declares it: `email` as `contact_email`,
    `custom_plan` as `contact_custom_plan`.
    """
    handoff: RouteHandoff = RouteHandoff()
    """What a conversation gets when it goes to people."""
    budget: float | None = Field(default=None, gt=0)
    """What a month's answers may cost, in the currency that Dify reports; none: any amount."""
    budget_tokens: int | None = Field(default=None, gt=0)
    """The same in tokens."""
    merge_window: float = Field(default=1.2, ge=0, le=30)
    """Seconds of quiet after which a burst of messages is answered once; 0: each at once."""
    post_limit: float = Field(default=20.0, ge=1, le=300)
    """Seconds after which a post whose answer was lost is either in Chatwoot or never will be."""
    patience: float = Field(default=60.0, ge=5, le=300)
    """Seconds for an answer of the app, all attempts together; then a person gets the conversation."""

    @field_validator("bot", "webhook", "app")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if value and not NAME.fullmatch(value):
            raise PydanticCustomError("name", "small letters, digits and hyphens are wanted, at most 40")
        return value

    _are_hours = field_validator("hours")(hours_or_why)
    _is_a_zone = field_validator("zone")(zone_or_why)

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
    """The page on which agents send drafts: `/review` at the bridge's own address (docs/review.md). It needs
    `KBTOOL_SECRET_KEY`.
    """

    enabled: bool = True
    """Whether there is such a page."""
    chatwoot_origin: str = ""
    """Where agents open Chatwoot, if that is not chatwoot_url: only from there the page is shown in a
    frame.
    """
    session_hours: float = Field(default=12.0, gt=0, le=24 * 30)
    """After so many hours an agent signs in again."""

    @field_validator("chatwoot_origin")
    @classmethod
    def _is_an_origin(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[a-zA-Z0-9.\-\[\]:]+", value):
            raise PydanticCustomError("origin", "should be like https://chat.example.com, without a path")
        return value


class Bridge(Table):
    """A whole bridge: where it listens, what it keeps, whom it answers how."""

    chatwoot_url: str = ""
    """Chatwoot's address, such as `https://chat.example.com`; `CHATWOOT_URL` and `--chatwoot-url`
    overrule it.
    """
    store: str = ".kbtool/bridge.sqlite"
    """The bridge's database file, unless `KBTOOL_DATABASE_URL` names a PostgreSQL."""
    host: str = "127.0.0.1"
    """Where Chatwoot's webhooks are taken. In a container: `0.0.0.0`."""
    port: int = Field(default=8080, ge=0, le=65535)
    """Its port; 0 takes a free one."""
    ops_host: str = "127.0.0.1"
    """Where health, metrics and traces are, for the operator only. Not for the internet."""
    ops_port: int = Field(default=8081, ge=0, le=65535)
    """Its port; 0 takes a free one."""
    concurrency: int = Field(default=1000, ge=1, le=10_000)
    """How many conversations are worked on at once."""
    unanswered_minutes: float = Field(default=10.0, ge=1, le=24 * 60)
    """After so many minutes a customer whom nobody answered goes to a person."""
    unsigned: tuple[str, ...] = ()
    """Bots of a Chatwoot older than 4.13, which signs nothing: their secret stands behind the webhook's
    address.
    """
    storage: tuple[str, ...] = ()
    """Where Chatwoot keeps customers' files, if not at its own address (`https://bucket.s3.example.com`):
    they are fetched from nowhere else.
    """
    questions_at_once: int = Field(default=0, ge=0, le=10_000)
    """How many questions one Dify app is asked at a time; 0: no bound."""
    questions_per_contact: int = Field(default=40, ge=0, le=100_000)
    """How many questions of one contact are put to the AI within an hour; a person gets what is more. 0: no
    bound.
    """
    questions_per_inbox: int = Field(default=3000, ge=0, le=1_000_000)
    """The same for all contacts of one inbox together."""
    review: Review = Review()
    """The page on which agents send drafts."""
    routes: dict[str, BridgeRoute] = Field(default_factory=dict)
    """The routing table: the first route that fits a conversation is its own. Empty: all conversations
    are drafted.
    """

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
