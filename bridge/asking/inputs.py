"""The variables of an app's form, filled from what is known of the conversation. Pure.

Only what the app declares is sent, and of the contact only what the configuration allows: a variable that an
app did not ask for would be a customer's data given away for nothing.

    conversation_id, inbox_id, channel, language   of the Chatwoot conversation
    history              what the customer asked before, where Dify itself does not know it
    contact_<name>       name, email, phone_number, identifier, city, country …; custom_<name> for own ones
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from kbtool.dify.conversations import InputField

CONTACT = "contact_"
_LONGEST_HISTORY = 2_000


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known when a Dify conversation begins. `contact` are the contact's attributes by name."""

    conversation: int
    inbox: int
    channel: str
    language: str
    before: Sequence[str] = ()
    contact: Mapping[str, str] = field(default_factory=dict)


def wants_contact(fields: Sequence[InputField], allowed: Collection[str]) -> bool:
    """Whether the app declares something of the contact that may be told: only then it is looked up."""
    return any(field.name.removeprefix(CONTACT) in allowed for field in fields if _is_contacts(field.name))


def fill(fields: Sequence[InputField], situation: Situation, allowed: Collection[str] = ()) -> dict[str, str]:
    """The declared variables that have a value, each cut to its length."""
    known = {
        "conversation_id": str(situation.conversation),
        "inbox_id": str(situation.inbox or ""),
        "channel": situation.channel.removeprefix("Channel::"),
        "language": situation.language,
        "history": "\n".join(situation.before)[-_LONGEST_HISTORY:],
    } | {CONTACT + name: value for name, value in situation.contact.items() if name in allowed}
    return {
        field.name: value if field.longest is None else value[: field.longest]
        for field in fields
        if (value := known.get(field.name, ""))
    }


def lacking(fields: Sequence[InputField], filled: Mapping[str, str]) -> tuple[str, ...]:
    """The required variables that have no value: the app will refuse every question (272)."""
    return tuple(field.name for field in fields if field.is_required and not filled.get(field.name))


def _is_contacts(name: str) -> bool:
    return name.startswith(CONTACT)
