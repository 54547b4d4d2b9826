"""What the sandbox's page can break beside Chatwoot: Dify, and the bridge itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kbtool.embedded import CannedAnswer, SlowModel

if TYPE_CHECKING:
    from kbtool.cli.sandbox.process import BridgeProcess
    from kbtool.embedded.app import Engine
    from kbtool.embedded.fault_kinds import Fault

_SPENT = {"code": "provider_quota_exceeded", "message": "Your quota for the provider has been exhausted."}
DIFY: dict[str, tuple[Fault, ...]] = {
    "well": (),
    "slow": (SlowModel("", before=8.0),),
    "down": (CannedAnswer("/chat-messages", 503, "<h1>503 Service Unavailable</h1>", times=0),),
    "spent": (CannedAnswer("/chat-messages", 400, _SPENT | {"status": 400}, times=0),),
}
"""How Dify can be."""


@dataclass
class Switches:
    """`engine` stands for Dify, `process` is the bridge."""

    engine: Engine
    process: BridgeProcess
    dify: str = field(default="well")

    @property
    def is_up(self) -> bool:
        return self.process.is_up

    def set_dify(self, how: str) -> None:
        """Raises KeyError for a state that there is not."""
        faults = DIFY[how]
        self.engine.faults.withdraw(*DIFY[self.dify])
        self.engine.inject(*faults)
        self.dify = how

    def kill(self) -> None:
        self.process.kill()
