"""What Notion's file names hold: a title, cut and with signs replaced, and the page's id.

    Clean up index html It aint perfect but good enoug be406e4f0c8a4c0f9a5d6e7f8a9b0c1d.md

So a name gives the id, and never the title where the page has one itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_ID = re.compile(r"[ -]?(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})$")
_LONGEST_ID = 38  # with the sign before it, and a line end
_SHORT = re.compile(r"^(?P<title>.+) (?P<id>[0-9a-f]{4,6})$", re.DOTALL)
_EMOJI_MARKS = frozenset("\ufe0e\ufe0f\u20e3")
_CUT = 30  # letters; names are cut at about 50 characters


def split_id(stem: str) -> tuple[str, str]:
    """Title and 32-digit id of a file or folder name without suffix; the id is "" where there is none."""
    found = _ID.search(stem, max(0, len(stem) - _LONGEST_ID))
    return (stem[: found.start()].strip(), found["id"].replace("-", "")) if found else (stem, "")


def split_short_id(stem: str, title: str) -> str:
    """The short id of some exports' names, if what stands before it is `title` as file names write it.

    Without the title "Release 2024" would be the page "Release" with the id 2024.
    """
    found = _SHORT.match(stem)
    if not found:
        return ""
    whole, name = _letters(title), _letters(found["title"])
    return found["id"] if name == whole or (len(name) > _CUT and whole.startswith(name)) else ""


def _letters(text: str) -> str:
    return "".join(character for character in unicodedata.normalize("NFKC", text) if character.isalnum())


def slugify(titles: Sequence[str]) -> str:
    """Readable path of a page: its ancestors' titles and its own, in any script, without emoji or signs."""
    return "/".join(part for title in titles if (part := slug_part(title)))


def slug_part(title: str) -> str:
    """One title as a slug: NFKC, case folded, every run of other signs than letters and digits a dash."""
    folded = unicodedata.normalize("NFKC", title).casefold()
    kept = unicodedata.normalize("NFC", folded).translate(_SIGNS)
    return re.sub("-+", "-", kept).strip("-")


class _Signs(dict[int, str]):
    """What each character becomes in a slug; looked up once a character, not once a title."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        is_word = unicodedata.category(character)[0] in "LNM"  # marks are part of letters in Thai or Hindi
        self[code] = character if is_word and character not in _EMOJI_MARKS else "-"
        return self[code]


_SIGNS = _Signs()
