"""The lines of `kbtool chunk --json`: put together from parts, the same as encoding each as a whole."""

from __future__ import annotations

import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from kbtool.chunk import section_text
from kbtool.lines import json_lines
from kbtool.model import Chunk, Document, Section

TEXTS = st.text(st.characters(codec="utf-8") | st.sampled_from('"\\\n\x00\x1f\x7f\u2028'), max_size=12)
PATHS = st.lists(TEXTS, min_size=1, max_size=3).map(tuple)
SECTIONS = st.builds(
    Section, PATHS, st.lists(st.builds(Chunk, PATHS, TEXTS), min_size=1, max_size=3).map(tuple)
)
DOCUMENTS = st.builds(
    Document, TEXTS, TEXTS, TEXTS, TEXTS, st.just(""), st.lists(SECTIONS, max_size=3).map(tuple)
)


@given(DOCUMENTS)
def test_lines_are_what_encoding_each_chunk_as_a_whole_gives(document: Document) -> None:
    expected = []
    for section in document.sections:
        parent = Chunk(section.heading_path, section_text(section))
        for level, chunk in [("parent", parent), *(("child", child) for child in section.children)]:
            line = {
                "document": document.slug,
                "title": document.title,
                "heading_path": list(chunk.heading_path),
                "level": level,
                "text": chunk.text,
                "source": document.source,
                "sha256": hashlib.sha256(chunk.text.encode()).hexdigest(),
            }
            expected.append(json.dumps(line, ensure_ascii=False) + "\n")
    assert json_lines(document).decode() == "".join(expected)


def test_half_a_character_is_a_question_mark() -> None:
    section = Section(("T",), (Chunk(("T",), "a\ud83db"),))
    document = Document("k", "s\udcff", "T", "f", "", (section,))
    assert [json.loads(line)["text"] for line in json_lines(document).splitlines()] == ["a?b", "a?b"]
