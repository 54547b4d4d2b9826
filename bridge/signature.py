"""Is a delivery Chatwoot's own? HMAC-SHA256 over `timestamp.body`, as Chatwoot 4.13 and newer sign it.

Signed is the raw body, before anyone parses it. Chatwoot sends no nonce and recomputes timestamp and
signature at each attempt; a delivery that is replayed within the tolerance is met by deduplication.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

SIGNATURE = "x-chatwoot-signature"
TIMESTAMP = "x-chatwoot-timestamp"
TOLERANCE = 300.0
"""Seconds that a timestamp may be off, either way: clocks differ, and a queue may be slow."""


def sign(body: bytes, timestamp: str, secret: str) -> str:
    """The header value for this body at this time."""
    signed = timestamp.encode("latin-1", "replace") + b"." + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def is_genuine(body: bytes, headers: Mapping[str, str], secret: str, now: float) -> bool:
    """Whether the headers (lower-case names) prove that `body` was sent by who knows `secret`, just now."""
    timestamp = headers.get(TIMESTAMP, "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    if abs(now - int(timestamp)) > TOLERANCE:
        return False
    given = headers.get(SIGNATURE, "").encode("latin-1", "replace")
    return hmac.compare_digest(sign(body, timestamp, secret).encode(), given)
