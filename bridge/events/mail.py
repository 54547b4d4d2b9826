"""A mail's own words, and whether a machine sent it (bridge rule 17).

Answering a machine makes a loop: its answer to ours is the next question.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import regex

from bridge.events.fields import dict_of, text_of, texts_of

# Addresses that nobody reads, as whole local parts: `noreply@`, `no-reply+tag@`, `bounces-123@`.
_NOBODY = regex.compile(
    r"^(?:no[-_.]?reply|do[-_.]?not[-_.]?reply|mailer[-_.]?daemon|postmaster|bounces?)(?:[-_.+][^@]*)?@",
    regex.IGNORECASE,
)
# What the common mail programs put before the subject of an absence or an automatic answer.
_ABSENT = regex.compile(
    r"^(?:auto(?:matic)?[ -]?(?:reply|response)|out of (?:the )?office"
    r"|abwesen(?:d|heit)\S*|automatische antwort|réponse automatique|absence du bureau"
    r"|respuesta automática|fuera de la oficina|resposta automática"
    r"|fora do escritório|自动回复|自動返信|不在通知|undeliver(?:able|ed)\b|delivery status notification"
    r"|mail delivery (?:failed|failure))",
    regex.IGNORECASE,
)
_AGAIN = regex.compile(
    r"^(?:(?:re|aw|sv|fwd?|wg|tr|rv|rép|res|回复|答复|转发)\s*[:：]\s*)+", regex.IGNORECASE
)


def own_words(content: Mapping[str, Any], mail: Mapping[str, Any], processed: str) -> str:
    """The text without the thread that it quotes. Chatwoot calls the part *without* the quotation `quoted`.

    `processed` is the same text as the nested message has it.
    """
    plain = text_of(dict_of(mail.get("text_content")).get("quoted"))
    html = text_of(dict_of(mail.get("html_content")).get("quoted"))
    return plain.strip() or html.strip() or processed.strip() or text_of(content.get("content")).strip()


def with_subject(subject: str, words: str) -> str:
    """A mail's words under its subject, which often is half of the question; that of a reply says nothing."""
    subject = subject.strip()
    if not subject or _AGAIN.match(subject) or subject.casefold() in words.casefold():
        return words
    return f"{subject}\n\n{words}".strip()


def subject_of(mail: Mapping[str, Any], conversation: Mapping[str, Any]) -> str:
    return text_of(mail.get("subject")) or text_of(
        dict_of(conversation.get("additional_attributes")).get("mail_subject")
    )


def is_automatic(mail: Mapping[str, Any], conversation: Mapping[str, Any], sender: str, subject: str) -> bool:
    """Whether a machine wrote this mail: by Chatwoot's own mark, its headers, its sender or its subject."""
    more = dict_of(conversation.get("additional_attributes"))
    if mail.get("auto_reply") is True or more.get("auto_reply") is True:
        return True
    headers = {name.casefold(): text_of(value) for name, value in dict_of(mail.get("headers")).items()}
    submitted = headers.get("auto-submitted", "no").strip().casefold()
    if submitted != "no" or headers.get("precedence", "").strip().casefold() in {"bulk", "junk", "list"}:
        return True
    addresses = (sender, *texts_of(mail.get("from")))
    return any(map(_NOBODY.match, addresses)) or bool(_ABSENT.match(_AGAIN.sub("", subject.strip())))
