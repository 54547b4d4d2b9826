"""The metadata that a document carries in Dify: our own fields, and those that kb.toml maps. Pure.

All of ours bear a prefix, since `source` and others are names of Dify's own (recording 400). Values are text;
only the date is a number, because Dify's `before` and `after` compare nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from kbtool.dates import last_edited
from kbtool.model import Document

PREFIX = "kbtool_"
KEY, HASH, SOURCE, SLUG, LANGUAGE, URL, DATE = (
    PREFIX + name for name in ("key", "hash", "source", "slug", "language", "url", "date")
)
FIELDS = (KEY, HASH, SOURCE, SLUG, LANGUAGE, URL, DATE)
BUILT_IN = frozenset({"document_name", "uploader", "upload_date", "last_update_date", "source"})
"""Names that Dify refuses for a field of ours."""

REBUILDING = "rebuilding"
"""Stands in the hash's place from the moment a rebuild is begun until the document is made anew."""

TIMES = frozenset({DATE})
"""Fields of Dify's type `time`, in seconds since 1970; all others are of type `string`."""

_NOTION_ID = re.compile(r"[0-9a-f]{32}\Z")
_URL_NAMES = ("url", "link", "permalink", "source_url")


def metadata(document: Document, mapped: Mapping[str, str]) -> dict[str, str]:
    """All values of a document but the hash; "" where the page has none. `mapped`: field → property."""
    properties = {name.casefold(): value for name, value in document.properties.items()}
    own = {
        KEY: document.key,
        SOURCE: document.source,
        SLUG: document.slug,
        LANGUAGE: document.language,
        URL: url_of(document.key, properties),
        DATE: date_of(properties),
    }
    return own | {field: properties.get(name.casefold(), "") for field, name in mapped.items()}


def url_of(key: str, properties: Mapping[str, str]) -> str:
    """Where people read the page: what it says itself, else Notion's address of its id."""
    said = _first(properties, _URL_NAMES)
    if said.startswith(("http://", "https://")):
        return said
    return f"https://www.notion.so/{key}" if _NOTION_ID.match(key) else ""


def date_of(properties: Mapping[str, str]) -> str:
    """The day on which the page was last edited, its midnight in UTC, in seconds since 1970 as text."""
    day = last_edited(properties)
    return str(int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())) if day else ""


def differing(wanted: Mapping[str, str], stored: Mapping[str, str]) -> list[str]:
    """Names of the fields whose stored value is not the wanted one."""
    return [name for name, value in wanted.items() if not _is_same(name, value, stored.get(name, ""))]


def _is_same(name: str, wanted: str, stored: str) -> bool:
    if name not in TIMES or not (wanted and stored):
        return wanted == stored
    try:
        return float(wanted) == float(stored)
    except ValueError:
        return False


def _first(properties: Mapping[str, str], names: Iterable[str]) -> str:
    return next((properties[name] for name in names if properties.get(name)), "")
