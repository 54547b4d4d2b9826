"""docs/operations.md names every alert that the code can raise, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from bridge.guards.alarms import ALARMS
from kbtool.hold import POLICY_STALE

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def test_every_alert_has_its_line_and_every_line_an_alert() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "bridge").rglob("*.py"))
    literal = set(re.findall(r'\bkey=f?"([a-z_]+)[:"]', sources)) - {"several"}  # what sums others up
    chosen = {
        word for pair in re.findall(r"\bkey=f\"\{'(\w+)' if \w+ else '(\w+)'\}", sources) for word in pair
    }
    raised = literal | chosen | set(ALARMS) | {str(POLICY_STALE)}
    named = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert len(raised) > 15
    assert named == raised
