"""The mark that holds automatic answers back while nobody knows what they are worth.

A small file beside the bridge's store, so that a running bridge sees it without a restart.

    maintenance    the dataset is being embedded anew and answers wrongly: nothing is answered or drafted
    policy_stale   the threshold was measured under another model: no bridge that was started before the mark
                   replies to customers by it; one that starts afterwards reads kb.toml, where it is void
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

PLACE = ".kbtool/hold.json"
"""Relative to kb.toml."""
MAINTENANCE = "maintenance"
POLICY_STALE = "policy_stale"


@dataclass(frozen=True, slots=True)
class Hold:
    """The mark at `path`; times in seconds since 1970."""

    path: Path

    def put(self, reason: str, since: float) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        half = self.path.with_suffix(".part")
        half.write_text(json.dumps({"reason": reason, "since": since}), encoding="utf-8")
        half.replace(self.path)

    def lift(self) -> None:
        self.path.unlink(missing_ok=True)

    def reason(self, started: float, *, to_customers: bool) -> str:
        """Why a bridge that was started then must hold back, "" when it need not.

        A file that cannot be read holds back: somebody put it there.
        """
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            reason, since = str(content["reason"]), float(content["since"])
        except FileNotFoundError:
            return ""
        except (OSError, ValueError, KeyError, TypeError):
            return MAINTENANCE
        if reason == POLICY_STALE:
            return reason if to_customers and since >= started else ""
        return MAINTENANCE
