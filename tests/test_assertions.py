"""What counts as said, and which check an answer fails."""

from __future__ import annotations

import pytest

from kbtool.errors import GoldenError
from kbtool.evaluate.assertions import checks, first_failure, says
from kbtool.evaluate.record import Expected, Found, Golden, Relevant, Reply
from kbtool.golden import load
from kbtool.writing import is_written_in

SOURCE = Found("refunds", (("Refunds", "Time limit"),), 0.8, "You have 30 days. The label costs EUR 6.50.")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("You have 30 days.", "30 days"),
        ("a 30-day window", "30 days"),
        ("within 30days", "30 day"),
        ("It holds 1.7 L", "1.7l"),
        ("Heat it to 60 °C", "60°C"),
        ("costs €4.90 each", "EUR 4.90"),
        ("kostet 4,90 €", "EUR 4.90"),
        ("on 5 March 2026", "2026-03-05"),
        ("您有30天时间", "30 天"),
        ("ＥＵＲ　60", "eur 60"),
        ("the code is E-07", "/e-?07/"),
        ("don’t immerse it", "don't immerse"),
        ("It draws 1,500 watts", "1500 W"),
        ("Er zieht 1 500 W", "1500 watts"),
        ("Fasst 1,7 Liter", "1.7 l"),
        ("Wait two minutes, then 2 hours", "2 h"),
        ("Heat it to 60 degrees Celsius", "60 °C"),
        ("加热到60摄氏度", "60℃"),
        ("保修3年", "3 years"),
        ("等待 5 分钟", "5 min"),
    ],
)
def test_it_is_said_in_whatever_spelling(answer, text):
    assert says(answer, text)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("You have 300 days.", "30 days"),
        ("You have 130 days.", "30 days"),
        ("It costs 16.50", "6.50"),
        ("Press 1.5", "press 1"),
        ("You have 60 days.", "30 days"),
        ("costs €4.95", "EUR 4.90"),
        ("costs €60 in all", "free from EUR 60"),
        ("the code is E107", "/e-?07/"),
        ("on 6 March 2026", "2026-03-05"),
        ("Heat it by 30 degrees", "30 days"),
        ("It draws 11,500 watts", "1500 W"),
        ("保修3年", "3 months"),
    ],
)
def test_another_number_is_not_it(answer, text):
    assert not says(answer, text)


def golden(**expected: object) -> Golden:
    return Golden(
        "a",
        "How long?",
        "en",
        relevant=(Relevant("refunds", ("Time limit",)),),
        expected=Expected(**expected),  # type: ignore[arg-type]  # each test gives what its field takes
    )


def failure(question: Golden, answer: str, cited: tuple[Found, ...] = (SOURCE,)) -> str:
    reply = Reply("a", "", retrieved=(SOURCE,), answer=answer, cited=cited)
    return first_failure(checks(question, reply))


@pytest.mark.parametrize(
    ("question", "answer", "why"),
    [
        (golden(must_contain=(("30 days", "a month"),)), "You have a month.", ""),
        (
            golden(must_contain=(("30 days", "a month"),)),
            "You have time.",
            "does not say '30 days' or 'a month'",
        ),
        (golden(must_not_contain=("60 days",)), "Not 60 days.", "says '60 days'"),
        (golden(cite=("shipping",)), "You have 30 days.", "does not cite shipping"),
        (golden(), "The label costs EUR 9.99.", "says 9.99 eur, which no source that it cites says"),
        (golden(), "您有三十天时间。", "is not in the language of the question (en)"),
        (golden(), "You have 30 days. The label costs €6.50.", ""),
    ],
)
def test_the_first_check_that_fails_says_why(question, answer, why):
    assert failure(question, answer) == why


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("You have 30 days [1].", ""),
        ("You have 30 days [2].", "cites [2], and has 1 sources"),
        ("You have 30 days【3†refunds】.", "cites 【3†refunds】, and has 1 sources"),
        ("You have 30 days[^0]. See also [12].", "cites [^0], [12], and has 1 sources"),
        ("Pick an item of [a list].", ""),
    ],
)
def test_a_footnote_without_a_source_is_invented(answer, why):
    assert failure(golden(), answer) == why


def test_what_the_page_itself_writes_in_brackets_is_no_footnote():
    telephone = Found("refunds", (("Refunds", "Time limit"),), 0.8, "Press [9] for returns.")
    assert failure(golden(), "Press [9].", (telephone,)) == ""


@pytest.mark.parametrize(
    ("answer", "language", "is_held"),
    [
        ("You have a month.", "en", True),
        ("您有一个月时间。", "en", False),
        ("请在 Fennbrook One App 的 Settings 里打开 Wi-Fi 开关，然后等待指示灯变蓝", "zh", True),
        ("Please open the settings.", "zh-TW", False),
        ("30日以内に返品できます。", "zh", False),
        ("30日以内に返品できます。", "ja", True),
        ("30일 이내에 반품할 수 있습니다.", "ja", False),
        ("30일 이내에 반품할 수 있습니다.", "ko-KR", True),
        ("У вас есть 30 дней.", "ru", True),
        ("You have a month.", "ru", False),
        ("Sie haben einen Monat.", "de", True),
        ("30", "zh", True),
        ("", "zh", True),
        ("anything", "xx", True),
    ],
)
def test_an_answer_is_in_the_script_of_the_question_s_language(answer, language, is_held):
    assert is_written_in(answer, language) is is_held


def test_an_answer_from_another_page_is_wrong_whatever_it_says():
    other = Found("shipping", (("Shipping",),), 0.9, "30 days")
    assert failure(golden(), "You have 30 days.", (other,)) == "cites no relevant source"


def test_a_page_that_the_dataset_does_not_return_is_shown_and_does_not_count():
    other = Found("another-dataset", (("Faq",),), 0.1, "Faq")
    reply = Reply("a", "", retrieved=(SOURCE,), answer="You have 30 days.", cited=(SOURCE, other))
    found = {check.kind: check for check in checks(golden(), reply)}
    assert not found["retrieved"].is_held
    assert first_failure(tuple(found.values())) == ""


def test_a_pattern_that_takes_for_ever_is_not_said():
    assert not says("a" * 5000 + "!", "/(a|aa)+$/")


def test_a_pattern_that_is_none_is_named_with_its_line(tmp_path):
    (tmp_path / "g.yaml").write_text(
        "- id: a\n  question: b\n  answerable: false\n  answer: {must_not_contain: ['/(x/']}\n",
        encoding="utf-8",
    )
    with pytest.raises(GoldenError, match=r"g.yaml:4: a: /\(x/ is no regular expression"):
        load(tmp_path, ("*.yaml",))
