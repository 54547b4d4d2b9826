"""A message's content as it stands in different places of a payload. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.sandbox.records import Message, Thread


def plain(content: str | None) -> str | None:
    """Escaped line ends become plain ones, those at the end go [webhook_content_normalizer.rb]."""
    return None if content is None else content.replace("\\\n", "\n").rstrip("\n")


def shown(message: Message, thread: Thread) -> str | None:
    """Outside the web widget a survey is a link [message_content_presenter.rb]."""
    own = thread.conversation
    if message.content_type != "input_csat" or own.inbox.channel == "Channel::WebWidget":
        return message.content
    return f"{message.content}, {thread.account.url}/survey/responses/{own.uuid}"


def trimmed(message: Message, thread: Thread) -> str | None:
    """A mail without the quoted history; everything else as it is [message.rb:300]."""
    mail = message.content_attributes.get("email")
    if not isinstance(mail, Mapping):
        return shown(message, thread)
    parts = (mail.get(name) or {} for name in ("text_content", "html_content"))
    return next((part["quoted"] for part in parts if part.get("quoted")), message.content)
