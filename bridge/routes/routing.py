"""From kb.toml and the environment to the routes of a bridge, or a sentence about what is missing.

Tokens are looked for under the name of the bot first: `CHATWOOT_BOT_TOKEN_<BOT>`, then
`CHATWOOT_BOT_TOKEN`. An app's key is looked for under its name only, so that no route is ever answered by
another route's app.
"""

from __future__ import annotations

from collections.abc import Mapping

from bridge.settings import BridgeSettings, Budget, Forwarding, Limits, Mode, Patience, Review, Route
from kbtool.config import EMBEDDED, BridgeRoute, Settings
from kbtool.config.bridge import Review as ReviewTable
from kbtool.errors import ConfigError
from kbtool.hold import PLACE, Hold

SECRET_KEY = "KBTOOL_SECRET_KEY"
SHORTEST_SECRET = 32
DEFAULT = "kbtool"
"""The name of the only route, where kb.toml has none."""


def settings_of(settings: Settings, environment: Mapping[str, str]) -> BridgeSettings:
    """The bridge that kb.toml describes. Raises ConfigError."""
    table = settings.bridge
    rows = table.routes or {DEFAULT: BridgeRoute()}
    return BridgeSettings(
        store=settings.resolve(table.store),
        routes=tuple(_route(name, row, settings, environment) for name, row in rows.items()),
        policy=settings.policy,
        hold=Hold(settings.resolve(PLACE)),
        concurrency=table.concurrency,
        unanswered=table.unanswered_minutes * 60,
        storage=table.storage,
        questions_at_once=table.questions_at_once,
        limits=Limits(table.questions_per_contact, table.questions_per_inbox),
        kpi=settings.kpi,
        review=_review(table.review, environment),
    )


def app_key(app: str, environment: Mapping[str, str]) -> str:
    """The key of the Dify app of this name, "" the nameless one. Raises ConfigError where there is none."""
    name = variable("DIFY_APP_KEY", app) if app else "DIFY_APP_KEY"
    key = environment.get(name, "").strip()
    if not key:
        raise ConfigError(f"{name} not set", hint=f"export {name}=app-…   (in Dify: the app › API access)")
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(f"{name} holds characters that no key has", hint="Copy it from Dify again.")
    return key


def _review(table: ReviewTable, environment: Mapping[str, str]) -> Review:
    """Without the secret the page is there, and says what is missing."""
    secret = environment.get(SECRET_KEY, "").strip()
    if secret and len(secret) < SHORTEST_SECRET:
        raise ConfigError(
            f"{SECRET_KEY} is too short: at least {SHORTEST_SECRET} characters are wanted",
            hint=f'export {SECRET_KEY}="$(openssl rand -base64 32)"',
        )
    return Review(table.enabled, table.chatwoot_origin, table.session_hours * 3600, secret)


def variable(name: str, of: str) -> str:
    return f"{name}_{of.upper().replace('-', '_')}"


def _route(name: str, row: BridgeRoute, settings: Settings, environment: Mapping[str, str]) -> Route:
    bot = row.webhook or row.bot
    is_signed = bot not in settings.bridge.unsigned
    _require_mode(name, row, settings)
    if settings.dify.base_url != EMBEDDED and row.mode != "off":
        app_key(row.app, environment)

    def secret(which: str) -> str:
        value = environment.get(variable(which, bot)) or environment.get(which, "")
        if not (value.isascii() and value.isprintable()):
            raise ConfigError(f"{which} for {bot!r} holds characters that no key has")
        return value.strip()

    where = "Settings › Integrations › Webhooks" if row.webhook else "Settings › Bots › the bot"
    wanted = {
        "CHATWOOT_BOT_TOKEN": ("to write into Chatwoot", "Settings › Bots › the bot"),
        "CHATWOOT_WEBHOOK_SECRET": ("to tell Chatwoot's deliveries from others", where),
    }
    if row.mode == "reply":
        # A post whose answer got lost can only be looked for with it; a bot may not list messages.
        wanted["CHATWOOT_USER_TOKEN"] = ("by reply mode", "an administrator's Profile › Access Token")
    for which, (purpose, place) in wanted.items():
        if not secret(which):
            said = f"{which} (or {variable(which, bot)}) not set, needed {purpose} on route {name!r}"
            raise ConfigError(said, hint=f"export {which}=…   (in Chatwoot: {place})")
    policy = settings.policy
    return Route(
        name=name,
        secret=secret("CHATWOOT_WEBHOOK_SECRET"),
        bot_token=secret("CHATWOOT_BOT_TOKEN"),
        user_token=secret("CHATWOOT_USER_TOKEN"),
        mode=Mode(row.mode),
        inboxes=frozenset(row.inboxes),
        labels=frozenset(row.labels),
        bot=bot,
        is_account=bool(row.webhook),
        is_signed=is_signed,
        app=row.app,
        policy=policy if row.threshold is None else policy.at(row.threshold),
        hours=row.people,
        language=row.language,
        contact=frozenset(row.contact),
        forwarding=Forwarding(row.handoff.team, row.handoff.labels, row.handoff.priority),
        budget=Budget(row.budget, row.budget_tokens),
        patience=Patience(answer=row.patience, post_limit=row.post_limit, quiet=row.merge_window),
    )


def _require_mode(name: str, row: BridgeRoute, settings: Settings) -> None:
    """Replies go out only under a threshold that was chosen from measurements (design decision 14)."""
    if row.mode != "reply" or row.untuned:
        return
    threshold = settings.handoff.threshold if row.threshold is None else row.threshold
    if not settings.handoff.tuned:
        raise ConfigError(
            f"route {name!r}: reply mode needs a tuned threshold, and {threshold:g} is the one to start from",
            hint="Run `kbtool tune --write`, stay in draft mode, or say `untuned = true`.",
        )
    if row.threshold is not None and row.threshold < settings.handoff.threshold:
        raise ConfigError(
            f"route {name!r}: its threshold {threshold:g} is below the tuned {settings.handoff.threshold:g}, "
            "which nothing was promised for",
            hint="Leave `threshold` out, raise it, or say `untuned = true`.",
        )
