"""Dify's JSON, both ways, by topic: requests are built, answers parsed into our types. No I/O.

Dify's words *segment* and *child chunk* stop here. An answer without what the contract promises raises
`ContractBroken`; an error answer becomes `Unavailable` or `Rejected` (`refusals.py`).
"""

from __future__ import annotations

from kbtool.dify.wire.documents import PARENT_SEPARATOR

__all__ = ["PARENT_SEPARATOR"]
