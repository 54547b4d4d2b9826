"""What goes wrong on request: faults of the API, of deliveries and of channels. All values are frozen.

    sandbox.state.faults = Faults(calls=(CallFault("late", seconds=2.0),), duplicates="new_id")

Each is something that Chatwoot, a proxy before it, or a channel behind it was seen or read to do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["refused", "lost", "silent", "late", "orphaned", "slow"]
Duplicates = Literal["none", "same_id", "new_id"]


@dataclass(frozen=True, slots=True)
class CallFault:
    """What becomes of the next `times` calls (None: of every call) of `action`, Chatwoot's controller/action.

    refused   not carried out; answered with `status`
    lost      carried out at once; answered with `status`, as a proxy does that has lost the answer
    silent    carried out at once; answered after `seconds`
    late      carried out after `seconds`, whether the caller still waits or not, and answered then
    orphaned  answered with `status` at once, as by a proxy that waits no longer; done after `seconds`
    slow      the caller waits `seconds` first; one who leaves meanwhile has done nothing
    """

    kind: Kind
    action: str = "messages/create"
    status: int = 500
    seconds: float = 0.0
    times: int | None = 1


@dataclass(frozen=True, slots=True)
class Faults:
    """Everything that is switched on.

    duplicates        each webhook comes twice: as a retry does, or as #11901 does, under another delivery id
    shuffle_seconds   each webhook waits a random time up to this, so that later ones overtake it
    window_closed     channels with a messaging window take no free text: `can_reply` is false
    channel_error     what every channel but the web widget answers instead of delivering
    loses_attributes  unknown `content_attributes` are dropped, as an older message builder did
    file_redirect     where a file's address leads instead of to the file
    """

    calls: tuple[CallFault, ...] = ()
    duplicates: Duplicates = "none"
    shuffle_seconds: float = 0.0
    window_closed: bool = False
    channel_error: str = ""
    loses_attributes: bool = False
    file_redirect: str = ""

    def take(self, action: str) -> tuple[CallFault | None, Faults]:
        """The fault that a call of `action` meets, and the faults that are left after it."""
        found = next((fault for fault in self.calls if fault.action == action), None)
        if found is None or found.times is None:
            return found, self
        less = (replace(found, times=found.times - 1),) if found.times > 1 else ()
        place = self.calls.index(found)
        return found, replace(self, calls=(*self.calls[:place], *less, *self.calls[place + 1 :]))
