"""What the review page keeps of an agent, and for whom: keys made of KBTOOL_SECRET_KEY. Pure.

An agent's token is encrypted under a key that the secret and the cookie's value make together. So neither the
store, nor the store with the secret, gives away a token: the cookie is in the agent's browser only.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def new_key() -> str:
    """The value of a new session's cookie."""
    return secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """By which the store finds a session: who reads it there cannot make a cookie of it."""
    return hashlib.sha256(key.encode()).hexdigest()


def seal(secret: str, key: str, token: str) -> bytes:
    return _cipher(secret, key).encrypt(token.encode())


def unseal(secret: str, key: str, sealed: bytes) -> str | None:
    """None where it was sealed with another secret, or was changed."""
    try:
        return _cipher(secret, key).decrypt(sealed).decode()
    except InvalidToken:
        return None


def pass_for(secret: str, key: str, *place: object) -> str:
    """What a form, or a question about one conversation, must bring: only a page that was shown to this
    session at this place has it.
    """
    message = "\n".join(map(str, ("pass", key, *place)))
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()


def is_pass(given: str, secret: str, key: str, *place: object) -> bool:
    return hmac.compare_digest(given.encode(), pass_for(secret, key, *place).encode())


def _cipher(secret: str, key: str) -> Fernet:
    derive = HKDF(algorithm=SHA256(), length=32, salt=key.encode(), info=b"kbtool review session")
    return Fernet(base64.urlsafe_b64encode(derive.derive(secret.encode())))
