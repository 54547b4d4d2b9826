"""The improvement queue's pure parts: what asks the same, how topics are made and ranked, what leaves."""

from __future__ import annotations

import csv
import io
import json
import string
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from bridge.improve.export import to_csv, to_jsonl
from bridge.improve.items import Item, Kind
from bridge.improve.rows import items
from bridge.improve.topics import HALF_LIFE, topics
from bridge.store.schema import metadata
from bridge.tables import drafts
from bridge.tables.trace import Subject
from kbtool import page_stub
from kbtool.chunk import split
from kbtool.contradictions import contradictions
from kbtool.errors import GoldenError
from kbtool.evaluate.record import Golden, Relevant
from kbtool.golden import accepting, load
from kbtool.golden.propose import PROPOSED
from kbtool.likeness import ALIKE, RELATED, likeness
from kbtool.model import Document, Page
from kbtool.model import Kind as Form
from kbtool.redact import redact
from tests.improving import Happened

DAY = 86_400.0
NOW = 1000 * DAY

SAME = [
    ("do you ship to Iceland", "Can you ship to Iceland?"),
    ("Do you ship to Iceland?", "shipping to iceland possible?"),
    ("where is my order", "Where's my order [number]?"),
    ("how long does delivery take", "How long is the delivery time?"),
    ("can I change my delivery address", "I need to change the delivery address of my order"),
    ("Can I pay with PayPal?", "do you accept paypal"),
    ("How do I descale my kettle?", "descaling kettle"),
    ("cancel order", "How can I cancel my order?"),
    ("你们发货到冰岛吗", "请问可以发货到冰岛吗？"),
    ("怎么申请退款", "如何申请退款？"),
    ("退款多久到账", "退款什么时候到账"),
    ("订单什么时候发货", "我的订单多久发货"),
]
OTHER = [
    ("do you ship to Iceland", "do you ship to Norway"),
    ("How do I get a refund?", "How do I get an invoice?"),
    ("where is my order", "can I cancel my order"),
    ("change delivery address", "change payment method"),
    ("warranty of the kettle", "descale the kettle"),
    ("how long is the warranty", "how long is the delivery"),
    ("Can I pay with PayPal?", "Can I pay by invoice?"),
    ("你们发货到冰岛吗", "你们发货到挪威吗"),
    ("怎么申请退款", "怎么申请发票"),
    ("订单什么时候发货", "订单怎么取消"),
]


def item(question: str, number: int = 1, at: float = NOW, **more: object) -> Item:
    return replace(Item(Kind.UNANSWERED, 1, number, number, at, question), **more)  # type: ignore[arg-type]


def test_questions_in_other_words_are_alike_and_other_questions_are_not() -> None:
    assert [pair for pair in SAME if likeness(*pair) < ALIKE] == []
    assert [pair for pair in OTHER if likeness(*pair) >= ALIKE] == []


@given(st.text(max_size=60), st.text(max_size=60))
def test_likeness_is_symmetric_bounded_and_whole_of_itself(one: str, other: str) -> None:
    assert likeness(one, other) == likeness(other, one)
    assert 0.0 <= likeness(one, other) <= 1.0 + 1e-9
    assert likeness(one, one) == pytest.approx(1.0)


def test_related_questions_are_one_topic_only_where_the_same_section_is_nearest() -> None:
    pair = ("How do I get a refund?", "I want my money refunded")
    assert RELATED <= likeness(*pair) < ALIKE
    apart = [item(pair[0], 1), item(pair[1], 2)]
    assert len(topics(apart, NOW)) == 2
    (topic,) = topics([replace(one, section="Refunds › Time limit") for one in apart], NOW)
    assert topic.section == "Refunds › Time limit"


def test_what_comes_often_goes_first_and_what_is_old_weighs_less() -> None:
    old = [item("cancel order", number, NOW - 3 * HALF_LIFE) for number in range(1, 6)]
    new = [item("do you ship to Iceland", number) for number in range(6, 8)]
    first, second = topics([*old, *new], NOW)
    assert (first.question, first.times) == ("do you ship to Iceland", 2)
    assert second.times == 5
    assert second.weight == pytest.approx(5 / 8)
    assert topics([*old, *new], NOW - 3 * HALF_LIFE)[0].times == 5


def test_a_topic_shows_the_commonest_wording_and_what_a_person_answered_last() -> None:
    (topic,) = topics(
        [
            item("Can you ship to Iceland?", 1, NOW - 9, human="No."),
            item("do you ship to Iceland", 2, NOW - 5, human="We do now."),
            item("do you ship to Iceland", 3, kind=Kind.EDITED),
        ],
        NOW,
    )
    assert topic.question == "do you ship to Iceland"
    assert topic.human == "We do now."
    assert dict(topic.kinds) == {Kind.EDITED: 1, Kind.UNANSWERED: 2}


ITEMS = st.lists(
    st.builds(
        item,
        st.sampled_from([question for pair in SAME + OTHER for question in pair]),
        st.integers(1, 10**6),
        st.floats(0, NOW),
        section=st.sampled_from(["", "Refunds", "Shipping"]),
    ),
    unique_by=lambda one: one.key,
    max_size=40,
)


@given(ITEMS, st.randoms())
def test_topics_are_a_partition_of_the_items_whatever_their_order(
    items: Sequence[Item], random: Random
) -> None:
    found = topics(items, NOW)
    assert sorted(one.key for topic in found for one in topic.items) == sorted(one.key for one in items)
    assert topics(random.sample(items, len(items)), NOW) == found
    assert [topic.weight for topic in found] == sorted((topic.weight for topic in found), reverse=True)
    assert len({topic.id for topic in found}) == len(found)


NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=12)
EMAILS = st.builds("{}@{}.example".format, NAMES, NAMES)
PHONES = st.from_regex(r"\+49 1[5-7][0-9] [0-9]{7}", fullmatch=True)
ORDERS = st.from_regex(r"[A-Z]{2}-[0-9]{6}", fullmatch=True)
PRIVATE = st.one_of(EMAILS, PHONES, ORDERS)


@given(st.lists(PRIVATE, min_size=8, max_size=8))
def test_no_address_phone_or_order_number_leaves_in_any_column(private: list[str]) -> None:
    question, reason, section, source, answer, human, words, other = (f"see {one} please" for one in private)
    found = topics(
        [
            item(question, 1, reason=reason, section=section, sources=(source,), answer=answer),
            item(other, 2, human=human, words=words, kind=Kind.RATING, rating=1),
        ],
        NOW,
    )
    for text in (to_jsonl(found), to_csv(found)):
        for one in private:
            assert one not in text


@settings(max_examples=20)
@given(st.lists(PRIVATE, min_size=7, max_size=7, unique=True))
def test_no_address_phone_or_order_number_leaves_the_store(private: list[str]) -> None:
    """Wherever it stands there: in a question, a section, a person's answer, a draft, a rating."""
    texts = [f"see {one} please" for one in private]
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        happened = Happened(connection, NOW)
        happened.turn(texts[0], "handoff", "refused", human=texts[1], section=texts[2])
        rated = happened.turn("how much is it", "reply", "answered")
        happened.rated(rated, 1, redact(texts[3]))  # as `tables/ratings.py` keeps it
        subject = Subject("kbtool", 1, 99, 990)
        source = drafts.Source(texts[2])
        drafts.add(
            connection, subject, drafts.Drafted(texts[4], texts[5], "reply", "", sources=(source,)), NOW
        )
        person = Subject("kbtool", 1, 99, 991)
        drafts.answered(connection, person, texts[6], "", 3, NOW)
        found = items(connection, 0.0)
    engine.dispose()
    assert {one.kind for one in found} >= {Kind.UNANSWERED, Kind.RATING}
    assert len(found) == 3
    for text in (repr(found), repr(topics(found, NOW)), to_jsonl(topics(found, NOW))):
        for one in private:
            assert one not in text


@given(st.text(max_size=80))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    assert redact(redact(text)) == redact(text)


def test_the_export_reads_back_and_no_cell_is_a_formula() -> None:
    found = topics(
        [item("=HYPERLINK(1)", 1, answer='say "hi",\nplease'), item("plain", 2, distance=0.25)], NOW
    )
    rows = list(csv.DictReader(io.StringIO(to_csv(found))))
    assert {row["question"] for row in rows} == {"'=HYPERLINK(1)", "plain"}
    lines = [json.loads(line) for line in to_jsonl(found).splitlines()]
    assert {line["question"] for line in lines} == {"=HYPERLINK(1)", "plain"}
    assert {line["distance"] for line in lines} == {None, 0.25}


def page(slug: str, markdown: str) -> Document:
    made = Page(slug, slug, slug.title(), markdown, f"{slug}.md", Form.MARKDOWN)
    return split(made)


COSTS = "## Standard shipping\n\nStandard shipping within the country costs {} and takes three days.\n"


def test_two_sections_of_one_heading_with_other_amounts_contradict_each_other() -> None:
    pages = [page("shipping", COSTS.format("€4.90")), page("orders", COSTS.format("5.90 €"))]
    (found,) = contradictions(pages)
    assert found.heading == "Standard shipping"
    assert {(one.doc, one.says) for one in (found.one, found.other)} == {
        ("shipping", ("4.90 eur",)),
        ("orders", ("5.90 eur",)),
    }


@pytest.mark.parametrize(
    "other",
    [
        COSTS.format("4,90 €"),
        COSTS.format("4.90 €, and is free from 50 €"),
        COSTS.format("nothing"),
        COSTS.format("5.90 €").replace("Standard shipping\n", "Express\n", 1),
        "## Standard shipping\n\nSend us the kettle; the repair of its lid costs you 9.90 €.\n",
        COSTS.format("5.90 £"),
    ],
    ids=["spelled otherwise", "says more", "says none", "another heading", "other words", "another currency"],
)
def test_what_is_no_contradiction(other: str) -> None:
    assert contradictions([page("shipping", COSTS.format("€4.90")), page("orders", other)]) == []


def test_dates_contradict_each_other_too() -> None:
    text = "## Winter closing\n\nOur office and the warehouse are closed from {} on.\n"
    (found,) = contradictions([page("a", text.format("22 December")), page("b", text.format("23 December"))])
    assert (found.one.says, found.other.says) == (("12-22",), ("12-23",))


def proposal(id_: str, question: str = "do you ship to Iceland") -> Golden:
    place = Relevant("help/shipping", ("Countries",))
    return Golden(id_, question, tags=(PROPOSED, "queue"), relevant=(place,))


def test_an_accepted_proposal_is_a_golden_question_and_no_proposal_any_more(tmp_path: Path) -> None:
    queue, golden = tmp_path / "evals" / "proposals" / "queue.yaml", tmp_path / "evals" / "accepted.yaml"
    assert accepting.add(queue, proposal("iceland"), tmp_path)
    assert accepting.add(queue, proposal("norway", "do you ship to Norway"), tmp_path)
    assert not accepting.add(queue, proposal("iceland"), tmp_path)
    queue.write_text(queue.read_text() + "\n# keep this remark\n")
    (moved,) = accepting.accept([queue], golden, ["iceland"], (), tmp_path)
    assert moved.tags == ("queue",)
    (read,) = load(tmp_path, ["evals/*.yaml"]).questions
    assert read.content_hash == proposal("iceland").content_hash
    assert [one.id for one in accepting.read(queue, tmp_path)] == ["norway"]
    assert "# keep this remark" in queue.read_text()
    assert queue.read_text().startswith("# Proposals")


def test_accepting_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    """Killed behind the golden file and before the proposals: done again, the question is there once."""
    queue, golden = tmp_path / "queue.yaml", tmp_path / "golden.yaml"
    accepting.add(queue, proposal("iceland"), tmp_path)
    before = queue.read_text()
    accepting.accept([queue], golden, ["iceland"], (), tmp_path)
    queue.write_text(before)
    standing = load(tmp_path, ["golden.yaml"]).questions
    accepting.accept([queue], golden, ["iceland"], standing, tmp_path)
    assert len(load(tmp_path, ["golden.yaml"]).questions) == 1
    assert accepting.read(queue, tmp_path) == ()


def test_an_id_that_means_something_else_already_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    queue, golden = tmp_path / "queue.yaml", tmp_path / "golden.yaml"
    accepting.add(queue, proposal("iceland"), tmp_path)
    before = queue.read_text()
    other = replace(proposal("iceland", "what is Iceland"), file="a.yaml", line=3)
    with pytest.raises(GoldenError, match=r"stands already in a\.yaml:3"):
        accepting.accept([queue], golden, ["iceland"], [other], tmp_path)
    with pytest.raises(GoldenError, match="No proposal has the id nowhere"):
        accepting.accept([queue], golden, ["nowhere", "iceland"], (), tmp_path)
    assert queue.read_text() == before
    assert not golden.exists()


IDS = st.lists(st.from_regex(r"[a-z]{3,8}", fullmatch=True), unique=True, min_size=1, max_size=6)


@settings(max_examples=30)
@given(IDS, st.data())
def test_accepting_some_leaves_exactly_the_others(ids: list[str], data: st.DataObject) -> None:
    import tempfile

    chosen = data.draw(st.lists(st.sampled_from(ids), unique=True, min_size=1))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for id_ in ids:
            accepting.add(root / "queue.yaml", proposal(id_, f"what is {id_}?"), root)
        accepting.accept([root / "queue.yaml"], root / "golden.yaml", chosen, (), root)
        left = [one.id for one in accepting.read(root / "queue.yaml", root)]
        moved = {one.id for one in load(root, ["golden.yaml"]).questions}
    assert left == [id_ for id_ in ids if id_ not in chosen]
    assert moved == set(chosen)


def test_a_stub_never_takes_the_place_of_a_file(tmp_path: Path) -> None:
    text = page_stub.text_of("do you ship to Iceland?", ["do you", "--> <script>"], "We do.", "2026-11-26")
    first = page_stub.write(tmp_path / "stubs", "do you ship to Iceland?", text)
    first.write_text("mine")
    second = page_stub.write(tmp_path / "stubs", "do you ship to Iceland?", text)
    assert (first.name, second.name) == ("do-you-ship-to-iceland.md", "do-you-ship-to-iceland-2.md")
    assert first.read_text() == "mine"
    assert second.read_text().startswith("# do you ship to Iceland?\n")
    assert second.read_text().count("-->") == 1


@pytest.mark.parametrize("title", ["../../etc/passwd", "///", "", "a" * 500, "发货到冰岛吗？"])
def test_a_stub_stays_in_its_folder_whatever_was_asked(tmp_path: Path, title: str) -> None:
    path = page_stub.write(tmp_path / "stubs", title, "# x\n")
    assert path.parent == tmp_path / "stubs"
    assert path.suffix == ".md"
