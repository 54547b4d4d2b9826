"""What a sandbox is made of: its people, tokens, receivers and faults. All values are frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from bridge.sandbox.faults import Faults
from bridge.sandbox.records import Channel

Role = Literal["administrator", "agent"]

# What an account webhook may subscribe to [webhook.rb:32]; the two of a bot are not among them.
SUBSCRIPTIONS = (
    "conversation_created", "conversation_status_changed", "conversation_updated", "conversation_typing_on",
    "conversation_typing_off", "message_created", "message_updated", "webwidget_triggered",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BotSettings:
    """The agent bot of the web inbox. Without `url` it is called for nothing, and still owns its inbox."""

    url: str = ""
    secret: str = "sandbox-bot-secret"
    token: str = "sandbox-bot-token"
    name: str = "Assistant"
    description: str = ""


AGENT_TOKEN = "sandbox-agent-token"
"""Of the person at the desk."""


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """An account webhook: another address and another secret than the bot's."""

    url: str
    secret: str = "sandbox-webhook-secret"
    subscriptions: tuple[str, ...] = SUBSCRIPTIONS


@dataclass(frozen=True, slots=True)
class InboxSettings:
    """An inbox beside the two that are always there."""

    name: str
    channel: Channel
    has_bot: bool = True
    greeting: str = ""


@dataclass(frozen=True, slots=True)
class UserSettings:
    """Somebody who works at the desk. `inboxes` are the ids of those that an agent is a member of; None is
    every one.
    """

    name: str
    email: str
    token: str
    role: Role = "agent"
    inboxes: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How webhooks are sent. The values are Chatwoot's own, but for `private_network`, since a sandbox stands
    on loopback; `shuffle_seed` is for tests.

    timeout_seconds   WEBHOOK_TIMEOUT; here one clock over opening and reading
    attempts          of a bot's webhook that is answered 429 or 500; everything else is final
    private_network   SAFE_FETCH_ALLOW_PRIVATE_NETWORK: without it, hosts without a public address get nothing
    concurrency       Sidekiq's; nothing keeps the order of two deliveries
    shuffle_seed      each delivery waits a random time up to `shuffle_seconds` before it is sent
    """

    timeout_seconds: float = 5.0
    attempts: int = 3
    retry_seconds: float = 3.0
    concurrency: int = 10
    keep_pending_on_bot_failure: bool = False
    private_network: bool = True
    shuffle_seed: int | None = None
    shuffle_seconds: float = 0.05


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """A whole sandbox: one account with a web inbox that has the bot, and an API inbox that has none.

    `inboxes` are further ones, `teams` have the agent for their member. `bot_owns` is how 4.16 and newer
    record the inbox's bot as a new conversation's owner. `faults` are those of the start.
    `users` are further people. `dashboard_app` is the address of a page that Chatwoot would frame beside a
    conversation; `/app/{conversation}` shows it so.
    `version` and `queue_services` are what `/api` says.
    `trace_url` is the bridge's second address; the page asks it through the sandbox. `public_url` is what
    Chatwoot calls FRONTEND_URL: attachments' addresses begin with it, and lead to `storage_url` from there.
    """

    account_name: str = "Fennbrook"
    inbox_name: str = "Fennbrook website"
    greeting: str = ""
    bot: BotSettings = BotSettings()
    webhooks: tuple[WebhookSettings, ...] = ()
    inboxes: tuple[InboxSettings, ...] = ()
    teams: tuple[str, ...] = ("Support",)
    bot_owns: bool = False
    faults: Faults = field(default_factory=Faults)
    agent: UserSettings = UserSettings("Support desk", "desk@fennbrook.example", AGENT_TOKEN)
    administrator: UserSettings = UserSettings(
        "AI bridge service", "bridge@fennbrook.example", "sandbox-administrator-token", "administrator"
    )
    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    messages_per_minute: int = 200
    public_url: str = "http://127.0.0.1:3000"
    storage_url: str = ""
    trace_url: str = ""
    suggested_questions: tuple[str, ...] = ()
    users: tuple[UserSettings, ...] = ()
    dashboard_app: str = ""
    version: str = "4.15.0"
    queue_services: str = "ok"
