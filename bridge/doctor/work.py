"""The bridge at work: what it says of itself, and what lies in its store undone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
from sqlalchemy import Connection, func, select

from bridge.doctor.scene import Known, Scene
from bridge.operating import deadletters
from bridge.store.schema import IS_WAITING, messages
from kbtool.doctor.finding import Finding, fine, note, problem
from kbtool.errors import KbtoolError

OVERDUE = 120.0
"""Seconds after which a message that waits for its turn waits too long."""
_OWN = {"status", "database", "worker"}


async def look(scene: Scene, _: Known) -> AsyncIterator[Finding]:
    yield await _ready(scene)
    hold = scene.settings.hold
    if hold is not None and (why := hold.reason(scene.clock(), to_customers=True)):
        said = f"replies are held back: {why}"
        yield note("hold", said, "People send them meanwhile. See docs/operations.md for how it ends.")
    try:
        with scene.visit() as connection:
            found = _undone(connection, scene.clock())
    except KbtoolError as error:
        yield note("store", error.message, error.hint or "Run the doctor where the bridge runs.")
        return
    for finding in found:
        yield finding


async def _ready(scene: Scene) -> Finding:
    try:
        answer = await scene.outside.get(f"{scene.ops}/readyz", timeout=10.0)
        states = {str(name): str(state) for name, state in dict(answer.json()).items()}
    except (httpx.HTTPError, ValueError, TypeError):
        said = f"its second address {scene.ops} does not answer"
        return note("bridge", said, "Is it up? Is [bridge] ops_port that of this kb.toml?")
    broken = {name: state for name, state in states.items() if name != "status" and state != "ok"}
    if broken:
        name, state = next(iter(broken.items()))
        remedy = "Look at the bridge's log." if name in _OWN else "Does the bridge's own machine reach it?"
        return problem(f"bridge: {name.partition(':')[0]}", f"it says: {state}", remedy)
    return fine("bridge", f"works, and reaches {', '.join(name for name in states if name not in _OWN)}")


def _undone(connection: Connection, now: float) -> list[Finding]:
    letters = deadletters.every(connection)
    findings = []
    if letters:
        said = f"{len(letters)} that nothing more is tried with, the last: {letters[-1].why}"
        findings.append(problem("dead letters", said, "kbtool bridge deadletters list"))
    oldest = connection.execute(select(func.min(messages.c.received_at)).where(IS_WAITING)).scalar()
    if oldest and now - oldest > OVERDUE:
        said = f"one has waited for {(now - oldest) / 60:.0f} min"
        findings.append(problem("backlog", said, "Is the bridge up? Is Dify slow? (docs/operations.md)"))
    return findings or [fine("store", "nothing lies undone")]
