"""Golden questions as the YAML that people read, edit and review.

One key a line and no line folded, so that a diff shows what changed and nothing else. Text that YAML could
take for something else stands in double quotes, as JSON writes it, which is YAML too (YAML 1.2, §1.2).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from kbtool.evaluate.record import Golden, QuestionKind, Relevant

_PLAIN = re.compile(r"[^\W\d_](?:[\w ().,;/?!%€$£¥，。？！、·’-]*[\w).?!%，。？！’])?")
_IN_A_LIST = re.compile(r"[,\[\]{}]")
_NOT_A_TEXT = re.compile(r"(?i)true|false|yes|no|on|off|y|n|null|nan|inf")
_BREAKS = {ord(sign): f"\\u{ord(sign):04x}" for sign in "\x7f\x85\u2028\u2029\ufeff\ufffe\uffff"}


def to_yaml(questions: Iterable[Golden]) -> str:
    """The questions as a golden file. What is at its default is left out."""
    return "\n".join("\n".join(_entry(golden)) + "\n" for golden in questions)


def _entry(golden: Golden) -> Iterator[str]:
    yield f"- id: {as_text(golden.id)}"
    yield f"  question: {as_text(golden.question)}"
    if golden.lang:
        yield f"  lang: {as_text(golden.lang)}"
    if golden.tags:
        yield f"  tags: {as_list(golden.tags)}"
    if golden.critical:
        yield "  critical: true"
    if golden.says_unanswerable:
        yield "  answerable: false"
    if golden.kind is not QuestionKind.QUESTION:
        yield f"  kind: {golden.kind.value}"
    if golden.inbox:
        yield f"  inbox: {as_text(golden.inbox)}"
    if golden.history:
        yield "  history:"
        yield from (f"    - {as_text(line)}" for line in golden.history)
    if golden.relevant:
        yield "  relevant:"
        for relevant in golden.relevant:
            yield from _source(relevant)
    yield from _answer(golden)


def _source(relevant: Relevant) -> Iterator[str]:
    yield f"    - doc: {as_text(relevant.doc)}"
    if relevant.section:
        yield f"      section: {as_list(relevant.section)}"
    if relevant.evidence:
        yield f"      evidence: {as_text(relevant.evidence)}"


def _answer(golden: Golden) -> Iterator[str]:
    expected = golden.expected
    if not (expected.must_contain or expected.must_not_contain or expected.cite):
        return
    yield "  answer:"
    if expected.must_contain:
        yield f"    must_contain: [{', '.join(as_list(group) for group in expected.must_contain)}]"
    if expected.must_not_contain:
        yield f"    must_not_contain: {as_list(expected.must_not_contain)}"
    if expected.cite:
        yield f"    cite: {as_list(expected.cite)}"


def as_list(items: Sequence[str]) -> str:
    """A list on one line."""
    return f"[{', '.join(_quoted(item) if _IN_A_LIST.search(item) else as_text(item) for item in items)}]"


def as_text(text: str) -> str:
    """A text as a value of YAML."""
    is_plain = _PLAIN.fullmatch(text) and not _NOT_A_TEXT.fullmatch(text)
    return text if is_plain else _quoted(text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).translate(_BREAKS)
