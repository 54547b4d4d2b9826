"""Builds the English half of the demo corpus: two Notion exports, with the dirt that real ones carry.

    python corpora/build_notion.py            writes corpora/notion/*.zip and prints what it wrote
    python corpora/build_notion.py --check    writes nothing; exit 1 when the committed zips differ

The source, `corpora/source/notion/`, is tidy and made to be edited:

    X.md            a page; X/ holds its sub-pages and its attachments; the id is the MD5 of the path
    X/_database.csv X is a database; a row whose page has a body has it in X/<first cell>.md. A column or
                    a row whose name stands in parentheses is left out of the current view (`X.csv`)
    X/y.zip/        a folder that is packed into the attachment y.zip

Front matter: `title` (default: file name), `icon`, `cover`, `export: md|html|both` (default: as the
parent), `part: 2` (which nested zip), `copy-of: <path>`, `dirt: <names from _forms/dirt.toml>`.
Blocks beyond Markdown: `[[file name]]` (a link or, alone on a line, a sub-page), `[TOC]`, `$$` fences, and
`:::callout 💡`, `:::toggle Summary`, `:::column`, `:::bookmark URL`, each closed by `:::`.

Zips are stored, not deflated: two builds of zlib may compress to different bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import posixpath
import re
import sys
import tomllib
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from kbtool.errors import ExportError, KbtoolError

SOURCE = Path(__file__).parent / "source" / "notion"
TARGET = Path(__file__).parent / "notion"
FRONT_KEYS = {"title", "icon", "cover", "export", "part", "copy-of", "dirt"}
STAMP = (2026, 9, 14, 9, 30, 0)
FINDER_JUNK = b"\x00\x00\x00\x01Bud1\x00\x00\x10\x00"
APPLE_DOUBLE = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "


@dataclass(frozen=True, slots=True)
class Page:
    """A page or a database. `path` is its place in the source without suffix: its identity."""

    path: str
    title: str
    body: str = ""
    front: Mapping[str, str] = field(default_factory=dict)
    properties: tuple[tuple[str, str], ...] = ()
    table: tuple[tuple[str, ...], ...] = ()  # of a database: the header, then the rows

    @property
    def id(self) -> str:
        return md5(self.path)

    @property
    def parent(self) -> str:
        return posixpath.dirname(self.path)


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def dashed(text: str) -> str:
    return str(uuid.UUID(md5(text)))


def read_tree(root: Path) -> dict[str, Page]:
    """All pages by path. Raises ExportError for a folder that belongs to no page."""
    pages: dict[str, Page] = {}
    for table in sorted(root.rglob("_database.csv")):
        pages |= read_database(table, root)
    for file in sorted(root.rglob("*.md")):
        if not any(part.endswith(".zip") for part in file.relative_to(root).parts):
            page = read_page(file, root)
            row = pages.get(page.path)
            pages[page.path] = replace(page, properties=row.properties if row else ())
    for path, page in pages.items():
        if page.parent and page.parent not in pages:
            raise ExportError(f"{path}: its folder has no page", hint=f"write {page.parent}.md")
        if original := page.front.get("copy-of"):
            if original not in pages:
                raise ExportError(f"{path}: no page {original!r} to copy", hint="mend copy-of")
            pages[path] = replace(page, body=pages[original].body)
    return dict(sorted(pages.items()))


def read_page(file: Path, root: Path) -> Page:
    text = file.read_text(encoding="utf-8")
    head, text = re.findall(r"(?s)^(?:---\n(.*?)---\n)?(.*)$", text)[0]
    front = dict(re.findall(r"(?m)^([a-z-]+): (.+)$", head))
    if len(front) < head.count("\n") or front.keys() - FRONT_KEYS:
        raise ExportError(f"{file}: front matter with an unknown key", hint=f"use {sorted(FRONT_KEYS)}")
    return Page(file.relative_to(root).with_suffix("").as_posix(), front.get("title", file.stem), text, front)


def read_database(file: Path, root: Path) -> dict[str, Page]:
    with file.open(encoding="utf-8", newline="") as stream:
        header, *rows = (tuple(row) for row in csv.reader(stream))
    path = file.parent.relative_to(root).as_posix()
    pages = {path: Page(path, file.parent.name, table=(header, *rows))}
    for name, *cells in rows:
        if len(cells) != len(header) - 1:
            raise ExportError(f"{path}: {name!r} has not the header's columns", hint="mend _database.csv")
        values = zip(map(bare, header[1:]), cells, strict=True)
        row = Page(f"{path}/{bare(name)}", bare(name), properties=tuple((k, v) for k, v in values if v))
        pages[row.path] = row
    return pages


def bare(name: str) -> str:
    """The name of a column or row without the parentheses that keep it out of the current view."""
    return name[1:-1] if is_hidden(name) else name


def is_hidden(name: str) -> bool:
    return name.startswith("(") and name.endswith(")")


@dataclass(frozen=True, slots=True)
class Block:
    kind: str
    text: str = ""
    info: str = ""
    children: tuple[Block, ...] = ()


SINGLE_LINE = {
    "divider": re.compile(r"---$"),
    "toc": re.compile(r"\[TOC\]$"),
    "heading": re.compile(r"(?P<info>##+) (?P<text>.+)$"),
    "image": re.compile(r"!\[(?P<info>.*)\]\((?P<text>[^)]+)\)$"),
    "link": re.compile(r"\[\[(?P<text>[^\]]+)\]\]$"),
    "file": re.compile(r"\[(?P<info>[^\]]+)\]\((?P<text>[^):/]+)\)$"),
}
FENCE = re.compile(r"(```|\$\$|:::)(\w*) ?(.*)$")
ITEM = re.compile(r"(?:(?P<bullet>- )(?P<todo>\[[ x]\] )?|(?P<number>\d+)\. )(?P<text>.*)$")
CONTAINERS = frozenset({"callout", "toggle", "column", "bookmark"})
MENTION = re.compile(r"\[\[([^\]]+)\]\]")
INLINE = re.compile(r"`([^`]+)`|\*\*(.+?)\*\*|\[\[([^\]]+)\]\]|\[([^\]]+)\]\(([^)]+)\)")


def parse(lines: list[str], where: str) -> tuple[Block, ...]:
    blocks = []
    while lines:
        block, used = next_block(lines, where)
        blocks += [block] if block else []
        lines = lines[used:]
    return tuple(blocks)


def next_block(lines: list[str], where: str) -> tuple[Block | None, int]:
    """The block that starts at the first line (None for a blank one), and how many lines it takes."""
    if not lines[0].strip():
        return None, 1
    if FENCE.match(lines[0]):
        return fenced(lines, where)
    for kind, pattern in SINGLE_LINE.items():
        if found := pattern.match(lines[0]):
            parts = found.groupdict()
            return Block(kind, parts.get("text", ""), parts.get("info", "")), 1
    if item := ITEM.match(lines[0]):
        used = 1 + len([*takewhile(lambda line: line.startswith("  "), lines[1:])])
        kind = "todo" if item["todo"] else "bullet" if item["bullet"] else "number"
        inner = parse([line.strip() for line in lines[1:used]], where)
        return Block(kind, item["text"], (item["todo"] or item["number"] or "").strip(), inner), used
    if lines[0].startswith("|"):
        used = len([*takewhile(lambda line: line.startswith("|"), lines)])
        return Block("table", "\n".join(lines[:used])), used
    used = 1 + len([*takewhile(lambda line: line.strip() and not starts_block(line), lines[1:])])
    return Block("paragraph", " ".join(lines[:used])), used


def starts_block(line: str) -> bool:
    patterns = (*SINGLE_LINE.values(), FENCE, ITEM)
    return line.startswith("|") or any(pattern.match(line) for pattern in patterns)


def fenced(lines: list[str], where: str) -> tuple[Block, int]:
    mark, word, info = FENCE.findall(lines[0])[0]
    depth = 0
    for used, line in enumerate(lines, 1):
        if line == mark and used > 1:
            depth -= 1
        elif used == 1 or (mark == ":::" and line.startswith(mark)):
            depth += 1
        if not depth:
            inside = lines[1 : used - 1]
            if mark == ":::" and word in CONTAINERS:
                return Block(word, info=info, children=parse(inside, where)), used
            if mark == ":::":
                raise ExportError(f"{where}: no block is called {word!r}", hint=f"use {sorted(CONTAINERS)}")
            return Block("code" if mark == "```" else "equation", "\n".join(inside), word), used
    raise ExportError(f"{where}: {lines[0]!r} is never closed", hint=f"end the block with {mark}")


@dataclass(frozen=True, slots=True)
class Export:
    """The pages that go to one export, and where they lie in it. `form` is md or html."""

    tree: Mapping[str, Page]
    form: str

    def __contains__(self, page: Page) -> bool:
        return self.setting(page, "export", "md") in (self.form, "both")

    def setting(self, page: Page, key: str, default: str) -> str:
        """A front matter value of the page or of the nearest page above it that has one."""
        here: Page | None = page
        while here and key not in here.front:
            here = self.tree.get(here.parent)
        return here.front[key] if here else default

    def folder(self, page: Page) -> str:
        """`Parent <id>/Title <id>`: Notion cuts titles at 50 characters and drops what paths dislike."""
        name = " ".join(re.sub(r"[/:.?]", " ", page.title).split())[:50].strip()
        above = self.tree.get(page.parent)
        return (f"{self.folder(above)}/" if above else "") + f"{name} {page.id}"

    def file(self, page: Page) -> str:
        return self.folder(page) + (".csv" if page.table and self.form == "md" else f".{self.form}")


@dataclass(frozen=True, slots=True)
class Writer:
    """What the templates in `_forms/` ask about one page while they write its blocks."""

    page: Page
    export: Export

    def text(self) -> str:
        template = FORMS.get_template(f"page.{self.export.form}.j2")
        dirt = {name for name in self.page.front.get("dirt", "").split(", ") if name}
        if unknown := dirt - DIRT.keys():
            raise ExportError(f"{self.page.path}: no dirt {unknown}", hint="choose from _forms/dirt.toml")
        blocks = parse(self.page.body.splitlines(), self.page.path)
        text = template.render(page=self.page, blocks=blocks, write=self, shift="heading-1" in dirt)
        title, line_ends, body = text.partition("\n\n")
        return title + line_ends + soiled(body, dirt) if self.export.form == "md" else text

    def href(self, target: str) -> str:
        """The link to a path in the export, relative and percent-encoded as Notion does."""
        here = posixpath.dirname(self.export.folder(self.page)) or "."
        return quote(posixpath.relpath(target, here), safe="/&,()'!~*@+")

    def attachment(self, name: str) -> str:
        return self.href(f"{self.export.folder(self.page)}/{name}")

    def mention(self, name: str) -> tuple[str, str]:
        """Title and link of the page with this file name; a page outside the export is linked online."""
        found = [page for path, page in self.export.tree.items() if posixpath.basename(path) == name]
        if len(found) != 1:
            raise ExportError(f"{self.page.path}: [[{name}]] leads to {len(found)} pages", hint="mend it")
        online = f"https://www.notion.so/{found[0].id}"
        return found[0].title, self.href(self.export.file(found[0])) if found[0] in self.export else online

    def inline(self, text: str) -> str:
        """Markdown as it is, HTML as markup; page mentions become links in both."""
        if self.export.form == "md":
            return MENTION.sub(lambda found: "[{}]({})".format(*self.mention(found[1])), text)
        out, end = Markup(), 0
        for found in INLINE.finditer(text):
            out += Markup("%s") % text[end : found.start()] + self.span(found)
            end = found.end()
        return out + text[end:]

    def span(self, found: re.Match[str]) -> Markup:
        code, bold, name, label, url = found.groups()
        if name or url:
            title, href = self.mention(name) if name else (label, url)
            return Markup('<a href="%s">%s</a>') % (href, title)
        return Markup("<code>%s</code>") % code if code else Markup("<strong>%s</strong>") % bold

    def relation(self, value: str) -> str:
        """A property value: pages are `Title (path)`, which is no Markdown link; links in HTML."""
        if self.export.form == "html":
            return self.inline(value)
        return MENTION.sub(lambda found: "{} ({})".format(*self.mention(found[1])), value)

    def block_id(self, block: Block) -> str:
        return str(uuid.UUID(md5(f"{self.page.id}{block.kind}{block.info}{block.text}{block.children}")))


def soiled(text: str, dirt: set[str]) -> str:
    """The text with the named substitutions of `_forms/dirt.toml` made outside code fences."""
    pieces = re.split(r"(```.*?```)", text, flags=re.DOTALL)
    for rule in (rule for name, rules in DIRT.items() if name in dirt for rule in rules):
        change = re.compile(rule["find"], re.MULTILINE)
        times = rule.get("times", 0)
        pieces = [p if p.startswith("```") else change.sub(rule["put"], p, count=times) for p in pieces]
    return "".join(pieces)


FORMS = Environment(
    loader=FileSystemLoader(SOURCE / "_forms"),
    autoescape=select_autoescape(("html.j2",)),
    undefined=StrictUndefined,
    trim_blocks=True,
)
FORMS.globals |= {"style": (SOURCE / "_forms" / "style.css").read_text(encoding="utf-8"), "dashed": dashed}
DIRT = tomllib.loads((SOURCE / "_forms" / "dirt.toml").read_text(encoding="utf-8"))


def database_files(page: Page, export: Export) -> Iterator[tuple[str, bytes]]:
    """`X.csv`, the current view, and `X_all.csv`: with BOM, line ends inside a cell are CRLF."""
    header, *rows = page.table
    shown = [n for n, name in enumerate(header) if not is_hidden(name)]
    view = [[row[n] for n in shown] for row in (header, *rows) if not is_hidden(row[0])]
    every = [[*map(bare, header)], *([bare(row[0]), *row[1:]] for row in rows)]
    for suffix, table in (("", view), ("_all", every)):
        out = io.StringIO()
        cells = ([Writer(page, export).relation(c).replace("\n", "\r\n") for c in row] for row in table)
        csv.writer(out, lineterminator="\n").writerows(cells)
        yield f"{export.folder(page)}{suffix}.csv", b"\xef\xbb\xbf" + out.getvalue().encode()


def exported(export: Export) -> dict[str, dict[str, bytes]]:
    """The files of an export by the number of the nested zip ("1", "2") that they go to."""
    parts: dict[str, dict[str, bytes]] = {"1": {}, "2": {}}
    pages = [page for page in export.tree.values() if page in export]
    for page in pages:
        part = parts[export.setting(page, "part", "1")]
        if page.table:
            part.update(database_files(page, export))
        if not page.table or export.form == "html":
            part[export.file(page)] = Writer(page, export).text().encode()
        for name, data in attachments(SOURCE / page.path):
            parts["2"][f"{export.folder(page)}/{name}"] = data
    parts["1"]["index.html"] = FORMS.get_template("index.html.j2").render(pages=pages, export=export).encode()
    return {number: files for number, files in parts.items() if files}


def attachments(folder: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(folder.glob("[!.]*")):
        if file.suffix == ".zip" and file.is_dir():
            inside = {f.relative_to(file).as_posix(): f.read_bytes() for f in file.rglob("*") if f.is_file()}
            yield file.name, zipped(inside)
        elif file.is_file() and file.suffix not in {".md", ".csv"}:
            yield file.name, file.read_bytes()


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, STAMP)
            entry.create_system = 0
            archive.writestr(entry, files[name])
    return out.getvalue()


def with_finder_junk(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """As a Mac's Finder packs a folder again: a shadow of every page, and its own bookkeeping."""
    shadows = {posixpath.join("__MACOSX", posixpath.dirname(f), f"._{posixpath.basename(f)}") for f in files}
    folders = {posixpath.join(posixpath.dirname(f), ".DS_Store") for f in files}
    return {**files, **dict.fromkeys(shadows, APPLE_DOUBLE), **dict.fromkeys(folders, FINDER_JUNK)}


def build() -> dict[str, bytes]:
    """The two zips by file name."""
    tree = read_tree(SOURCE)
    zips = {}
    for name, form in (("Export-fennbrook-help.zip", "md"), ("Export-fennbrook-developers-html.zip", "html")):
        parts = exported(Export(tree, form))
        if form == "md":
            parts["2"] = with_finder_junk(parts["2"])
        nested = {f"Export-{dashed(name)}-Part-{n}.zip": zipped(files) for n, files in parts.items()}
        zips[name] = zipped(with_finder_junk(nested) if form == "md" else nested)
    return zips


def main(arguments: list[str]) -> int:
    try:
        zips = build()
    except KbtoolError as error:
        print(f"{error.message}\n  {error.hint}", file=sys.stderr)
        return error.exit_code
    stale = [n for n, data in zips.items() if not (f := TARGET / n).exists() or f.read_bytes() != data]
    if "--check" in arguments:
        print("\n".join(f"{n} differs: run python corpora/build_notion.py" for n in stale) or "up to date")
        return int(bool(stale))
    for name, data in zips.items():
        (TARGET / name).write_bytes(data)
        print(f"{name}  {len(data):,} bytes, {'changed' if name in stale else 'as before'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
