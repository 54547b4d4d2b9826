"""What a customer chose in a message of ours, or wrote in its form (bridge rule 9).

In the web widget no incoming message tells of it: the bot's own message comes back as `message_updated` with
`submitted_values`. Other channels send the choice as ordinary text.
"""

from __future__ import annotations

import hashlib
from typing import Any

from bridge.events.fields import dict_of, dicts_of, text_of

_OFFERS = frozenset({"input_select", "form"})


def chosen_of(content: dict[str, Any]) -> tuple[str, str]:
    """The customer's words, and a digest by which the same choice is known again; "", "" where there is none.

    Only of a bot's message: the e-mail and the rating that Chatwoot's templates ask for are answered there.
    """
    is_ours = text_of(dict_of(content.get("sender")).get("type")) == "agent_bot"
    is_offer = content.get("event") == "message_updated" and text_of(content.get("content_type")) in _OFFERS
    if not (is_ours and is_offer):
        return "", ""
    values = list(dicts_of(dict_of(content.get("content_attributes")).get("submitted_values")))
    words = "\n".join(filter(None, map(_words, values)))
    if not words:
        return "", ""
    return words, hashlib.sha256(words.encode()).hexdigest()


def _words(value: dict[str, Any]) -> str:
    """An option is what it was asked to mean, its `value`; a form's field is `name: value`."""
    title, name, said = (text_of(value.get(key)).strip() for key in ("title", "name", "value"))
    if name and said:
        return f"{name}: {said}"
    return said if " " in said or not title else title
