"""Who a customer is to Dify: a conversation there belongs to one user (256-260)."""

from __future__ import annotations


def user_of(account: int, contact: int) -> str:
    """The same for a contact of Chatwoot's each time, and no name or address."""
    return f"chatwoot-{account}-{contact}"
