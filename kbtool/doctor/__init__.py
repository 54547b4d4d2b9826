"""What is wrong, and what to do about each: looks at Dify, at its app, and at who is told of alarms.

Each check is one small function that yields findings; what cannot be asked ends the checks that need it.
The bridge's own way of a message is `bridge.doctor`'s.
"""

from __future__ import annotations

from kbtool.doctor.dify import examine
from kbtool.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine"]
