"""Which of a customer's files go along with a question. Pure; the app's own settings decide."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.events import Attachment
from kbtool.dify.conversations import FileRules

KINDS = {"image": "image", "file": "document", "audio": "audio", "video": "video"}
"""Chatwoot's `file_type` → Dify's."""
MEDIA: dict[str, tuple[str, ...]] = {
    # Not SVG, which is a page with scripts.
    "image": ("image/png", "image/jpeg", "image/gif", "image/webp"),
    "document": (
        "application/pdf",
        "text/plain",
        "text/csv",
        "text/markdown",
        "application/msword",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.ms-excel",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    "audio": ("audio/ogg", "audio/mpeg", "audio/mp4", "audio/wav", "audio/webm", "audio/x-m4a"),
    "video": ("video/mp4", "video/quicktime", "video/webm"),
}
"""What is passed on, by kind; everything else stays with people."""
EXTENSIONS = {
    "image/jpeg": "jpg",
    "text/plain": "txt",
    "text/markdown": "md",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/x-m4a": "m4a",
    "video/quicktime": "mov",
}


def passed_on(attachments: Sequence[Attachment], rules: FileRules) -> tuple[Attachment, ...]:
    """The files that the app takes, in order. One whose size nobody tells is measured when it is fetched."""
    fitting = [
        one
        for one in attachments
        if one.url and one.kind in KINDS and not one.words and rules.takes(KINDS[one.kind], one.size)
    ]
    return tuple(fitting[: rules.most])


def largest(attachment: Attachment, rules: FileRules, bound: int) -> int:
    """Bytes that this file may have."""
    return min(bound, dict(rules.sizes).get(KINDS[attachment.kind], 0))


def name_of(attachment: Attachment, number: int, media_type: str) -> str:
    """A name of ours: the customer's may be anything, and Dify refuses some signs in it."""
    return f"{attachment.kind}-{number}.{EXTENSIONS.get(media_type) or media_type.rpartition('/')[2]}"
