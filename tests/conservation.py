"""The words of raw export files, taken out without any of kbtool's readers or rules, and their accounts.

The law: the words of a file's bytes are those of the cleaned page, its title, its properties and what the
record says was removed. Nothing here imports a reader, a rule or a pattern of kbtool, so that a fault there
cannot hide itself here.
"""

from __future__ import annotations

import html
import io
import json
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from bs4 import BeautifulSoup, NavigableString, Tag
from markdown_it import MarkdownIt

from kbtool.clean import Cleaned

Words = Counter[str]

_MARKS = re.compile("[*_`~\\\\\u200b\u2060\ufeff\u00ad\u200e\u200f]")
"""What stands between letters without parting them: emphasis, escapes, characters that show nothing."""
_WORD = re.compile(
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"  # no spaces between words: each sign counts
    "|[^\\W_\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+"
)
_ITEM = re.compile(r"(?m)^[ \t>]*(?:[-+*]|\d{1,9}[.)])(?:[ \t]+\[[ xX]\])?(?=[ \t]|$)")
_FENCE_LANGUAGE = re.compile(r"(?m)^([ \t>]*(?:[-+*][ \t]+|\d+[.)][ \t]+)*(?:`{3,}|~{3,})).*$")
_LINK_IN_A_WORD = re.compile(r"(?<=[^\W_])\[(?=[^\[\]\n]*\]\()")  # `G[o on](…)` reads "Go on"
_BARE_TAG = re.compile(r"</?[A-Za-z][\w-]*[ \t]*/?>")
_TARGET = re.compile(r"\]\((?:<[^<>\n]*>|(?:[^()\s]|\([^()\s]*\))*)\)")
_INLINE = re.compile(
    "a|abbr|b|bdi|bdo|cite|code|del|em|font|i|img|ins|kbd|label|mark|q|s|samp|small|span|strong|su[bp]|time|tt|u|var|wbr"
)


def words(text: str) -> Words:
    """Words as a reader counts them: list marks, code languages and bare tags are form."""
    text = unicodedata.normalize("NFC", html.unescape(text.replace("\r\n", "\n").replace("\r", "\n")))
    text = _LINK_IN_A_WORD.sub("", text)
    text = _MARKS.sub("", _ITEM.sub(" ", _FENCE_LANGUAGE.sub(r"\1", text)))
    return Counter(_WORD.findall(_BARE_TAG.sub(" ", text)))


def _words_without_targets(text: str) -> Words:
    return words(_TARGET.sub("]", text))


@dataclass(frozen=True, slots=True)
class Source:
    """What one file says: `needed` must be accounted for, `possible` may turn up besides.

    `possible` are the words that no reader sees: addresses, tokens, names of files. In Markdown an address is
    text like any other. `repeated` is what stands in merged cells, once for every further cell that each
    covers; `hidden` what is drawn and not read, such as CSS and an equation's second form; `people` how many
    are mentioned without a name.
    """

    needed: str
    possible: str = ""
    repeated: str = ""
    hidden: str = ""
    people: int = 0
    shows_addresses: bool = False
    code: tuple[str, ...] = ()


def of_markdown(data: bytes) -> Source:
    text = decoded(data)
    tokens = MarkdownIt("commonmark").parse(text)
    return Source(
        text,
        repeated=_merged(BeautifulSoup(text, "html.parser")) if "span=" in text else "",
        people=text.count("<mention-user"),
        shows_addresses=True,
        code=tuple(token.content for token in tokens if token.type == "fence"),
    )


def _merged(soup: BeautifulSoup) -> str:
    cells = soup.find_all(["td", "th", "lark-td"])
    spans = [(int(str(cell.get("rowspan", 1))) * int(str(cell.get("colspan", 1))), cell) for cell in cells]
    return "\n".join(f"{cell.get_text(' ')}\n" * (covered - 1) for covered, cell in spans)


def of_csv(data: bytes) -> Source:
    return Source(decoded(data), shows_addresses=True)


def of_html(data: bytes) -> Source:
    """Text below `<article>` or `<body>`; of an equation, which is there three times, the TeX."""
    soup = BeautifulSoup(data, "html.parser")
    root = next((part for part in (*soup.select("article"), *soup.select("body"))), soup)
    hidden: list[str] = []
    for drawn in root.select("style, script, template, .katex-html"):
        hidden.append(drawn.get_text(" "))
        drawn.decompose()
    for equation in root.find_all("math"):
        tex = equation.find("annotation")
        hidden.append(equation.get_text(" "))
        equation.replace_with(NavigableString(tex.get_text() if tex else equation.get_text()))
    said = [
        str(value)
        for tag in (root, *root.find_all(True))
        for name, value in tag.attrs.items()
        if name in {"href", "src", "alt", "title", "start", "id"}
    ]
    code = tuple(pre.get_text() for pre in root.find_all("pre"))
    return Source(
        "".join(_texts(root)),
        "\n".join([*said, *map(unquote, said)]),
        _merged(soup),
        "\n".join(hidden),
        code=code,
    )


def _texts(root: Tag | BeautifulSoup) -> Iterator[str]:
    """Text in order; block elements part words, inline ones do not."""
    waiting: list[Any] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Tag):
            # The values of a multi-select stand side by side in spans, and are parted by their colour only.
            parts = not _INLINE.fullmatch(node.name) or "selected-value" in (node.get("class") or ())
            edge = "\n" if parts else ""
            waiting += [edge, *reversed(node.contents), edge]
        elif type(node) is NavigableString or type(node) is str:
            yield str(node)


_SHOWN = frozenset({"content", "title", "name", "caption"})


def of_json(data: bytes) -> Source:
    """Texts of a Lark document's blocks. The runs of one block are one text; all else is said by no one."""
    whole = json.loads(decoded(data))
    whole = whole.get("data", whole)
    texts: list[str] = []
    other = [text for _, text in _strings(whole.get("document", {}))]
    code: list[str] = []
    merged: list[str] = []
    blocks = {block["block_id"]: block for block in whole.get("blocks") or whole["items"]}
    for block in blocks.values():
        merged += _merged_cells(block.get("table", {}), blocks)
        shown = "".join(text for key, text in _strings(block) if key in _SHOWN)
        texts.append(shown)
        other += [text for key, text in _strings(block) if key not in _SHOWN]
        if block["block_type"] == 14:
            code.append(shown)
    return Source(
        "\n".join(texts),
        "\n".join([*other, *map(unquote, other)]),
        repeated="\n".join(merged),
        people=decoded(data).count('"mention_user"'),
        code=tuple(code),
    )


def _merged_cells(table: dict[str, Any], blocks: dict[str, Any]) -> Iterator[str]:
    spans = table.get("property", {}).get("merge_info", [])
    for cell, span in zip(table.get("cells", []), spans, strict=False):
        inside = [blocks[child] for child in blocks[cell].get("children", [])]
        shown = "\n".join(text for block in inside for key, text in _strings(block) if key in _SHOWN)
        yield from [shown] * (span.get("row_span", 1) * span.get("col_span", 1) - 1)


def _strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _strings(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, key)


FORMS: dict[str, Callable[[bytes], Source]] = {
    ".md": of_markdown,
    ".markdown": of_markdown,
    ".html": of_html,
    ".htm": of_html,
    ".csv": of_csv,
    ".json": of_json,
}


def decoded(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("gb18030")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def files(source: Path) -> Iterator[tuple[str, bytes]]:
    """Every page's file of a zip, a folder or a single file, by the name that kbtool calls it."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() == ".zip" and path.parent == source:
                yield from files(path)
            elif path.suffix.lower() in FORMS and path.is_file():
                yield (
                    f"{source.name}/{unicodedata.normalize('NFC', str(path.relative_to(source)))}",
                    path.read_bytes(),
                )
    elif source.suffix.lower() == ".zip":
        for name, data in _entries(source.read_bytes()):
            yield f"{source.name}:{unicodedata.normalize('NFC', name)}", data
    else:
        yield source.name, source.read_bytes()


def _entries(data: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            name = info.filename
            if name.startswith("__MACOSX/"):
                continue
            if not info.flag_bits & 0x800 and not name.isascii():
                name = name.encode("cp437").decode()
            if re.search(r"-Part-\d+\.zip$", name):
                yield from _entries(archive.read(info))
            elif PurePosixPath(name).suffix.lower() in FORMS:
                yield name, archive.read(info)


@dataclass(frozen=True, slots=True)
class Allowance:
    """Words that a page may have beyond its file's, and why. Nothing allows a word to be missing."""

    name: str
    reason: str
    of: Callable[[Source, Cleaned], Words]


@dataclass(frozen=True, slots=True)
class Account:
    """What a page lacks, what it has too much after the allowances, and the allowances that were needed."""

    missing: Words
    extra: Words
    used: frozenset[str]


def account(source: Source, cleaned: Cleaned, allowances: tuple[Allowance, ...] = ()) -> Account:
    """The words of the source against those of the cleaned page and its record."""
    page = cleaned.page
    kept = f"{page.title}\n{page.markdown}"
    shown = words if source.shows_addresses else _words_without_targets
    properties = shown("\n".join(f"{key}\n{value}" for key, value in page.properties.items()))
    recorded: Words = Counter()
    for removal in cleaned.removals:
        if removal.kind == "metadata":  # the line as it was, of which the property is what says something
            recorded += shown(removal.text)
    found = shown(kept) + (properties | recorded)
    for removal in cleaned.removals:
        if removal.kind == "removed":
            found += shown(removal.text)
    needed = shown(source.needed)
    extra = found - needed - words(source.possible)
    used: set[str] = set()
    for allowance in allowances:
        explained = allowance.of(source, cleaned)
        if extra & explained:
            used.add(allowance.name)
            extra -= explained
    return Account(needed - found, extra, frozenset(used))


def lines_with(text: str, sought: Words) -> list[str]:
    """The lines that hold most of the words, for a message."""
    counted = [(sum((words(line) & sought).values()), line.strip()[:160]) for line in text.split("\n")]
    return [line for count, line in sorted(counted, reverse=True)[:3] if count]
