"""Golden files: strict about form, exact about what no longer stands where a question says."""

from __future__ import annotations

from pathlib import Path

import pytest

from kbtool.errors import ConfigError, GoldenError
from kbtool.evaluate.record import QuestionKind, Relevant
from kbtool.golden import check, covers, find_stale, load, resolve
from tests.server import document

GOOD = """\
- id: window
  question: How long do I have?
  tags: [returns]
  critical: true
  relevant:
    - doc: refunds
      section: [Time limit]
      evidence: 30 days
  answer:
    must_contain: [[30 days, thirty days]]
- id: crypto
  question: Can I pay in coins?
  answerable: false
- id: hello
  question: hi
  kind: smalltalk
"""
PAGES = (document("Refunds", "## Time limit\n\nYou have **30 days**.\n\n### Exceptions\n\nNone.\n", "k1"),)


def write(tmp_path: Path, text: str, name: str = "golden.yaml") -> Path:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def complaint(root: Path) -> str:
    with pytest.raises(GoldenError) as caught:
        load(root, ("*.yaml",))
    return caught.value.message


def test_a_good_file_is_read_with_its_lines(tmp_path: Path) -> None:
    window, crypto, hello = load(write(tmp_path, GOOD), ("*.yaml",)).questions
    assert (window.line, crypto.line, hello.line) == (1, 11, 14)
    assert window.relevant == (Relevant("refunds", ("Time limit",), "30 days"),)
    assert window.expected.must_contain == (("30 days", "thirty days"),)
    assert window.critical
    assert not crypto.answerable
    assert hello.kind is QuestionKind.SMALLTALK


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "- id: a\n  question: b\n  relevent: []\n",
            "golden.yaml:3: a: unknown key `relevent`; did you mean `relevant`?",
        ),
        ("- id: a\n  question: b\n", "golden.yaml:1: a: an answerable question needs `relevant`"),
        ("- question: b\n  answerable: false\n", "golden.yaml:1: `id` must be a text"),
        (
            GOOD + "- id: window\n  question: again\n  answerable: false\n",
            "golden.yaml:17: the id window is used twice",
        ),
        ("- id: a\n\tquestion: b\n", "golden.yaml:2: not valid YAML"),
        ("a: b\n", "golden.yaml:1: a list of questions was expected"),
        (
            f"- id: a\n  question: {'x' * 251}\n  answerable: false\n",
            "golden.yaml:2: a: the question has 251 characters",
        ),
        (
            "- id: a\n  question: b\n  answerable: no way\n",
            "golden.yaml:3: a: `answerable` must be true or false",
        ),
        ("- id: a\n  question: b\n  kind: chat\n", "golden.yaml:3: a: `kind` is one of"),
        ("- id: a\n  question: b\n  answerable: false\n  relevant: [{doc: x}]\n", "contradict each other"),
        (
            "- id: a\n  question: b\n  answerable: false\n  kind: followup\n",
            "golden.yaml:4: a: `kind: followup` needs `history`",
        ),
        (
            "- id: a\n  question: b\n  lang: english\n  answerable: false\n",
            "golden.yaml:3: a: `lang` is a code as `en` or `zh`, not 'english'",
        ),
        (
            "- id: a\n  question: b\n  answerable: false\n  tags:\n    - [x, y]\n",
            "golden.yaml:4: a: `tags` is a list of texts",
        ),
        (
            "- id: a\n  question: b\n  answerable: false\n  answer:\n    must_contain: [[]]\n",
            "golden.yaml:5: a: an empty list in `must_contain`",
        ),
        (
            "- {id: a, question: b, answerable: false,\n   answer: {must_contain: c, must_not_contain: c}}\n",
            "golden.yaml:2: a: the answer must and must not contain 'c'",
        ),
        (
            "- id: a\n  question: b\n  answerable: false\n  answer: {must_contain: ['/(/']}\n",
            "golden.yaml:4: a: /(/ is no regular expression",
        ),
        ("- just a text\n", "golden.yaml:1: a question with `id` and `question` was expected"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in complaint(write(tmp_path, text))


def test_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No golden file"):
        load(tmp_path, ("*.yaml",))


def stale_reasons(tmp_path: Path, relevant: str) -> list[str]:
    text = f"- id: a\n  question: b\n  relevant: [{relevant}]\n"
    questions = resolve(load(write(tmp_path, text), ("*.yaml",)), PAGES)
    return [one.reason for one in find_stale(questions, PAGES)]


def test_stale_questions_say_what_is_gone(tmp_path: Path) -> None:
    assert stale_reasons(tmp_path, "{doc: refunds, section: [Time limit], evidence: 30 days}") == []
    assert stale_reasons(tmp_path, "{doc: refunds, section: [time-limit, exceptions]}") == []
    assert stale_reasons(tmp_path, "{doc: refnds}") == [
        "there is no document 'refnds'; the nearest is 'refunds'"
    ]
    assert stale_reasons(tmp_path, "{doc: refunds, section: [Costs]}") == ["refunds has no heading 'Costs'"]
    (gone,) = stale_reasons(tmp_path, "{doc: refunds, evidence: 60 days}")
    assert "no longer says '60 days'" in gone


@pytest.mark.parametrize(
    ("section", "is_covered"),
    [
        ((), True),
        (("Time limit",), True),
        (("Refunds", "Time limit"), True),
        (("TIME  LIMIT",), True),
        (("Exceptions",), True),
        (("Time limit", "Exceptions"), True),
        (("Refunds", "Exceptions"), False),
        (("Refunds",), False),
        (("Limit",), False),
    ],
)
def test_a_heading_path_may_be_shortened_at_its_start(section: tuple[str, ...], is_covered: bool) -> None:
    paths = [("Refunds", "Time limit"), ("Refunds", "Time limit", "Exceptions")]
    assert covers(Relevant("refunds", section), paths) is is_covered


def test_a_part_of_a_long_section_stands_in_it() -> None:
    assert covers(Relevant("d", ("Shipping",)), [("Page", "Shipping", "Zone 3")])


def test_text_stays_as_it_is_written(tmp_path: Path) -> None:
    text = "- id: 0800\n  question: 1.10\n  answerable: false\n  answer: {must_contain: [0800, 6.50]}\n"
    (golden,) = load(write(tmp_path, text), ("*.yaml",)).questions
    assert (golden.id, golden.question) == ("0800", "1.10")
    assert golden.expected.must_contain == (("0800",), ("6.50",))


def test_a_key_that_stands_twice_is_an_error(tmp_path: Path) -> None:
    assert "the key `id` stands twice" in complaint(write(tmp_path, "- id: a\n  id: b\n  question: c\n"))


def test_a_citation_of_a_page_that_is_not_there_is_stale(tmp_path: Path) -> None:
    text = "- id: a\n  question: b\n  relevant: [{doc: refunds}]\n  answer: {cite: [refnds]}\n"
    questions = resolve(load(write(tmp_path, text), ("*.yaml",)), PAGES)
    (stale,) = find_stale(questions, PAGES)
    assert "`cite`: there is no document 'refnds'" in stale.reason


def test_a_changed_question_is_another_question(tmp_path: Path) -> None:
    before = load(write(tmp_path, GOOD), ("*.yaml",))
    after = load(write(tmp_path, GOOD.replace("thirty days", "30 d")), ("*.yaml",))
    assert before.hash != after.hash
    same = load(write(tmp_path, GOOD.replace("tags: [returns]", "tags: [money]")), ("*.yaml",))
    assert before.hash == same.hash


@pytest.mark.parametrize(
    "text",
    [
        "- id: a\x01\n",
        '- id: "\\ud800"\n  question: b\n  answerable: false\n',
        "- " * 3000 + "a\n",
        "- id: &a [*a]\n",
    ],
    ids=["control character", "half a character", "nested", "inside itself"],
)
def test_no_file_is_so_odd_that_it_has_no_sentence(tmp_path: Path, text: str) -> None:
    assert complaint(write(tmp_path, text)).startswith("golden.yaml:1: ")


def test_a_folder_may_be_named_like_a_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "kb [old]"
    folder.mkdir()
    assert len(load(write(folder, GOOD), ("*.yaml",)).questions) == 3


def test_all_that_is_wrong_is_told_at_once_and_what_is_right_is_read(tmp_path: Path) -> None:
    write(tmp_path, "- id: z\n\tquestion: b\n", "b.yaml")
    write(tmp_path, "- id: window\n  question: again\n  answerable: false\n", "z.yaml")
    write(tmp_path, GOOD + "- id: x\n- id: y\n  question: ok\n  answerable: false\n  lang: 7\n")
    questions, problems = check(tmp_path, ("*.yaml",))
    assert [golden.id for golden in questions.questions] == ["window", "crypto", "hello"]
    assert [problem.message.split(": ")[0] for problem in problems] == [
        "b.yaml:2",
        "golden.yaml:17",
        "golden.yaml:21",
        "z.yaml:1",
    ]


def test_a_file_as_windows_writes_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "golden.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert len(load(tmp_path, ("*.yaml",)).questions) == 3
