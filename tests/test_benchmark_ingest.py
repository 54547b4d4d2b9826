"""What the ingestion benchmark stands on: a corpus that is the same everywhere, and judges that can tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.ingest_checks import CHECKS, passed
from benchmarks.ingest_export import plan, save, write
from benchmarks.ingest_words import count
from kbtool.chunk import split
from kbtool.clean import clean
from kbtool.exports import read

SEED = 1
PAGES = 4


def test_the_same_seed_gives_the_same_export_and_an_edit_changes_one_page(tmp_path: Path) -> None:
    for name, changed in (("one.zip", None), ("two.zip", None), ("edited.zip", 3)):
        save(tmp_path / name, PAGES, SEED, changed=changed)
    one, edited = (read([tmp_path / name]).pages for name in ("one.zip", "edited.zip"))
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    before, after = ({page.key: page.markdown for page in pages} for pages in (one, edited))
    assert before.keys() == after.keys()
    assert sum(before[key] != after[key] for key in before) == 1


@pytest.mark.parametrize("as_html", [False, True], ids=["markdown", "html"])
def test_every_generated_word_is_in_the_chunks_of_its_page(tmp_path: Path, as_html: bool) -> None:
    save(tmp_path / "export.zip", PAGES, SEED, as_html=as_html)
    pages = {page.key: page for page in read([tmp_path / "export.zip"]).pages}
    planned = plan(PAGES, SEED)
    for page in planned:
        sections = split(clean(pages[page.identity]).page).sections
        chunked = count("\n".join(child.text for section in sections for child in section.children))
        said = write(planned, page, SEED, as_html=as_html, changed=False).prose
        assert not count("\n".join(said)) - chunked


def test_the_judges_pass_kbtool_and_fail_a_splitter_that_does_nothing(tmp_path: Path) -> None:
    answers = []
    for number, check in enumerate(CHECKS):
        path = tmp_path / f"{number:02}.md"
        path.write_bytes(check.page.encode())
        (page,) = read([path]).pages
        sections = split(clean(page).page).sections
        answers.append([(chunk.heading_path, chunk.text) for part in sections for chunk in part.children])
    assert passed(answers) == [check.name for check in CHECKS]
    nothing = [[((), check.page)] for check in CHECKS]
    lines = [[((), line) for line in check.page.split("\n")] for check in CHECKS]
    assert 0 < len(passed(nothing)) < len(CHECKS)
    assert set(passed(nothing)) & set(passed(lines)) < set(passed(nothing))
