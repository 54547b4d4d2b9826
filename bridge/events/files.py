"""What came with a message: files, voice, places, contacts (bridge rule 19)."""

from __future__ import annotations

from typing import Any

from bridge.events.fields import dict_of, dicts_of, int_of, text_of
from bridge.events.values import Attachment

VOICE, STICKER = "audio", "sticker"
_NO_FILE = frozenset({"location", "contact", "fallback", "embed", "share", "story_mention"})


def attachments_of(content: dict[str, Any]) -> tuple[Attachment, ...]:
    """A sticker is one whether or not it comes as a picture."""
    if content.get("content_type") == STICKER:
        return (Attachment(STICKER),)
    return tuple(_attachment(one) for one in dicts_of(content.get("attachments")))


def transcript(attachments: tuple[Attachment, ...]) -> str:
    """What was spoken, where Chatwoot wrote it down (its paid edition does)."""
    return "\n".join(one.words for one in attachments if one.kind == VOICE and one.words).strip()


def _attachment(one: dict[str, Any]) -> Attachment:
    kind = text_of(one.get("file_type")) or "file"
    return Attachment(
        kind=kind,
        url="" if kind in _NO_FILE else text_of(one.get("data_url")),
        media_type=text_of(one.get("content_type")),
        size=int_of(one.get("file_size")),
        words=_words(kind, one),
    )


def _words(kind: str, one: dict[str, Any]) -> str:
    match kind:
        case "audio":
            return text_of(one.get("transcribed_text")).strip()
        case "location":
            place = text_of(one.get("fallback_title"))
            return ", ".join(filter(None, (place, *_coordinates(one))))
        case "contact":
            meta = dict_of(one.get("meta"))
            name = " ".join(
                filter(None, (text_of(meta.get(key)) for key in ("firstName", "lastName", "first_name")))
            )
            return ", ".join(filter(None, (name, text_of(one.get("fallback_title")))))
        case "fallback" | "share" | "embed":
            return text_of(one.get("fallback_title")).strip()
        case _:
            return ""


def _coordinates(one: dict[str, Any]) -> tuple[str, ...]:
    """Latitude and longitude, or nothing where either is missing or no number."""
    pair = [one.get(name) for name in ("coordinates_lat", "coordinates_long")]
    is_pair = all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in pair)
    return tuple(f"{each:.5f}" for each in pair if each is not None) if is_pair else ()
