"""Whether a message is a customer's and wants an answer (bridge rule 8)."""

from __future__ import annotations

from collections.abc import Collection

from bridge.events.values import Event, Role, Verdict

_SPOKEN = frozenset({"text", "incoming_email", "sticker"})


def verdict(event: Event, inboxes: Collection[int]) -> Verdict:
    """Whether this is a customer's message that wants an answer; `inboxes` empty means all.

    The conditions are those of Chatwoot's payloads: contacts are the only senders without a type, bots are
    sent their own messages, private notes and templates too. A choice in a message of ours counts as one.
    """
    message = event.message
    if event.conversation is None or message is None:
        return Verdict.NOT_A_NEW_MESSAGE
    if event.name != "message_created" and not message.chosen:
        return Verdict.NOT_A_NEW_MESSAGE
    checks = (
        (message.role is Role.NOTE, Verdict.PRIVATE),
        (not message.is_incoming, Verdict.NOT_INCOMING),
        (message.role is not Role.CUSTOMER, Verdict.NOT_A_CUSTOMER),
        (message.content_type == "voice_call", Verdict.VOICE_CALL),
        (not message.chosen and message.content_type not in _SPOKEN, Verdict.CONTENT_TYPE),
        (bool(inboxes) and message.inbox_id not in inboxes, Verdict.OTHER_INBOX),
        (message.is_blocked, Verdict.BLOCKED),
        (message.is_automatic, Verdict.AUTO_REPLY),
    )
    return next((word for is_so, word in checks if is_so), Verdict.ASKS)
