"""What a person made of a draft: by the review page, or by hand in Chatwoot, where only the texts tell.

Who pastes a draft changes a blank at most, who answers in other words shares little with it (bridge rule 29).
"""

from __future__ import annotations

from typing import NamedTuple

from bridge.tables.drafts import Draft, State
from kbtool.kpi.rows import Fate

SAME, EDITED = 0.02, 0.5
"""Shares of the longer text that differ, up to which what was sent by hand is the draft, or an edited one."""


class Dealt(NamedTuple):
    """The fate, and the share of the text that was changed: 0 as it was, 1 another text; None if nothing was
    sent.
    """

    fate: Fate
    changed: float | None = None


def dealt(draft: Draft) -> Dealt | None:
    """What became of it; None where nobody has decided on it, or where there was no text to decide on."""
    if not draft.drafted.text:
        return None
    if draft.state is State.DISCARDED:
        return Dealt(Fate.DISCARDED)
    changed = _changed(draft)
    if draft.state is State.SENT:
        return Dealt(Fate.SENT, changed)
    if draft.state is State.EDITED:
        return Dealt(Fate.EDITED, changed)
    if draft.state is not State.BY_HAND:
        return None
    fate = Fate.SENT if changed <= SAME else Fate.EDITED if changed <= EDITED else Fate.OTHER
    return Dealt(fate, changed)


def _changed(draft: Draft) -> float:
    longest = max(len(draft.drafted.text), len(draft.sent))
    return min(1.0, (draft.distance or 0) / longest)
