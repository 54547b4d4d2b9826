"""From [events] of kb.toml and the environment to the program that gets events."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.stream.rows import Wanted
from bridge.stream.sender import Receiver
from kbtool.config import Settings

SECRET = "EVENTS_SECRET"


def receiver_of(settings: Settings, environment: Mapping[str, str], chatwoot_url: str) -> Receiver | None:
    """None where nobody wants any. Links lead to where people open Chatwoot."""
    table = settings.events
    if not table.url or not table.kinds:
        return None
    desk = settings.bridge.review.chatwoot_origin or chatwoot_url
    wanted = Wanted(frozenset(table.kinds), desk.rstrip("/"), table.words)
    return Receiver(table.url, environment.get(SECRET, "").strip(), wanted)
