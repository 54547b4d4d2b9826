"""Sentences that Chatwoot writes into a thread by itself [config/locales/en.yml, conversations.activity]."""

from __future__ import annotations

from bridge.sandbox.records import Bot, Conversation, User

BOT_FAILED = "Conversation was marked open by system due to an error with the agent bot."
_STATUS = {
    "open": "Conversation was reopened by {name}",
    "resolved": "Conversation was marked resolved by {name}",
    "pending": "Conversation was marked as pending by {name}",
    "snoozed": "Conversation was snoozed by {name}",
}


def of_change(before: Conversation, after: Conversation, by: User | Bot | None) -> list[str]:
    """What is written when `by` made `after` of `before`; nothing when nobody did."""
    if by is None:
        return []
    sentences = []
    if before.status != after.status:
        sentences.append(_STATUS[after.status].format(name=by.name))
    if before.assignee != after.assignee:
        sentences.append(_assignment(after.assignee, by))
    added = [label for label in after.labels if label not in before.labels]
    removed = [label for label in before.labels if label not in after.labels]
    if added:
        sentences.append(f"{by.name} added {', '.join(added)}")
    if removed:
        sentences.append(f"{by.name} removed {', '.join(removed)}")
    return sentences


def _assignment(assignee: User | Bot | None, by: User | Bot) -> str:
    if assignee is None:
        return f"Conversation unassigned by {by.name}"
    if assignee == by:
        return f"{by.name} self-assigned this conversation"
    return f"Assigned to {assignee.name} by {by.name}"
