"""YAML front matter: what stands between `---` lines at the top of a Markdown file, when it is that.

A file may as well begin with a divider, or with a note between two. So only a mapping counts, and one whose
keys look like keys; everything in it is kept, nested values under dotted names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from io import StringIO

from kbtool.model import Removal

_LONGEST = 2**14
_MOST_BRACKETS = 200  # the YAML parser takes seconds for thousands that are open at once
_MOST_VALUES = 2_000  # aliases let a few lines of YAML stand for billions of values
_FENCED = re.compile(rf"\A---[ \t]*\n(?P<yaml>(?s:.{{0,{_LONGEST}}}?)\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_KEY = re.compile(r"[a-z_][\w.-]*")
_COMMENT = re.compile(r"(?m)(?:^|[ \t])(#.*)$")
_LINE = re.compile(r"^(?P<key>[A-Za-z_][\w.-]*):(?:[ \t]+(?P<value>.*))?$")
_KNOWN = frozenset(
    {"title", "slug", "date", "tags", "author", "description", "language", "lang", "url", "id", "layout"}
    | {"created", "updated", "categories", "category", "create_time", "edit_time", "sidebar_position"}
)


def split(text: str) -> tuple[dict[str, str], str, tuple[Removal, ...]]:
    """The values as text under their keys, the body, and what is neither: comments, and keys without value.

    Lists are joined by ", "; a nested mapping's keys are joined by dots. What is no front matter stays in the
    body.
    """
    found = _FENCED.match(text.removeprefix("\ufeff"))
    if not found:
        return {}, text, ()
    values = _loaded(found["yaml"])
    if values is None or not _is_front_matter(values):
        return {}, text, ()
    dropped = [*_COMMENT.findall(found["yaml"]), *(name for name, value in values.items() if not value)]
    return (
        {name: value for name, value in values.items() if value},
        text.removeprefix("\ufeff")[found.end() :].lstrip("\n"),
        tuple(Removal("drop_empty_properties", part) for part in dropped),
    )


def _loaded(yaml: str) -> dict[str, str] | None:
    """The mapping in `yaml`, by its lines where YAML's grammar is broken, as in `title: Setup: part 1`."""
    from ruamel.yaml import YAML  # noqa: PLC0415  # an eighth of the time to start, and for few files
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    if yaml.count("[") + yaml.count("{") > _MOST_BRACKETS:
        return _by_lines(yaml)
    try:
        # The base loader keeps every value as it is written: `no`, `1.10` and dates stay text.
        loaded = YAML(typ="base", pure=True).load(StringIO(yaml))
        if not isinstance(loaded, dict):
            return None
        return _joined(_values(loaded))
    except _TooMany:
        return None
    except (YAMLError, ValueError, RecursionError):
        return _by_lines(yaml)


def _by_lines(yaml: str) -> dict[str, str] | None:
    found: dict[str, str] = {}
    name = ""
    for line in yaml.split("\n"):
        entry = _LINE.match(line)
        if entry:
            name = entry["key"]
            if name in found:
                return None
            found[name] = (entry["value"] or "").strip().strip("\"'")
        elif not line.strip() or line.lstrip().startswith("#"):
            continue
        elif name and (line.startswith((" ", "\t", "- "))):
            bare = line.strip().removeprefix("- ").strip()
            found[name] = f"{found[name]}, {bare}" if found[name] else bare
        else:
            return None
    return found or None


def _is_front_matter(values: Mapping[str, str]) -> bool:
    """Whether the keys look like keys: `Note: unplug it first.` between two dividers is text."""
    names = [name.split(".", 1)[0] for name in values]
    if any(name.casefold() in _KNOWN for name in names):
        return True
    return bool(names) and all(map(_KEY.fullmatch, names))


class _TooMany(Exception):
    """More values than any front matter has."""


def _values(loaded: object, name: str = "", seen: list[int] | None = None) -> Iterator[tuple[str, str]]:
    """Names and texts; a list's items one by one under the list's name."""
    seen = [] if seen is None else seen
    seen.append(1)
    if len(seen) > _MOST_VALUES or name.count(".") > 20:
        raise _TooMany
    if isinstance(loaded, dict):
        for key, value in loaded.items():
            yield from _values(value, f"{name}.{key}" if name else str(key), seen)
    elif isinstance(loaded, list):
        for value in loaded:
            yield from _values(value, name, seen)
    else:
        yield name, str(loaded or "").strip()


def _joined(values: Iterator[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in values:
        found[name] = ", ".join(part for part in (found.get(name, ""), value) if part)
    return found
