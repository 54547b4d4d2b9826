"""Where messages of a project go: kb.toml's `[notify]`, with the secrets of the environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kbtool.config import Settings
    from kbtool.notify import Channels


def channels(settings: Settings, environment: Mapping[str, str]) -> Channels:
    """Raises ConfigError for an address that is none."""
    from kbtool import notify

    mail = settings.notify.email
    email = notify.Email(mail.host, mail.port, mail.sender, mail.to, mail.user, mail.tls) if mail else None
    return notify.channels(webhook=settings.notify.webhook, email=email, environment=environment)
