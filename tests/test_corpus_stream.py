"""Sources to chunks as a stream: the same whatever the number of processes, and whatever the cache holds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kbtool import corpus, prepare
from kbtool.chunk import split
from kbtool.config import Corpus, Settings, load
from kbtool.corpus import CACHE, Event, Prepared
from kbtool.dates import parse_date
from kbtool.errors import ExportError
from kbtool.exports import reading
from kbtool.exports.stored import Stored
from kbtool.model import Kind, Note, Skipped
from kbtool.prepare import Part
from tests.test_exports import BASE, PAGE, ROW, folder

ROOT = Path(__file__).parent.parent
ALL = (Part.CLEANED, Part.DOCUMENT, Part.SKETCH, Part.LINES, Part.TEXT)


def events(settings: Settings, parts: Sequence[Part] = ALL, **options) -> list[Event]:
    with closing(corpus.stream(settings, parts, **options)) as found:
        return list(found)


def pages_of(found: list[Event]) -> list[Prepared]:
    return [event for event in found if isinstance(event, Prepared)]


def reasons(found: list[Event]) -> dict[str, str]:
    return {event.source: event.reason for event in found if isinstance(event, Skipped)}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Thirty pages with links between them, a database, an attachment and a broken file."""
    files: dict[str, str | bytes] = {
        f"Page {number}.md": f"# Page {number}\n\n[next](Page%20{number + 1}.md)\n\n## Part\n\nText {number}."
        for number in range(30)
    }
    files |= {
        f"Parts {BASE}_all.csv": "Name,Status\r\nPump,Live\r\n",
        f"Parts {BASE}/Pump {PAGE}.md": "# Pump\n\nStatus: Live\n\nOpen it.",
        f"Parts {BASE}/Lid {ROW}.md": "# Lid\n\nStatus: Old\n",
        "logo.png": b"\x89PNG",
        "broken.json": b"{",
    }
    return Settings(root=tmp_path, corpus=Corpus(sources=(str(folder(tmp_path / "e", files)),)))


def test_the_number_of_processes_changes_nothing(settings, monkeypatch):
    monkeypatch.setattr(corpus, "_BATCH", (4, 400))
    alone = events(settings, workers=1, uses_cache=False)
    assert len(pages_of(alone)) == 32
    for workers in (2, 3):
        assert events(settings, workers=workers, uses_cache=False) == alone


def test_the_cache_changes_nothing_but_the_work(settings, monkeypatch):
    """Also where it was made by a command that asks for less, and where it is damaged or gone."""
    fresh = events(settings, uses_cache=False)
    assert not (settings.root / ".kbtool").exists()
    chunks = events(settings, [Part.DOCUMENT])
    assert [page.document for page in pages_of(chunks)] == [page.document for page in pages_of(fresh)]
    assert events(settings) == fresh

    parsed: list[str] = []
    parse = reading.parse
    monkeypatch.setattr(prepare, "parse", lambda file, *rest: parsed.append(file.path) or parse(file, *rest))  # type: ignore[func-returns-value]
    assert events(settings) == fresh
    assert parsed == ["broken.json"]

    (settings.root / "e" / "Page 3.md").write_text("# Page three\n\nNew.", encoding="utf-8")
    parsed.clear()
    changed = pages_of(events(settings))
    # Page 2 links to it, by its title.
    assert sorted(set(parsed)) == ["Page 2.md", "Page 3.md", "broken.json"]
    assert changed == pages_of(events(settings, uses_cache=False))

    (settings.root / CACHE).write_bytes(b"no database")
    assert pages_of(events(settings)) == changed


def test_of_a_zip_only_what_changed_is_unpacked_again(tmp_path, monkeypatch):
    """An entry is known by checksum and sizes: a page of the same length with other words is read."""
    archive = tmp_path / "export.zip"
    settings = Settings(root=tmp_path, corpus=Corpus(sources=(str(archive),)))

    def save(word: str) -> None:
        with zipfile.ZipFile(archive, "w") as export:
            export.writestr("A.md", "# A\n\nOne page.")
            export.writestr("B.md", f"# B\n\nAnother {word}.")

    read: list[int | None] = []
    unpack = Stored.read
    monkeypatch.setattr(Stored, "read", lambda stored: read.append(stored.offset) or unpack(stored))  # type: ignore[func-returns-value]
    save("page")
    first = events(settings, [Part.LINES])
    assert len(read) == 4  # both, twice
    assert events(settings, [Part.LINES]) == first
    assert len(read) == 4
    save("text")
    changed = events(settings, [Part.LINES])
    assert [b"Another text" in page.lines for page in pages_of(changed)] == [False, True]
    assert len(read) == 6


def test_an_upgrade_of_the_code_is_another_cache(settings, monkeypatch):
    before = events(settings)
    parsed: list[str] = []
    parse = reading.parse
    monkeypatch.setattr(prepare, "fingerprint", lambda: b"other")
    monkeypatch.setattr(prepare, "parse", lambda file, *rest: parsed.append(file.path) or parse(file, *rest))  # type: ignore[func-returns-value]
    assert events(settings) == before
    assert "Page 1.md" in parsed


def test_every_module_that_makes_chunks_is_in_the_fingerprint():
    """What is loaded to prepare a page is hashed, but for the cache and what names a version."""
    script = "import sys, kbtool.prepare; print(*(n for n in sys.modules if n.startswith('kbtool.')))"
    shown = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=ROOT
    )
    loaded = {name.split(".")[1] for name in shown.stdout.split()}
    assert loaded - set(prepare.STAGES) == {"cache"}


def test_a_changed_bound_is_another_cache(settings):
    table = settings.chunk.model_copy(update={"child_max": 400, "parent_max": 600})
    events(settings)
    narrow = settings.model_copy(update={"chunk": table})
    assert events(narrow) == events(narrow, uses_cache=False)


def test_loading_is_the_three_steps(settings):
    loaded = corpus.load(settings)
    export = corpus.read_sources(settings)
    assert loaded == corpus.chunk_pages(corpus.clean_pages(export), export, settings)


def test_the_bundled_corpora_come_out_alike_both_ways(tmp_path):
    shown = load(ROOT / "kb.toml")
    sources = tuple(str(shown.resolve(source)) for source in shown.corpus.sources)
    settings = Settings(root=tmp_path, corpus=Corpus(sources=sources))
    export = corpus.read_sources(settings)
    assert corpus.load(settings) == corpus.chunk_pages(corpus.clean_pages(export), export, settings)


TEXT_BLOCK = {"block_id": "t", "block_type": 2, "text": {"elements": [{"text_run": {"content": "Text"}}]}}


def lark(root: Path, *blocks: dict[str, Any]) -> Settings:
    top = {"block_id": "r", "block_type": 1, "children": [block["block_id"] for block in blocks]}
    sources = (str(folder(root / "e", {"d.json": json.dumps({"blocks": [top, *blocks]})})),)
    return Settings(root=root, corpus=Corpus(sources=sources))


def test_what_a_page_came_without_is_a_note(tmp_path):
    found = events(lark(tmp_path, TEXT_BLOCK, {"block_id": "x", "block_type": 18}))
    assert [type(event) for event in found] == [Note, Prepared]


def test_halves_of_characters_do_not_reach_the_output(tmp_path):
    half = json.loads(json.dumps(TEXT_BLOCK).replace("Text", "a\\ud83db"))
    (page,) = pages_of(events(lark(tmp_path, half)))
    assert page.cleaned
    assert page.cleaned.page.markdown == "a?b"


def test_old_pages_are_left_out_where_that_is_asked_for(tmp_path):
    root = folder(
        tmp_path / "e",
        {
            "old.md": "---\nupdated: 2024-02-01\n---\n\n# Old\n\nText.",
            "new.md": "---\nedit_time: 1767225600\n---\n\n# New\n\nText.",
            f"Row {PAGE}.md": "# Row\n\nLast edited time: March 1, 2024 4:23 PM\n\nText.",
            "undated.md": "# Undated\n\nThe date: 2001-01-01\n\nText.",
        },
    )
    settings = Settings(root=tmp_path, corpus=Corpus(sources=(str(root),), max_age_days=365))
    found = events(settings, [Part.CLEANED], today=date(2026, 6, 1))
    titles = [page.cleaned.page.title for page in pages_of(found) if page.cleaned]
    assert titles == ["New", "Undated"]
    assert reasons(found)["e/old.md"] == "last edited 2024-02-01, more than 365 days ago (max_age_days)"
    assert len(pages_of(events(settings, [Part.CLEANED], today=date(2025, 1, 1)))) == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("March 1, 2026 4:23 PM", date(2026, 3, 1)),
        ("Sept. 9, 2025", date(2025, 9, 9)),
        ("@2026-03-01T08:00:00Z", date(2026, 3, 1)),
        ("2022년 1월 31일 오후 7:44", date(2022, 1, 31)),
        ("2022年3月1日 15:20", date(2022, 3, 1)),
        ("1767225600", date(2026, 1, 1)),
        ("1767225600000", date(2026, 1, 1)),
        ("2026-13-01", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_are_read_as_exports_write_them(text, expected):
    assert parse_date(text) == expected


def test_a_kind_can_be_forced_by_name(tmp_path):
    root = folder(
        tmp_path / "e", {"a.md": "# A\n\n<aside>\n💡 Tip\n\n</aside>", "b.md": "# B\n\nText", "c.json": "{}"}
    )
    for kinds, expected in (
        ({}, [Kind.MARKDOWN, Kind.MARKDOWN]),
        ({"a*": Kind.NOTION_MARKDOWN}, [Kind.NOTION_MARKDOWN, Kind.MARKDOWN]),
        ({"*": Kind.LARK_MARKDOWN}, [Kind.LARK_MARKDOWN, Kind.LARK_MARKDOWN]),
    ):
        settings = Settings(root=tmp_path, corpus=Corpus(sources=(str(root),), kinds=kinds))
        found = [page.cleaned for page in pages_of(events(settings)) if page.cleaned]
        assert [cleaned.page.kind for cleaned in found] == expected
        assert ("> Tip" in found[0].page.markdown) is (Kind.NOTION_MARKDOWN in expected)


def test_a_page_that_kills_its_process_costs_its_neighbours_at_most(settings, monkeypatch):
    monkeypatch.setattr(corpus, "_BATCH", (1, 1))
    monkeypatch.setattr(prepare, "split", killed_by_page_seven)
    found = events(settings, [Part.DOCUMENT], workers=2, uses_cache=False)
    assert len(pages_of(found)) == 31
    assert "ended (signal 9)" in reasons(found)["e/Page 7.md"]


def killed_by_page_seven(page, bounds):
    if page.title == "Page 7":
        os.kill(os.getpid(), signal.SIGKILL)
    return split(page, bounds)


def test_no_page_at_all_is_an_error_that_says_why(tmp_path):
    root = folder(tmp_path / "e", {"a.md": b"\x81"})
    with pytest.raises(ExportError, match=r"No page was found.*e/a\.md: not text"):
        events(Settings(root=tmp_path, corpus=Corpus(sources=(str(root),))))


def test_pages_flow_while_others_are_not_read_yet(tmp_path, monkeypatch):
    """The first page is there before the last one is opened: nothing waits for all of them."""
    monkeypatch.setattr(corpus, "_BATCH", (2, 1000))
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as export:
        for number in range(20):
            export.writestr(f"{number:02}.md", f"# T{number}\n\nText.")
    settings = Settings(root=tmp_path, corpus=Corpus(sources=("e.zip",)))
    made: list[str] = []
    monkeypatch.setattr(prepare, "split", lambda page, bounds: made.append(page.title) or split(page, bounds))  # type: ignore[func-returns-value]
    with closing(corpus.stream(settings, [Part.DOCUMENT], workers=1)) as found:
        next(event for event in found if isinstance(event, Prepared))
        assert made == ["T0", "T1"]
