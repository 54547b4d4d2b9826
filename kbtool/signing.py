"""What we send to other people's webhooks is signed as Chatwoot signs: HMAC-SHA256 over `timestamp.body`."""

from __future__ import annotations

import hashlib
import hmac

TIMESTAMP, SIGNATURE = "x-kbtool-timestamp", "x-kbtool-signature"


def signed(body: bytes, secret: str, now: float) -> dict[str, str]:
    """The headers that prove who sent `body`, and when; none without a secret."""
    if not secret:
        return {}
    stamp = str(int(now))
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {TIMESTAMP: stamp, SIGNATURE: f"sha256={digest}"}
