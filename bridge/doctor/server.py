"""Chatwoot itself: whether it answers, what it is, and what time it thinks it is."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bridge.chatwoot import admin
from bridge.chatwoot.admin import Server
from bridge.doctor.scene import Known, Scene
from bridge.signature import TOLERANCE
from kbtool.doctor.finding import Finding, fine, note, problem
from kbtool.errors import ServiceError

OLDEST = (4, 14, 2)
"""Signs what it sends to bots, and lets a bot read a conversation (contract §0)."""
READ = (4, 15)
SOON = 60.0
"""Seconds that clocks may differ before anybody says so."""


async def look(scene: Scene, known: Known) -> AsyncIterator[Finding]:
    try:
        found = await admin.server(scene.chatwoot)
    except ServiceError as error:
        hint = error.hint or "Is chatwoot_url right, and does this machine reach it?"
        yield problem("Chatwoot", error.message, hint)
        return
    known.is_there = True
    yield _version(found)
    if found.queue not in {"", "ok"} or found.data not in {"", "ok"}:
        said = f"its Redis is {found.queue or 'unknown'}, its PostgreSQL {found.data or 'unknown'}"
        yield problem("Chatwoot", f"{said}: no webhook leaves it", "Mend those two on Chatwoot's server.")
    if found.at is not None:
        yield _clock(found.at - scene.clock())


def _version(found: Server) -> Finding:
    numbers = tuple(int(part) for part in found.version.split(".")[:3] if part.isdecimal())
    if len(numbers) == 3 and numbers < OLDEST:
        said = f"{found.version} is too old: it does not sign, or lets no bot read a conversation"
        return problem("Chatwoot", said, "Update it to 4.14.2 or newer.")
    if numbers[:2] != READ:
        said = f"{found.version}; the bridge was written from the source of 4.15"
        return note("Chatwoot", said, "Look at docs/versions.md for what newer ones change.")
    return fine("Chatwoot", found.version)


def _clock(ahead: float) -> Finding:
    said = f"Chatwoot's is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} ours"
    if abs(ahead) > TOLERANCE:
        return problem(
            "clocks",
            f"{said}: what it signs is refused as {'of tomorrow' if ahead > 0 else 'old'}",
            "Set both by NTP (timedatectl set-ntp true).",
        )
    if abs(ahead) > SOON:
        return note("clocks", said, "Set both by NTP: at 300 s deliveries are refused.")
    return fine("clocks", "agree")
