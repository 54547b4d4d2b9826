"""The sandbox's one page: the customer's chat, the desk, and what the bridge did with each message.

None of this is Chatwoot's. It needs no token and is for loopback only.
"""

from __future__ import annotations

from bridge.sandbox.page.routes import Desk
from bridge.sandbox.page.switches import Switches

__all__ = ["Desk", "Switches"]
