"""A small Chatwoot-compatible service with a page, for demonstrations and for tests in place of a mock.

It is built from Chatwoot's source (4.15.0, the community edition) and held to payload samples that were
written down from its serialisers. **It was never compared with a running Chatwoot**, and it is not one: one
process, everything in memory; no automation rules but their webhooks, no campaigns, Captain or drafts, no
files in requests.

    sandbox = create_sandbox(SandboxSettings(bot=BotSettings(url="http://bridge/webhooks/chatwoot/bot")))
    visit = sandbox.state.arrive()
    sandbox.state.say(visit, "How do I descale it?")
    sandbox.state.faults = Faults(duplicates="new_id")
    await sandbox.settle()

or `uvicorn` for a browser and a bridge to reach it. `await sandbox.aclose()` ends it.
"""

from __future__ import annotations

from bridge.sandbox.app import Sandbox, create_sandbox
from bridge.sandbox.faults import CallFault, Faults
from bridge.sandbox.settings import (
    BotSettings,
    DeliverySettings,
    InboxSettings,
    SandboxSettings,
    UserSettings,
    WebhookSettings,
)
from bridge.sandbox.state import Place, State, Upload

__all__ = [
    "BotSettings",
    "CallFault",
    "DeliverySettings",
    "Faults",
    "InboxSettings",
    "Place",
    "Sandbox",
    "SandboxSettings",
    "State",
    "Upload",
    "UserSettings",
    "WebhookSettings",
    "create_sandbox",
]
