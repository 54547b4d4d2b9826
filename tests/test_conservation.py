"""Nothing vanishes unseen: the words of every raw file are in its page or on the record of what was removed.

Held on the bundled corpora, on a few files written for it, and on every export in the folder that
KBTOOL_EXPORTS names, if it is set. `tests/conservation.py` takes the words out without kbtool's help.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt

from kbtool.chunk import split
from kbtool.clean import Cleaned, clean
from kbtool.exports import read
from tests.conservation import FORMS, Allowance, Source, account, files, lines_with, words

ROOT = Path(__file__).parent.parent
ID, OTHER = "4f1c0a9e5b7d4c2e8a6f3b1d9c0e7a52", "9b2e7d1c4a6f48e0b3c5d8a1f0e2b476"
BUNDLED = (
    ROOT / "corpora" / "notion" / "Export-fennbrook-help.zip",
    ROOT / "corpora" / "notion" / "Export-fennbrook-developers-html.zip",
    ROOT / "corpora" / "lark",
)
WRITTEN = {
    f"Home {ID}.md": f"# Home\n\nAsk [https://www.notion.so/{OTHER}](Fees%20{OTHER}.md) first.\n",
    f"Fees {OTHER}.md": "# Fees\n\nNone.\n",
    "plain.html": '<table><tr><td rowspan="2">both</td><td>a</td></tr><tr><td>b</td></tr></table>',
}
"""Pages with a difference that the bundled corpora do not have."""


def _name(_: Source, cleaned: Cleaned) -> Counter[str]:
    return words(PurePosixPath(cleaned.page.source.partition(":")[2] or cleaned.page.source).stem)


def _members(source: Source, _: Cleaned) -> Counter[str]:
    return words("芬溪同事 a colleague\n" * source.people)


def _merged(source: Source, _: Cleaned) -> Counter[str]:
    return words(source.repeated)


def _link_titles(_: Source, cleaned: Cleaned) -> Counter[str]:
    return words("\n".join(cleaned.page.links.values()))


def _decoded_addresses(source: Source, _: Cleaned) -> Counter[str]:
    return words("\n".join(map(unquote, re.findall(r"https?%3A\S+", source.needed))))


def _tags(_: Source, cleaned: Cleaned) -> Counter[str]:
    tags = [re.findall(r"<[^<>]+>", removal.text) for removal in cleaned.removals]
    return words("\n".join(tag.strip("<>") for found in tags for tag in found))


def _hidden(source: Source, cleaned: Cleaned) -> Counter[str]:
    return words(source.hidden) & words("\n".join(removal.text for removal in cleaned.removals))


def _checkboxes(_: Source, cleaned: Cleaned) -> Counter[str]:
    return words("\n".join(value for value in cleaned.page.properties.values() if value in {"Yes", "No"}))


ALLOWANCES = (
    Allowance("name", "a file that holds no title, such as a CSV, is called by its name", _name),
    Allowance("merged cells", "their text stands in every cell that they cover", _merged),
    Allowance("members", "a mention holds an id, no name: a word stands in for the person", _members),
    Allowance("link titles", "a link whose text is a private address shows its page's title", _link_titles),
    Allowance("addresses", "an address that is escaped as a whole is decoded", _decoded_addresses),
    Allowance("hidden", "what is never read may be on record, and nowhere else", _hidden),
    Allowance("tags", "a removed tag is on record whole, also when its caption stays", _tags),
    Allowance("checkboxes", "a property's state is a class in HTML; in the page it is a word", _checkboxes),
)
"""Differences that are no loss. Each must explain something in the bundled and written files."""


@dataclass(frozen=True, slots=True)
class Read:
    """A page, cleaned, beside what its file says."""

    cleaned: Cleaned
    source: Source


@cache
def pages(export: Path) -> tuple[Read, ...]:
    raw = dict(files(export))
    return tuple(
        Read(clean(page), FORMS[PurePosixPath(page.source).suffix.lower()](raw[page.source]))
        for page in read([export]).pages
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    for name, text in WRITTEN.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def _exports() -> Iterator[Path]:
    """What to hold the laws on; None stands for the written files."""
    yield from BUNDLED
    if folder := os.environ.get("KBTOOL_EXPORTS"):
        yield from sorted(path for path in Path(folder).iterdir() if path.is_dir())
        yield from sorted(Path(folder).rglob("*.zip"))


@pytest.fixture(params=[*_exports(), None], ids=lambda path: path.name if path else "written")
def export(request: pytest.FixtureRequest, written: Path) -> Path:
    return request.param or written


def test_every_word_of_the_raw_file_is_in_the_page_or_on_record(export: Path) -> None:
    differences: list[str] = []
    for page in pages(export):
        result = account(page.source, page.cleaned, ALLOWANCES)
        shown = page.cleaned.page.title + "\n" + page.cleaned.page.markdown
        for verdict, counted, text in (
            ("missing", result.missing, page.source.needed),
            ("added", result.extra, shown),
        ):
            if counted:
                told = " ".join(f"{word} x{count}" for word, count in list(counted.items())[:20])
                where = "".join(f"\n      {line}" for line in lines_with(text, counted))
                differences.append(f"{page.cleaned.page.source}: {verdict}: {told}{where}")
    assert not differences, "\n".join(differences)


def test_each_allowance_is_needed(written: Path) -> None:
    used: set[str] = set()
    for export in (*BUNDLED, written):
        for page in pages(export):
            used |= account(page.source, page.cleaned, ALLOWANCES).used
    assert used == {allowance.name for allowance in ALLOWANCES}


def test_cleaning_a_clean_page_changes_nothing(export: Path) -> None:
    for page in pages(export):
        again = clean(page.cleaned.page)
        assert again.page == page.cleaned.page, page.cleaned.page.source
        assert again.removals == (), page.cleaned.page.source


def test_code_blocks_come_out_byte_for_byte(export: Path) -> None:
    for page in pages(export):
        recorded = "\n".join(removal.text for removal in page.cleaned.removals)
        cleaned = Counter(_fences(page.cleaned.page.markdown))
        for code, count in Counter(map(_ended, page.source.code)).items():
            on_record = all(line.strip() in recorded for line in code.split("\n"))
            assert cleaned[code] >= count or on_record, f"{page.cleaned.page.source}: {code!r}"


def _fences(markdown: str) -> list[str]:
    return [
        _ended(token.content) for token in MarkdownIt("commonmark").parse(markdown) if token.type == "fence"
    ]


def _ended(code: str) -> str:
    """Without the line end before the closing fence, which only Markdown has."""
    return code.removesuffix("\n")


def test_every_word_of_a_cleaned_page_is_in_its_chunks(export: Path) -> None:
    for page in pages(export):
        chunks = split(page.cleaned.page).sections
        found = words("\n".join(child.text for section in chunks for child in section.children))
        missing = words(page.cleaned.page.markdown) - found
        assert not missing, f"{page.cleaned.page.source}: {missing}"
