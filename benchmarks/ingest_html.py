"""Notion's HTML pages as Markdown: our reader beside the converters that people use.

    python -m benchmarks.ingest_html FOLDER OUT     our reader, timed as peers/converters.py times the others

What a conversion keeps is judged from the page itself, by another parser than our reader's: its words, its
tables of contents (navigation, which should go), the state of its to-dos, its tables and its code.
"""

from __future__ import annotations

import json
import re
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from bs4 import BeautifulSoup, NavigableString

from benchmarks.ingest_export import save
from kbtool.exports import notion_html
from kbtool.exports.archive import File
from kbtool.model import Skipped

_WORD = re.compile(r"[^\W_]+")
_MARKS = re.compile(r"[*`\\~]")
_PIPES = re.compile(r"(?m)^[ >]*\|?[ :]*-{3,}[ :]*(?:\|[ :]*-{3,}[ :]*)+\|?[ ]*$")
_FENCE = re.compile(r"(?ms)^[ >]*(`{3,}|~{3,})[^\n]*\n(.*?)^[ >]*\1")
_EDGES = re.compile("^(p|li|h[1-6]|t[dhr]|div|pre|br|blockquote|summary|figure|figcaption|details)$")
_DROPPED = "style, script, .katex-html, .katex-mathml mrow, .table_of_contents, .icon, .checkbox"


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of the pages is there afterwards; pairs are (kept, of)."""

    words: tuple[int, int]
    contents: int
    boxes: tuple[int, int]
    tables: tuple[int, int]
    fences: tuple[int, int]


def unpack(folder: Path, pages: int, seed: int) -> None:
    """Generated HTML pages as single files."""
    if folder.exists():
        return
    made = folder.with_suffix(".zip")
    save(made, pages, seed, as_html=True)
    folder.mkdir(parents=True)
    with zipfile.ZipFile(made) as outer:
        for part in outer.namelist():
            with zipfile.ZipFile(BytesIO(outer.read(part))) as inner:
                for name in inner.namelist():
                    (folder / f"{name[-37:-5]}.html").write_bytes(inner.read(name))
    made.unlink()


def flatten(source: Path, folder: Path) -> None:
    """The HTML pages anywhere below `source`, side by side in one folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(sorted(source.rglob("*.html"))):
        (folder / f"{number:05}.html").write_bytes(path.read_bytes())


def judge(pages: Iterable[tuple[str, str]]) -> Kept:
    """Each page's HTML against the Markdown that was made of it."""
    words, boxes, tables, fences = [0, 0], [0, 0], [0, 0], [0, 0]
    contents = 0
    for page, text in pages:
        soup = BeautifulSoup(page, "lxml")
        root = next(iter(soup.select("article")), soup)
        plain = _MARKS.sub("", text)
        contents += sum(f"](#{link['href'][1:]})" in text for link in root.select("nav a[href^='#']"))
        for box in root.select(".to-do-list .checkbox"):
            state = "x" if "checkbox-on" in box.get_attribute_list("class") else " "
            label = box.find_next_sibling("span")
            said = " ".join(label.get_text().split())[:30] if label else ""
            boxes[1] += bool(said)
            boxes[0] += bool(said) and re.search(rf"\[{state}\] +{re.escape(said)}", plain) is not None
        shown = len(root.select("table.simple-table, table.collection-content"))
        tables[1] += shown
        tables[0] += min(shown, len(_PIPES.findall(text)))
        code = Counter(_code(pre.get_text()) for pre in root.select("pre"))
        fences[1] += code.total()
        fences[0] += (code & Counter(_code(found[2]) for found in _FENCE.finditer(text))).total()
        for hidden in root.select(_DROPPED):
            hidden.decompose()
        for edge in (*root.find_all(_EDGES), *root.select(".selected-value")):
            edge.insert_before(NavigableString(" "))
            edge.insert_after(NavigableString(" "))
        needed = Counter(_WORD.findall(_MARKS.sub("", root.get_text())))
        words[1] += needed.total()
        words[0] += (needed & Counter(_WORD.findall(plain))).total()
    return Kept(_pair(words), contents, _pair(boxes), _pair(tables), _pair(fences))


def _pair(counted: list[int]) -> tuple[int, int]:
    return counted[0], counted[1]


def _code(text: str) -> str:
    """Without the indent that a fence in a list has."""
    return "\n".join(line.strip() for line in text.strip().split("\n"))


def convert(page: str, name: str) -> str:
    """The page as our reader hands it to cleaning: title, properties, body."""
    draft = notion_html.parse(File("", name, name, name, None), page)
    if draft is None or isinstance(draft, Skipped):
        raise SystemExit(f"{name}: {draft.reason if draft else 'no Notion page'}")
    properties = "\n".join(f"{key}: {value}" for key, value in draft.properties.items())
    return f"# {draft.title}\n\n{properties}\n\n{draft.markdown}\n"


def main() -> None:
    source, out = map(Path, sys.argv[1:])
    seconds, size = 0.0, 0
    for path in sorted(source.glob("*.html")):
        page = path.read_text(encoding="utf-8")
        started = time.perf_counter()
        text = convert(page, path.name)
        seconds += time.perf_counter() - started
        size += len(page.encode())
        (out / f"{path.stem}.md").write_text(text, encoding="utf-8")
    json.dump({"seconds": seconds, "bytes": size}, sys.stdout)


if __name__ == "__main__":
    main()
