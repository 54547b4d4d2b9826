"""A model's Markdown, made into what a channel shows (bridge rule 26). Shaping twice changes nothing more.

Models write tables, headings, HTML and images; chat windows show those as signs. What is left is plain
CommonMark: paragraphs, lists, emphasis, links where they are shown, and code, which nothing here touches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import regex

from bridge.channels.table import Channel, Links
from kbtool.clean.code import outside_code

_MOST_ROUNDS = 20
_COMMENT = regex.compile(r"<!--.*?-->", regex.DOTALL)
_BREAK = regex.compile(r"<br\s*/?>", regex.IGNORECASE)
_AUTOLINK = regex.compile(r"<((?:https?://|mailto:)[^\s<>]+)>")
_TAG = regex.compile(r"</?[A-Za-z][A-Za-z0-9-]*(?:\s[^<>]*)?/?>")
_HEADING = regex.compile(r"^ {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$", regex.MULTILINE)
_UNDERLINED = regex.compile(
    r"^(?![ \t]*(?:[-*+>|\p{Co}]|\d+[.)]) ?)[ ]{0,3}(\S.*)\n {0,3}(?:=+|-{2,})[ \t]*$", regex.MULTILINE
)
_RULE = regex.compile(r"^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$", regex.MULTILINE)
_EMPHASIS = (
    regex.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1"),
    regex.compile(r"(?<![\w*])(\*)(?=[^\s*])([^*\n]+?)(?<=[^\s*])\*(?![\w*])"),
    regex.compile(r"(?<![\w_])(_)(?=[^\s_])([^_\n]+?)(?<=[^\s_])_(?![\w_])"),
    regex.compile(r"(~~)(?=\S)(.+?)(?<=\S)~~"),
)
_LINK = regex.compile(
    r"(!?)\[([^\[\]\n]*)\]\(\s*<?([^\s()<>]+(?:\([^\s()]*\)[^\s()<>]*)*)>?(?:\s+\"[^\"\n]*\")?\s*\)"
)
_DELIMITERS = regex.compile(r"^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_CELL = regex.compile(r"(?<!\\)\|")
_GAPS = regex.compile(r"\n(?:[ \t]*\n){2,}")
_BOLD = regex.compile(r"^(\*\*|__)(.*)\1$")


def shape(text: str, channel: Channel) -> str:
    """`text` as `channel` shows it best."""
    for _ in range(_MOST_ROUNDS):  # a tag may stand in a tag, a link in an image; two rounds are the rule
        shaped = _once(text, channel)
        if shaped == text:
            break
        text = shaped
    return text


def _once(text: str, channel: Channel) -> str:
    def rewrite(prose: str) -> str:
        for step in _steps(channel):
            prose = step(prose)
        return prose

    shaped = outside_code(text.replace("\r\n", "\n").replace("\r", "\n"), rewrite, indented=False)
    return _GAPS.sub("\n\n", shaped).strip()


def _steps(channel: Channel) -> Iterator[Callable[[str], str]]:
    yield _without_html
    yield lambda prose: _LINK.sub(lambda match: _link(match, channel.links), prose)
    yield lambda prose: _without_tables(prose, is_plain=channel.is_plain)
    yield lambda prose: _RULE.sub("", _UNDERLINED.sub(lambda match: _bold(match[1], channel), prose))
    yield lambda prose: _HEADING.sub(lambda match: _bold(match[1], channel), prose)
    if channel.is_plain:
        yield _without_emphasis


def _without_html(prose: str) -> str:
    prose = _BREAK.sub("\n", _COMMENT.sub("", prose))
    return _TAG.sub("", _AUTOLINK.sub(lambda match: match[1].removeprefix("mailto:"), prose))


def _link(match: regex.Match[str], links: Links) -> str:
    """A link or an image; one without words, or whose words are its address, is the address."""
    is_image, words, address = bool(match[1]), match[2].strip(), match[3]
    if not words or words.removeprefix("https://").rstrip("/") == address.removeprefix("https://").rstrip(
        "/"
    ):
        return address
    if links is Links.SPELLED:
        return f"{words}: {address}"
    return f"[{words}]({address})" if is_image else match[0]


def _bold(words: str, channel: Channel) -> str:
    """A heading as a bold line."""
    words = _without_emphasis(words).replace("**", "").strip()
    return words if channel.is_plain or not words else f"**{words}**"


def _without_tables(prose: str, *, is_plain: bool) -> str:
    """Each row of a table as one line: its first cell, then the others with their columns' names."""
    lines = prose.split("\n")
    shaped: list[str] = []
    row = 0
    while row < len(lines):
        is_table = row + 1 < len(lines) and "|" in lines[row] and "|" in lines[row + 1]
        if not (is_table and _DELIMITERS.match(lines[row + 1])):
            shaped.append(lines[row])
            row += 1
            continue
        names = _cells(lines[row])
        row += 2
        while row < len(lines) and "|" in lines[row] and not _DELIMITERS.match(lines[row]):
            shaped.append(_row(names, _cells(lines[row]), is_plain=is_plain))
            row += 1
    return "\n".join(shaped)


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "/") for cell in _CELL.split(line.strip().strip("|"))]


def _row(names: list[str], cells: list[str], *, is_plain: bool) -> str:
    first, *others = cells
    named = [
        f"{name}: {cell}" if name else cell
        for name, cell in zip([*names[1:], *[""] * len(others)], others, strict=False)
        if cell
    ]
    head = first if is_plain or not first or _BOLD.match(first) else f"**{first}**"
    return "- " + " – ".join(filter(None, (head, "; ".join(named))))


def _without_emphasis(prose: str) -> str:
    for pattern in _EMPHASIS:
        prose = pattern.sub(r"\2", prose)
    return prose
