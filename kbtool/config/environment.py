"""The environment variables that kbtool and the bridge read: the list behind docs/reference/configuration.md.

`tests/test_reference.py` looks through the code for names that are not here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable: `names` as users write them, `<…>` for the part that they choose; who reads it; what it is.

    `is_secret` ones are keys and addresses with which somebody could read or post.
    """

    names: tuple[str, ...]
    reader: str
    meaning: str
    is_secret: bool = False


VARIABLES = (
    Variable(
        ("DIFY_DATASET_KEY",),
        "ingest, evaluation, doctor",
        "Dify's knowledge key, `dataset-…` (Dify: Knowledge › API access).",
        is_secret=True,
    ),
    Variable(
        ("DIFY_APP_KEY", "DIFY_APP_KEY_<APP>"),
        "evaluation, bridge",
        "An app's key, `app-…` (Dify: the app › API access); with a name behind it, that of the app that a "
        "route calls so.",
        is_secret=True,
    ),
    Variable(("CHATWOOT_URL",), "bridge", "Chatwoot's address; overrules `[bridge] chatwoot_url`."),
    Variable(
        ("CHATWOOT_BOT_TOKEN", "CHATWOOT_BOT_TOKEN_<BOT>"),
        "bridge",
        "The agent bot's access token, by which is posted.",
        is_secret=True,
    ),
    Variable(
        ("CHATWOOT_WEBHOOK_SECRET", "CHATWOOT_WEBHOOK_SECRET_<BOT>"),
        "bridge",
        "What Chatwoot signs the bot's webhooks with; for an account webhook, with that one's name.",
        is_secret=True,
    ),
    Variable(
        ("CHATWOOT_USER_TOKEN", "CHATWOOT_USER_TOKEN_<BOT>"),
        "bridge",
        "An administrator's access token; it only reads. Reply mode does not start without.",
        is_secret=True,
    ),
    Variable(("KBTOOL_CONFIG",), "every command", "Where kb.toml is, if not here; as `--config`."),
    Variable(
        ("KBTOOL_DATABASE_URL",),
        "bridge, tune, golden suggest",
        "A PostgreSQL that several bridges share, `postgresql://…`, in place of `[bridge] store`.",
        is_secret=True,
    ),
    Variable(
        ("KBTOOL_SECRET_KEY",),
        "bridge",
        "What agents' tokens are encrypted with; without it the review page takes none.",
        is_secret=True,
    ),
    Variable(
        ("LLM_KEY",), "golden suggest, eval judge", "The key of `[llm]` and of `[judge]`.", is_secret=True
    ),
    Variable(
        ("SLACK_WEBHOOK",),
        "eval weekly, bridge serve, alert test",
        "Slack's incoming webhook.",
        is_secret=True,
    ),
    Variable(
        ("LARK_WEBHOOK",),
        "eval weekly, bridge serve, alert test",
        "A custom bot's webhook in a Lark group.",
        is_secret=True,
    ),
    Variable(
        ("LARK_SECRET",),
        "eval weekly, bridge serve, alert test",
        "What that bot wants to see signed.",
        is_secret=True,
    ),
    Variable(
        ("ALERT_WEBHOOK_SECRET",),
        "eval weekly, bridge serve, alert test",
        "What `[notify] webhook` is signed with.",
        is_secret=True,
    ),
    Variable(
        ("EVENTS_SECRET",),
        "bridge serve, eval weekly",
        "What events to `[events] url` are signed with.",
        is_secret=True,
    ),
    Variable(
        ("SMTP_PASSWORD",),
        "eval weekly, bridge serve, alert test",
        "The password of `[notify.email] user`.",
        is_secret=True,
    ),
    Variable(
        ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"),
        "evaluation",
        "Set by GitHub in its workflows: findings become annotations, the verdict a summary.",
    ),
)
