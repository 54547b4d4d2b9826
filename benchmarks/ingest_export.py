"""A Notion export of any size, made for measuring: a zip in a zip, two parts, databases beside plain pages.

    python -m benchmarks.ingest_export FILE.zip --pages 10000 [--html] [--changed 17] [--seed 1]

The same arguments give the same pages on every machine. 78 % of the pages are rows of a database with a
property block and a CSV, as counted in 907 real pages. Rows without any text are 70 % of real pages and
2 % of their bytes; here they come on top, one to twenty, so that a page is a page in every figure.
"""

from __future__ import annotations

import argparse
import csv
import html
import io
import random
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from benchmarks.ingest_blocks import Block, Heading, Paragraph, prose
from benchmarks.ingest_page import PAGE_BYTES, Link, body
from benchmarks.ingest_words import TONGUES, phrase

GROUP = 50  # pages of one database, or under one parent page
IN_DATABASE = 705 / 907
TITLE_EMOJI = 3 / 907
LANGUAGES = ("en", "en", "en", "en", "en", "zh", "zh", "zh", "ja", "ja")
STYLE = "".join(f".block-{n}{{display:flex;margin:{n}px 0;color:rgba(55,53,47,.{n})}}\n" for n in range(290))
"""About 15 kB of rules, as stand at the head of each page of an HTML export."""
_RELATION = re.compile(r"(?P<title>[^,()]+) \((?P<path>[^()]+)\.md\)")
_STAMP = (2026, 9, 14, 9, 30, 0)


@dataclass(frozen=True, slots=True)
class Group:
    """Pages that stand in one folder: rows of a database, or the sub-pages of a page."""

    number: int
    language: str
    title: str
    identity: str
    is_database: bool

    @property
    def folder(self) -> str:
        return f"{file_title(self.title)} {self.identity}"


@dataclass(frozen=True, slots=True)
class Planned:
    """A page before its body is written."""

    number: int
    group: Group
    title: str
    identity: str

    @property
    def stem(self) -> str:
        return f"{file_title(self.title)} {self.identity}"


@dataclass(frozen=True, slots=True)
class Written:
    """A page with its text; `prose` is what must be found again after any treatment."""

    path: str
    text: str
    prose: tuple[str, ...]


def file_title(title: str) -> str:
    """A title as Notion's file names have it: some signs replaced, cut after fifty characters."""
    return title.translate(str.maketrans("/:.?", "    ")).strip()[:50].strip()


def _random(*parts: object) -> random.Random:
    return random.Random("/".join(map(str, parts)))  # noqa: S311 the same corpus on every machine


def plan(pages: int, seed: int) -> list[Planned]:
    """Titles, ids and places of `pages` pages."""
    planned: list[Planned] = []
    for number in range(-(-pages // GROUP)):
        rng = _random(seed, "group", number)
        language = rng.choice(LANGUAGES)
        group = Group(
            number,
            language,
            f"{phrase(rng, language, 3)} {number}",
            f"{rng.getrandbits(128):032x}",
            is_database=rng.random() < IN_DATABASE,
        )
        for index in range(number * GROUP, min(pages, (number + 1) * GROUP)):
            icon = "📦 " if rng.random() < TITLE_EMOJI else ""
            title = f"{icon}{phrase(rng, language, rng.randint(3, 9))} {index}"
            planned.append(Planned(index, group, title, f"{rng.getrandbits(128):032x}"))
    return planned


def _mates(planned: list[Planned], page: Planned) -> list[Planned]:
    start = page.group.number * GROUP
    return [mate for mate in planned[start : start + GROUP] if mate is not page]


def write(planned: list[Planned], page: Planned, seed: int, *, as_html: bool, changed: bool) -> Written:
    """The page as its file has it; `changed` is the same one with a sentence added."""
    rng = _random(seed, "page", page.number)
    language = page.group.language
    mates = _mates(planned, page)
    links = [Link(mate.title, f"{quote(mate.stem)}.md") for mate in mates]
    size = int(PAGE_BYTES * rng.uniform(0.3, 1.35))  # the last section comes on top
    properties = _properties(rng, page, mates) if page.group.is_database else []
    blocks = body(rng, language, seed, links, size)
    if changed:
        blocks = (*blocks, Paragraph("Edited since the last export.", ("Edited since the last export.",)))
    folder = f"Help center {_home(seed)}/{page.group.folder}"
    suffix = "html" if as_html else "md"
    text = _html(page, properties, blocks) if as_html else _markdown(page, properties, blocks)
    return Written(f"{folder}/{page.stem}.{suffix}", text, tuple(prose(blocks)))


def _home(seed: int) -> str:
    return f"{_random(seed, 'home').getrandbits(128):032x}"


def _properties(rng: random.Random, page: Planned, mates: list[Planned]) -> list[tuple[str, str]]:
    """Four or five lines, one of them a relation: in Markdown a title and a path in brackets, no link."""
    language = page.group.language
    keys = TONGUES[language].keys
    others = rng.sample(mates, k=min(len(mates), rng.randint(1, 2)))
    related = ", ".join(f"{mate.title} ({quote(mate.stem)}.md)" for mate in others)
    values = [
        phrase(rng, language, 1),
        phrase(rng, language, 2),
        ", ".join(phrase(rng, language, 1) for _ in range(2)),
        f"March {rng.randint(1, 31)}, 2026 {rng.randint(1, 12)}:23 PM",
    ]
    return list(zip(keys, [*values, related] if related else values, strict=False))


def _markdown(page: Planned, properties: list[tuple[str, str]], blocks: tuple[Block, ...]) -> str:
    lines = "\n".join(f"{key}: {value}" for key, value in properties)
    texts = [f"# {page.title}", lines, *(block.markdown() for block in blocks)]
    return "\n\n".join(text for text in texts if text) + "\n"


def _html(page: Planned, properties: list[tuple[str, str]], blocks: tuple[Block, ...]) -> str:
    rows = "".join(
        f'<tr class="property-row property-row-text"><th><span class="icon property-icon"></span>'
        f"{html.escape(key)}</th><td>{_RELATION.sub(_anchor, html.escape(value))}</td></tr>"
        for key, value in properties
    )
    table = f'<table class="properties"><tbody>{rows}</tbody></table>' if rows else ""
    title = html.escape(page.title)
    # An empty paragraph before every heading: 291 in 106 real pages.
    inner = "".join('<p class=""></p>' * isinstance(block, Heading) + block.html() for block in blocks)
    return (
        '<html><head><meta http-equiv="Content-Type" content="text/html; charset=utf-8"/>'
        f"<title>{title}</title><style>{STYLE}</style></head>"
        f'<body><article id="{page.identity}" class="page sans"><header>'
        f'<h1 class="page-title">{title}</h1><p class="page-description"></p>{table}</header>'
        f'<div class="page-body">{inner}</div></article></body></html>'
    )


def _anchor(relation: re.Match[str]) -> str:
    return f'<a href="{relation["path"]}.html">{relation["title"]}</a>'


def _table(planned: list[Planned], group: Group, seed: int) -> str:
    """The database's CSV, with the byte-order mark and the line ends that Notion writes."""
    rows = [page for page in planned if page.group is group]
    out = io.StringIO(newline="")
    made = csv.writer(out)
    made.writerow(["Name", *TONGUES[group.language].keys])
    for page in rows:
        rng = _random(seed, "page", page.number)
        rng.uniform(0, 1)
        made.writerow([page.title, *(value for _, value in _properties(rng, page, _mates(planned, page)))])
    return "\ufeff" + out.getvalue()


def entries(
    pages: int, seed: int, *, as_html: bool = False, changed: int | None = None
) -> Iterator[tuple[int, str, str]]:
    """Part (1 or 2), path and text of every file of the export."""
    planned = plan(pages, seed)
    groups = list(dict.fromkeys(page.group for page in planned))
    root = f"Help center {_home(seed)}"
    lines = [
        f"[{group.title}]({quote(f'{root}/{group.folder}')}.csv)" for group in groups if group.is_database
    ]
    if not as_html:
        yield 1, f"{root}.md", "\n\n".join(["# Help center", "Where everything is.", *lines]) + "\n"
    for page in planned:
        part = 1 if page.group.number % 2 == 0 else 2
        written = write(planned, page, seed, as_html=as_html, changed=page.number == changed)
        yield part, written.path, written.text
        if page.number % 20 == 0 and page.group.is_database and not as_html:
            rng = _random(seed, "empty", page.number)
            bare = Planned(
                -1, page.group, f"{phrase(rng, 'en')} {page.number}", f"{rng.getrandbits(128):032x}"
            )
            text = _markdown(bare, _properties(rng, bare, _mates(planned, page)), ())
            yield part, f"{root}/{page.group.folder}/{bare.stem}.md", text
    if not as_html:
        for group in groups:
            if group.is_database:
                for end in ("", "_all"):
                    name = f"{root}/{group.folder}{end}.csv"
                    yield 1 if group.number % 2 == 0 else 2, name, _table(planned, group, seed)


def save(path: Path, pages: int, seed: int, *, as_html: bool = False, changed: int | None = None) -> None:
    """The export as one zip that holds its two parts, as Notion delivers it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = {1: path.with_suffix(".1"), 2: path.with_suffix(".2")}
    with (
        zipfile.ZipFile(parts[1], "w", zipfile.ZIP_DEFLATED) as one,
        zipfile.ZipFile(parts[2], "w", zipfile.ZIP_DEFLATED) as two,
    ):
        for part, name, text in entries(pages, seed, as_html=as_html, changed=changed):
            (one if part == 1 else two).writestr(_info(name), text)
    with zipfile.ZipFile(path.with_suffix(".new"), "w", zipfile.ZIP_STORED) as outer:
        for number, packed in parts.items():
            outer.write(packed, f"Export-0f0e0d0c-Part-{number}.zip")
            packed.unlink()
    path.with_suffix(".new").rename(path)


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _STAMP)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--html", action="store_true")
    parser.add_argument("--changed", type=int, help="number of a page that is written with one more sentence")
    given = parser.parse_args()
    save(given.file, given.pages, given.seed, as_html=given.html, changed=given.changed)
    print(f"{given.file}: {given.file.stat().st_size / 1e6:.1f} MB packed")


if __name__ == "__main__":
    main()
