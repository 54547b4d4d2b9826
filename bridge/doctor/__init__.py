"""Why a customer's message is not answered: what stands on its way, and the way of one.

    server    Chatwoot answers, is new enough, and its clock is ours
    tokens    each token is of the kind that it is used as
    bots      a bot calls us, with our secret, in the inboxes of the routes, and nobody else does
    arrival   a signed delivery comes to this bridge's store, by the way that Chatwoot takes
    work      the bridge works, and nothing lies about undone
    apps      the Dify apps of the routes answer, with sources, and keep to their subject
    message   the latest customer's message, hop by hop, until where it stopped

Nothing is changed: what is posted to the bridge is an event that it knows nothing of. Hops that need what an
earlier one found missing are left out, and say so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from bridge.doctor import apps, arrival, bots, message, server, tokens, work
from bridge.doctor.scene import Known, Scene
from kbtool.doctor import Finding

__all__ = ["Scene", "examine"]
HOPS = (server.look, tokens.look, bots.look, arrival.look, work.look, apps.look, message.look)


async def examine(scene: Scene) -> AsyncIterator[Finding]:
    """All findings, in the order of a message's way."""
    known = Known()
    for look in HOPS:
        async for finding in look(scene, known):
            yield finding
