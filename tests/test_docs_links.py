"""What the documents point at is there: files, headings, paths, and a benchmark behind every figure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.reference.configuration import keys, tables
from kbtool.config import Dify, Settings
from tests.documents import ROOT, anchors, blocks, code, documents, prose

DOCUMENTS = documents()
KEYS = {f"[{header.strip('[]')}]": {key.name for key in keys(of)} for header, of in tables(Settings)} | {
    "[bridge.routes]": set(),
    "[metadata]": set(),
}
OURS = ("kbtool/", "bridge/", "tests/", "docs/", "benchmarks/", "corpora/", "deploy/")


def links(document: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", prose(text))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_file_and_to_a_heading_of_it(document: str) -> None:
    for link in links(document):
        file, _, anchor = link.partition("#")
        target = (ROOT / document).parent / file if file else ROOT / document
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_of_the_repository_that_is_named_is_there(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for named in code(text):
        if named.startswith(OURS) and re.fullmatch(r"[\w./-]+", named) and named != Dify().embedding_provider:
            assert (ROOT / named).exists(), named


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_key_that_is_named_with_its_table_is_in_kb_toml(document: str) -> None:
    for named in code((ROOT / document).read_text(encoding="utf-8")):
        found = re.fullmatch(r"(\[[a-z_.]+\])(?: ([a-z_]+))?", named)
        if found:
            table, key = found[1], found[2]
            assert table in KEYS, table
            assert not key or key in KEYS[table], named


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen, ahead = set(), {"README.md"}
    while ahead:
        document = ahead.pop()
        seen.add(document)
        for link in links(document):
            target = ((ROOT / document).parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.is_relative_to(ROOT):
                ahead |= {str(target.relative_to(ROOT))} - seen
    assert [document for document in DOCUMENTS if document not in seen] == []


def test_what_a_forge_calls_a_heading_is_known() -> None:
    text = "# What `a` is: 1.5 × b\n\n## Twice\n\n```sh\n# none\n```\n\n## Twice\n\n## [x](y.md), z-w_v\n"
    assert anchors(text) == {"what-a-is-15--b", "twice", "twice-1", "x-z-w_v"}


def test_blocks_are_found_with_their_marks() -> None:
    text = "a\n\n<!-- run -->\n```sh\nls\n```\n\n```toml\n[a]\n```\n"
    assert [(one.language, one.mark, one.text) for one in blocks(text)] == [
        ("sh", "run", "ls\n"),
        ("toml", "", "[a]\n"),
    ]


def test_the_list_of_documents_is_not_empty() -> None:
    assert {"README.md", "CONTRIBUTING.md", "docs/README.md", "docs/reference/cli.md"} <= set(DOCUMENTS)
    assert all(Path(ROOT / document).exists() for document in DOCUMENTS)
