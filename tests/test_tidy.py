"""The folder that `kbtool clean` writes: what stands in it, what is never touched, how it is read back."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool import corpus
from kbtool.clean import Cleaned
from kbtool.config import Corpus, Settings, load
from kbtool.corpus import Prepared
from kbtool.errors import ExportError
from kbtool.exports import tidy_markdown
from kbtool.exports.archive import File
from kbtool.model import Chunk, Kind, Page, Removal, Skipped
from kbtool.prepare import Part
from kbtool.tidy import TidyTree

ROOT = Path(__file__).parent.parent


def cleaned(slug: str, markdown: str = "Text.", *removals: Removal, title: str = "") -> Cleaned:
    page = Page(slug, slug, title or slug, markdown, f"e/{slug}.md", Kind.MARKDOWN)
    return Cleaned(page, removals)


def written(out: Path, *pages: Cleaned) -> TidyTree:
    with TidyTree(out) as tree:
        for page in pages:
            tree.add(page, "", b"")
    return tree


def files(out: Path) -> set[str]:
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()}


def report(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "clean-report.json").read_text("utf-8"))
    return found


def test_the_report_accounts_for_each_page(tmp_path):
    gone = Removal("drop_contents", "Inhalt 目录")
    tree = written(tmp_path / "out", cleaned("help/fees", "Text.", gone, gone), cleaned("help"))
    assert files(tmp_path / "out") == {"help/fees.md", "help.md", "clean-report.json"}
    told = report(tmp_path / "out")
    assert [page["file"] for page in told["pages"]] == ["help/fees.md", "help.md"]
    assert told["pages"][0]["removed"] == [{"rule": gone.rule, "text": gone.text, "kind": "removed"}] * 2
    assert told["removed"] == {"drop_contents": 2}
    assert tree.written == 2


def test_a_later_run_removes_what_is_gone_and_leaves_what_is_not_its_own(tmp_path):
    out = tmp_path / "out"
    written(out, cleaned("a/b/gone"), cleaned("a/edited"), cleaned("stays"))
    (out / "a" / "edited.md").write_text("by hand", encoding="utf-8")
    (out / "README").write_text("mine", encoding="utf-8")
    written(out, cleaned("stays"))
    assert files(out) == {"stays.md", "a/edited.md", "README", "clean-report.json"}
    assert not (out / "a" / "b").exists()
    told = report(out)
    assert (told["deleted"], told["left"]) == (["a/b/gone.md"], ["a/edited.md"])


def test_a_run_that_fails_leaves_the_former_report_and_nothing_half_written(tmp_path):
    out = tmp_path / "out"
    written(out, cleaned("a"))
    before = (out / "clean-report.json").read_bytes()
    with pytest.raises(AttributeError):
        written(out, cleaned("b"), None)  # type: ignore[arg-type]  # an error in the middle of a run
    assert files(out) == {"a.md", "b.md", "clean-report.json"}
    assert (out / "clean-report.json").read_bytes() == before


def test_nothing_is_written_through_a_symbolic_link(tmp_path):
    out, outside = tmp_path / "out", tmp_path / "outside"
    outside.mkdir()
    (outside / "page.md").write_text("untouched", encoding="utf-8")
    out.mkdir()
    (out / "folder").symlink_to(outside)
    (out / "page.md").symlink_to(outside / "page.md")
    (out / "clean-report.json").symlink_to(outside / "report.json")
    tree = written(out, cleaned("folder/deep/a"), cleaned("folder/b"), cleaned("page"))
    assert {path.name for path in outside.iterdir()} == {"page.md"}
    assert (outside / "page.md").read_text(encoding="utf-8") == "untouched"
    assert (out / "page.md").read_text(encoding="utf-8").endswith("# page\n\nText.\n")
    assert [skip.is_error for skip in tree.skipped] == [True, True]
    assert all("symbolic link" in skip.reason for skip in tree.skipped)


@pytest.mark.parametrize("name", ["../outside.md", "/etc/passwd", "link/secret.md"])
def test_a_forged_report_removes_nothing_outside(tmp_path, name):
    out, outside = tmp_path / "out", tmp_path / "outside.md"
    outside.write_bytes(b"")
    out.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.md").write_bytes(b"")
    (out / "link").symlink_to(tmp_path / "elsewhere")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    line = json.dumps({"file": name, "sha256": empty}, separators=(",", ":"))
    (out / "clean-report.json").write_text(f'{{"pages":[\n{line}\n]}}\n{{"file":broken', encoding="utf-8")
    written(out, cleaned("a"))
    assert outside.exists()
    assert (tmp_path / "elsewhere" / "secret.md").exists()
    assert report(out)["deleted"] == []


def test_a_folder_where_a_file_should_be_is_named_and_the_others_are_written(tmp_path):
    (tmp_path / "out" / "a.md").mkdir(parents=True)
    (tmp_path / "out" / "b").write_text("a file", encoding="utf-8")
    tree = written(tmp_path / "out", cleaned("a"), cleaned("b/c"), cleaned("d"))
    assert [skip.source.rpartition("/")[2] for skip in tree.skipped] == ["a.md", "c.md"]
    assert files(tmp_path / "out") == {"b", "d.md", "clean-report.json"}


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path):
    (tmp_path / "out").write_text("", encoding="utf-8")
    with pytest.raises(ExportError, match="not a folder"):
        written(tmp_path / "out")


def test_long_and_equal_names_stay_apart(tmp_path):
    long = "很" * 300
    written(tmp_path / "out", cleaned(f"{long}1"), cleaned(f"{long}2"), cleaned("Fees"), cleaned("fees"))
    assert len(files(tmp_path / "out")) == 5


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(TEXT, TEXT, st.dictionaries(TEXT.filter(bool), TEXT.filter(bool), max_size=3))
def test_a_written_page_is_read_back(title, markdown, properties):
    title = " ".join(title.split()) or "Untitled"
    page = Page("key: 1", "slug", title, markdown.strip("\n"), "a: b#c.md", Kind.MARKDOWN, properties)
    text = tidy_markdown.write(page, "2026-03-01").replace("\r\n", "\n").replace("\r", "\n")
    draft = tidy_markdown.parse(File("e", "a.md", "a.md", "a.md"), text)
    assert draft
    assert (draft.key, draft.kind) == ("key: 1", Kind.MARKDOWN)
    assert " ".join(draft.title.split()) == " ".join(title.split())
    assert {**properties, "Last edited": "2026-03-01"}.keys() == draft.properties.keys()
    if "\r" not in markdown and title.isprintable():
        assert draft.markdown.rstrip() == page.markdown.rstrip()


def chunks(settings: Settings) -> dict[str, list[str]]:
    return {
        document.key: [child.text for section in document.sections for child in section.children]
        for document in corpus.load(settings).documents
    }


def test_the_tidy_tree_gives_the_same_chunks_under_the_same_keys(tmp_path):
    shown = load(ROOT / "kb.toml")
    sources = tuple(str(shown.resolve(source)) for source in shown.corpus.sources)
    settings = Settings(root=tmp_path, corpus=Corpus(sources=sources))
    with (
        closing(corpus.stream(settings, [Part.CLEANED, Part.SKETCH])) as events,
        TidyTree(tmp_path / "out") as tree,
    ):
        for event in events:
            if isinstance(event, Prepared) and event.cleaned:
                tree.add(event.cleaned, event.edited, event.sketch)
    again = Settings(root=tmp_path, corpus=Corpus(sources=("out",)))
    assert chunks(again) == chunks(settings)
    assert any(pair.likeness > 0.99 for pair in tree.duplicates)  # the corpus has one page twice


def test_the_report_is_no_page(tmp_path):
    written(tmp_path / "out", cleaned("a"))
    loaded = corpus.load(Settings(root=tmp_path, corpus=Corpus(sources=("out",))))
    assert loaded.skipped == (Skipped("out/clean-report.json", "report of kbtool clean"),)
    assert loaded.documents[0].sections[0].children == (Chunk(("a",), "a\n\nText."),)
