"""Looking after golden questions: what they cover, renames that can be followed, what to ask next."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from kbtool.errors import ConfigError, Rejected, Unavailable
from kbtool.evaluate.record import Golden, QuestionKind, Relevant
from kbtool.golden import find_stale, load
from kbtool.golden.mend import apply, mends
from kbtool.golden.propose import PROPOSED, Unanswered, from_customers, from_headings, from_paraphrases
from kbtool.golden.stats import stats
from kbtool.llm import Model, complete
from tests.server import document

LONG = "The parcel leaves our warehouse on the next working day, and you get a mail with its number. " * 2
LIMIT = "## Time limit\n\nYou have 30 days from delivery.\n"
REFUNDS = document("Refunds", f"{LIMIT}\n## Costs\n\n{LONG}\n", "k1")
SHIPPING = document("Shipping", f"## Zones\n\n{LONG}\n\n## Times\n\n{LONG}\n", "k2")
FILE = """\
# Returns, as customers ask.
- id: window
  question: How long do I have?  # the classic
  relevant:
    - doc: {doc}
      section: [{section}]
      evidence: "30 days from delivery"
- id: gone
  question: What is lost?
  relevant:
    - doc: vanished
      evidence: no page says this
"""


def golden_in(folder: Path, doc: str, section: str) -> Path:
    (folder / "golden.yaml").write_text(FILE.format(doc=doc, section=section), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("doc", "section", "why"),
    [
        ("refunds", "Deadline", "the heading was renamed"),
        ("returns-and-refunds", "Time limit", "the page was renamed or moved"),
        ("returns-and-refunds", "Deadline", "the page was renamed or moved"),
    ],
)
def test_a_rename_is_followed_and_written_with_every_comment_kept(tmp_path, doc, section, why):
    root = golden_in(tmp_path, doc, section)
    documents = (REFUNDS, SHIPPING)
    found = mends(find_stale(load(root, ("*.yaml",)), documents), documents)
    assert [(mend.golden.id, mend.why) for mend in found] == [("window", why)]
    apply(found, root)
    text = (root / "golden.yaml").read_text(encoding="utf-8")
    assert text == FILE.format(doc="refunds", section="Time limit")
    assert [one.golden.id for one in find_stale(load(root, ("*.yaml",)), documents)] == ["gone"]


def test_a_page_that_only_moved_is_followed_by_its_name_also_where_it_is_cited(tmp_path):
    text = (
        "- id: costs\n  question: What does it cost?\n  relevant:\n    - doc: old/refunds\n"
        "      section: [Costs]\n  answer: {{cite: [{cited}, shipping]}}\n"
    )
    (tmp_path / "golden.yaml").write_text(text.format(cited="old/refunds"), encoding="utf-8")
    documents = (REFUNDS, SHIPPING)
    apply(mends(find_stale(load(tmp_path, ("*.yaml",)), documents), documents), tmp_path)
    written = (tmp_path / "golden.yaml").read_text(encoding="utf-8")
    assert written == text.replace("old/", "").format(cited="refunds")
    assert find_stale(load(tmp_path, ("*.yaml",)), documents) == ()


def test_a_page_of_that_name_without_the_heading_is_not_it(tmp_path):
    (tmp_path / "golden.yaml").write_text(
        "- id: a\n  question: b\n  relevant: [{doc: old/refunds, section: [Colours]}]\n", encoding="utf-8"
    )
    assert mends(find_stale(load(tmp_path, ("*.yaml",)), (REFUNDS,)), (REFUNDS,)) == ()


def test_what_two_sections_say_is_for_a_person(tmp_path):
    twice = document("Faq", LIMIT, "k3")
    root = golden_in(tmp_path, "returns", "Deadline")
    documents = (REFUNDS, twice)
    assert mends(find_stale(load(root, ("*.yaml",)), documents), documents) == ()


def test_a_page_of_the_same_heading_wins_over_one_that_only_says_it(tmp_path):
    other = document("Faq", "## Short answers\n\nYou have 30 days from delivery.\n", "k3")
    root = golden_in(tmp_path, "returns", "Time limit")
    documents = (REFUNDS, other)
    (found,) = mends(find_stale(load(root, ("*.yaml",)), documents), documents)
    assert found.after == Relevant("refunds", ("Time limit",), "30 days from delivery")


def test_stats_begin_with_the_largest_page_without_a_question():
    questions = [
        Golden("a", "How long?", "en", ("returns",), relevant=(Relevant("refunds", ("Time limit",)),)),
        Golden("b", "Coins?", "en", answerable=False, critical=True),
        Golden("c", "hi", kind=QuestionKind.SMALLTALK, answerable=False),
    ]
    found = stats(questions, (REFUNDS, SHIPPING))
    assert (found.answerable, found.unanswerable, found.smalltalk, found.critical) == (1, 1, 1, 1)
    assert found.languages == (("en", 2), ("–", 1))
    assert [(d.slug, d.questions, d.asked, d.sections) for d in found.documents] == [
        ("shipping", 0, 0, 2),
        ("refunds", 1, 1, 2),
    ]
    assert found.covered == 1


def test_headings_without_a_question_are_proposed_pages_without_any_first():
    questions = [Golden("a", "How long?", relevant=(Relevant("refunds", ("Time limit",)),))]
    proposed = from_headings(questions, (REFUNDS, SHIPPING), most=10)
    assert [golden.question for golden in proposed] == ["Zones", "Times", "Costs"]
    assert all(golden.tags == (PROPOSED,) for golden in proposed)
    assert from_headings([*questions, *proposed], (REFUNDS, SHIPPING), most=10) == ()
    assert len(from_headings(questions, (REFUNDS, SHIPPING), most=1)) == 1


def test_what_customers_asked_most_comes_first_and_without_what_points_to_them():
    questions = [Golden("a", "How long do I have?", relevant=(Relevant("refunds"),))]
    proposed = from_customers(
        questions,
        [
            Unanswered("where is FB-204418"),
            Unanswered("Where is FB-991122", 3),
            Unanswered("how long do I have?", 9),
            Unanswered("x" * 300, 9),
            Unanswered("mail me: ann@a.example", 2),
        ],
        most=5,
    )
    assert [(golden.question, golden.tags[1]) for golden in proposed] == [
        ("Where is [number]", "asked-4-times"),
        ("mail me: [email]", "asked-2-times"),
    ]


def test_a_paraphrase_keeps_the_source_and_is_never_critical():
    original = Golden("a", "How long?", "en", ("returns",), critical=True, relevant=(Relevant("refunds"),))
    (new,) = from_paraphrases([original], {"a": ["until when can i", "How  long?", ""]})
    assert new.relevant == original.relevant
    assert new.tags == ("returns", "paraphrase", PROPOSED)
    assert not new.critical


async def _nothing(seconds: float) -> None:
    """No pause in a test."""


def ask(*answers: httpx.Response) -> tuple[str, list[dict[str, object]]]:
    """What `complete` makes of these answers, one after the other, and what it sent."""
    sent: list[dict[str, object]] = []
    left = list(answers)

    def respond(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return left.pop(0)

    async def go() -> str:
        async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
            model = Model("http://model.example/v1/", "small", "very-secret")
            return await complete(model, [("user", "hello")], http, sleep=_nothing)

    return asyncio.run(go()), sent


def said(text: str) -> httpx.Response:
    return httpx.Response(200, json={"choices": [{"message": {"content": text}}]})


def test_a_model_that_is_busy_is_asked_again():
    text, sent = ask(httpx.Response(429), httpx.Response(503), said("hi"))
    assert text == "hi"
    assert len(sent) == 3
    assert sent[0]["temperature"] == 0


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([httpx.Response(401)], ConfigError),
        ([httpx.Response(400)], Rejected),
        ([httpx.Response(500)] * 4, Unavailable),
    ],
)
def test_a_model_that_refuses_is_one_sentence_without_the_key(answers, error):
    with pytest.raises(error) as caught:
        ask(*answers)
    assert "very-secret" not in str(caught.value)
