"""The judge: what of its words counts, that it is asked once, and that nobody believes it for nothing."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kbtool.config import load
from kbtool.errors import ConfigError, ExportError
from kbtool.evaluate.record import (
    Check,
    Expected,
    Found,
    Golden,
    Outcome,
    QuestionKind,
    Relevant,
    Reply,
    Result,
)
from kbtool.judge.agreement import agreement
from kbtool.judge.asking import Cache, Judge, Judgement
from kbtool.judge.criteria import Criterion, Material, Opinion, cache_key, material_of, parse, series
from kbtool.judge.labels import Label, add_label, read_labels
from kbtool.judge.verdicts import Judged, judge_run, read_judged, standings, with_opinions, write_judged
from kbtool.llm import Model
from tests.judging import Endpoint, fair, verdicts
from tests.judging import Reply as Says
from tests.server import run, served

MATERIAL = Material(
    question="How long do I have?",
    answer="You have **30 days** from delivery. The label costs EUR 6.50.",
    sources=("Refunds\nYou have 30 days from delivery.", "The label costs EUR 6.50."),
    expected=("30 days from delivery",),
)
REFUSAL = Material(question="Coins?", answer="I can't find this in the help pages.", answerable=False)


@pytest.mark.parametrize(
    "reply",
    [
        verdicts(("complete", True, "You have 30 days"), ("faithful", True, "The label costs EUR 6.50")),
        verdicts(("complete", True, "30 days … EUR 6.50"), ("faithful", False, "label costs eur  6.50")),
        "Here it is:\n```json\n"
        + verdicts(("complete", False, "30 days from delivery"), ("faithful", True, "30 days from delivery."))
        + "\n```",
    ],
    ids=["plain", "an ellipsis, and other spelling", "in a fence"],
)
def test_a_quotation_from_the_right_place_proves_a_verdict(reply: str) -> None:
    assert [opinion.criterion for opinion in parse(reply, MATERIAL)] == ["complete", "faithful"]


GOOD = ("faithful", True, "The label costs EUR 6.50")


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("It is fine.", "not JSON"),
        ('{"verdicts": 7}', "not a list"),
        ('{"verdicts": [7]}', "needs `criterion`"),
        (verdicts(GOOD), "no verdict on complete"),
        (verdicts(GOOD, GOOD), "two verdicts"),
        (verdicts(GOOD, ("polite", True, "You have")), "needs `criterion`"),
        ('{"verdicts": [{"criterion": "complete", "holds": "yes", "quote": "30 days"}]}', "true or false"),
        (verdicts(GOOD, ("complete", True, "You have 60 days")), "does not stand in `answer`"),
        (verdicts(GOOD, ("complete", False, "The label costs")), "does not stand in `expected`"),
        (verdicts(GOOD, ("complete", True, "days")), "does not stand in `answer`"),
        (verdicts(GOOD, ("complete", True, "")), "does not stand in `answer`"),
        (verdicts(GOOD, ("complete", True, "EUR 6.50 … 30 days")), "does not stand in `answer`"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_anything_less_is_no_verdict(reply: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(reply, MATERIAL)


@given(st.text(max_size=200))
def test_any_reply_is_opinions_or_a_reason(text: str) -> None:
    with suppress(ValueError):
        assert parse(text, REFUSAL)


def test_another_model_prompt_or_material_is_another_key() -> None:
    others = [
        replace(MATERIAL, question="?"),
        replace(MATERIAL, answer="."),
        replace(MATERIAL, sources=()),
        replace(MATERIAL, expected=()),
        replace(MATERIAL, history=("hi",)),
    ]
    keys = {cache_key("a", MATERIAL), cache_key("b", MATERIAL), *(cache_key("a", one) for one in others)}
    assert len(keys) == 7
    assert series("a") != series("b")


GOLDEN = Golden(
    "window",
    "How long do I have?",
    relevant=(Relevant("refunds", ("Limit",), "30 days from delivery"),),
    expected=Expected(must_contain=(("30 days", "thirty days"), ("/6[.,]50/",))),
)


def result(golden: Golden = GOLDEN, answer: str | None = MATERIAL.answer, error: str = "") -> Result:
    cited = tuple(Found("refunds", (("Refunds", "Limit"),), 0.8, text) for text in MATERIAL.sources)
    reply = Reply(golden.id, golden.content_hash, answer=answer, cited=cited, error=error)
    return Result(golden, reply, Outcome.PASS, "", is_correct=golden.answerable)


def test_what_is_judged_is_the_answer_and_what_it_is_held_against() -> None:
    material = material_of(result())
    assert material is not None
    assert material.expected == ("30 days from delivery", "30 days or thirty days")
    assert material.criteria == (Criterion.COMPLETE, Criterion.FAITHFUL)
    coins = material_of(result(Golden("coins", "Coins?", answerable=False)))
    assert coins is not None
    assert coins.criteria == (Criterion.REFUSES,)
    assert material_of(result(Golden("hi", "hi", kind=QuestionKind.SMALLTALK, answerable=False))) is None
    assert material_of(result(error="down")) is None
    assert material_of(result(answer=None)) is None


async def _no_sleep(_: float) -> None:
    """No pause in a test."""


async def judged(
    says: Says, folder: Path, *materials: Material, model: str = "m"
) -> tuple[dict[str, Judgement], Endpoint]:
    endpoint = Endpoint(says)
    async with served(endpoint.app) as address, httpx.AsyncClient() as http:
        with Cache.open(folder / "judge.sqlite") as cache:
            judge = Judge(Model(f"{address}/v1", model, "very-secret"), cache, http, 2, sleep=_no_sleep)
            return await judge.judge(materials), endpoint


def test_an_answer_is_judged_once_and_by_another_model_once_more(tmp_path: Path) -> None:
    first, endpoint = run(judged(fair, tmp_path, MATERIAL, REFUSAL, MATERIAL))
    assert [body["temperature"] for body in endpoint.asked] == [0, 0]
    assert all(judgement.opinions for judgement in first.values())
    again, silent = run(judged(fair, tmp_path, MATERIAL, REFUSAL))
    assert (again, silent.asked) == (first, [])
    _, other = run(judged(fair, tmp_path, MATERIAL, model="another"))
    assert len(other.asked) == 1


def test_what_cannot_be_used_is_repaired_once_and_then_an_error(tmp_path: Path) -> None:
    said = iter(["fine", ""])

    def mends(material: dict[str, Any]) -> str:
        return next(said) or fair(material)

    mended, endpoint = run(judged(mends, tmp_path, MATERIAL))
    assert mended[MATERIAL.key].opinions
    roles = [message["role"] for message in endpoint.asked[1]["messages"]]
    assert roles == ["system", "user", "assistant", "user"]

    def never(_: dict[str, Any]) -> str:
        return verdicts(("refuses", True, "words that nobody said"))

    broken, stubborn = run(judged(never, tmp_path, REFUSAL))
    assert len(stubborn.asked) == 2
    assert broken[REFUSAL.key].opinions == ()
    assert "does not stand in `answer`" in broken[REFUSAL.key].error
    healed, _ = run(judged(fair, tmp_path, REFUSAL))
    assert healed[REFUSAL.key].opinions  # an error is not kept


@pytest.mark.parametrize(("status", "said"), [(401, "refused the key"), (400, "answered 400"), (503, "503")])
def test_an_endpoint_that_refuses_is_an_error_of_the_answers_and_left_alone_soon(
    tmp_path: Path, status: int, said: str
) -> None:
    many = [replace(REFUSAL, question=f"Coins {i}?") for i in range(30)]
    found, endpoint = run(judged(lambda _: status, tmp_path, *many))
    assert len(found) == 30
    assert not any(one.opinions for one in found.values())
    assert said in next(iter(found.values())).error
    assert not any("very-secret" in one.error for one in found.values())
    assert len(endpoint.asked) <= 6 * 4


counts = st.integers(0, 60)


def agreed(both: int, neither: int, person: int, judge: int) -> list[tuple[bool, bool]]:
    cells = [(True, True)] * both + [(False, False)] * neither
    return cells + [(True, False)] * person + [(False, True)] * judge


@settings(deadline=None, max_examples=40)
@given(counts, counts, counts, counts)
def test_kappa_is_cohens_and_does_not_mind_who_is_who(
    both: int, neither: int, person: int, judge: int
) -> None:
    found = agreement(Criterion.COMPLETE, agreed(both, neither, person, judge))
    turned = agreement(Criterion.COMPLETE, agreed(both, neither, judge, person))
    assert found.n == both + neither + person + judge
    assert found.kappa == pytest.approx(turned.kappa) if found.kappa is not None else turned.kappa is None
    if found.kappa is None or found.interval is None or found.raw is None:
        assert not found.is_trusted
        return
    says_yes = (both + person) / found.n, (both + judge) / found.n
    chance = says_yes[0] * says_yes[1] + (1 - says_yes[0]) * (1 - says_yes[1])
    assert found.kappa == pytest.approx((found.raw - chance) / (1 - chance))
    assert found.interval[0] <= found.interval[1]
    assert found.is_trusted == (found.n >= 50 and found.kappa >= 0.6)


def test_kappa_of_the_textbook() -> None:
    """Fleiss, Levin and Paik (2003), and every textbook since: 20 and 15 agreed, 5 and 10 not: 0.40."""
    found = agreement(Criterion.COMPLETE, agreed(20, 15, 5, 10))
    assert found.kappa == pytest.approx(0.4)
    assert found.interval == pytest.approx((0.15, 0.64), abs=0.03)
    assert "agrees with people on 70% of 50 (20 both yes, 15 both no, 5 only the person" in found.sentence
    assert "does not count" in found.sentence


@pytest.mark.parametrize(
    ("cells", "is_trusted"),
    [((25, 15, 5, 5), False), ((25, 24, 1, 0), True), ((24, 24, 1, 0), False), ((60, 0, 0, 0), False)],
    ids=["too little agreement", "enough", "one label too few", "only yes, which chance would say too"],
)
def test_a_judge_counts_from_50_labels_and_kappa_six_tenths(cells: tuple[int, ...], is_trusted: bool) -> None:
    assert agreement(Criterion.COMPLETE, agreed(*cells)).is_trusted is is_trusted


def label(material: Material, at: str = "2026-03-02", **holds: bool) -> Label:
    return Label("a", "run", at, material, {Criterion(name): held for name, held in holds.items()})


def test_labels_are_only_added_and_the_last_one_counts(tmp_path: Path) -> None:
    path = tmp_path / "evals" / "labels.jsonl"
    add_label(path, label(MATERIAL, complete=True))
    add_label(path, label(REFUSAL, refuses=False))
    before = path.read_bytes()
    add_label(path, label(MATERIAL, complete=False, faithful=True))
    assert path.read_bytes().startswith(before)
    found = read_labels(path)
    assert found[MATERIAL.key].holds == {Criterion.COMPLETE: False, Criterion.FAITHFUL: True}
    assert found[MATERIAL.key].material == MATERIAL
    path.write_bytes(path.read_bytes() + b'{"id": "hal')
    assert read_labels(path) == found
    add_label(path, label(replace(MATERIAL, question="Another?"), complete=True))
    assert len(read_labels(path)) == 3
    path.write_bytes(b"{}\n" + path.read_bytes())
    with pytest.raises(ExportError, match=r"labels\.jsonl:1: not a label"):
        read_labels(path)


def opinions(**holds: bool) -> tuple[Opinion, ...]:
    return tuple(Opinion(Criterion(name), held, "x") for name, held in holds.items())


def judged_as(trusted: bool, **holds: bool) -> Judged:
    material = material_of(result())
    assert material is not None
    cells = (30, 30, 0, 0) if trusted else (3, 3, 0, 0)
    agreements = tuple(agreement(criterion, agreed(*cells)) for criterion in Criterion)
    return Judged("m", series("m"), agreements, {material.key: Judgement(material.key, opinions(**holds))})


@pytest.mark.parametrize(
    ("trusted", "faithful", "is_correct"),
    [(False, False, True), (True, False, False), (True, True, True)],
    ids=["not trusted: shown, not counted", "trusted: counted", "trusted and content"],
)
def test_a_judge_makes_an_answer_wrong_only_once_it_is_trusted(
    trusted: bool, faithful: bool, is_correct: bool
) -> None:
    (found,) = with_opinions([result()], judged_as(trusted, complete=True, faithful=faithful))
    assert found.is_correct is is_correct
    assert found.outcome is Outcome.PASS  # the headline is what was found, whatever a judge says
    said = {check.kind: check for check in found.checks}
    assert said["judge:faithful"].is_held is faithful
    assert said["judge:faithful"].counts is trusted
    assert isinstance(said["judge:complete"], Check)


def test_an_opinion_on_another_answer_is_no_opinion_on_this_one() -> None:
    other = result(answer="You have 60 days from delivery.")
    assert with_opinions([other], judged_as(True, faithful=False)) == (other,)


def test_an_error_lowers_no_score() -> None:
    material = material_of(result())
    assert material is not None
    broken = replace(judged_as(True), judgements={material.key: Judgement(material.key, error="down")})
    assert with_opinions([result()], broken) == (result(),)
    complete, faithful = standings([result()], broken)
    assert (complete.held.n, complete.held.value, complete.errors) == (0, None, 1)
    assert "1 without a verdict" in faithful.sentence


def test_a_run_keeps_what_was_said_of_it_and_how_far_it_was_believed(tmp_path: Path) -> None:
    labels = {}
    for i in range(60):
        material = replace(
            MATERIAL, question=f"How long, {i}?", expected=(), answer=f"{i}: {MATERIAL.answer}"
        )
        labels[material.key] = label(material, faithful=i % 3 > 0)

    def agrees(material: dict[str, Any]) -> str:
        number = "".join(sign for sign in material["question"] if sign.isdigit())
        holds = int(number or 1) % 3 > 0
        quote = "You have 30 days from delivery"
        return verdicts(
            *(
                (one["criterion"], holds, quote if holds else "30 days from delivery")
                for one in material["criteria"]
            )
        )

    async def scenario() -> Judged:
        endpoint = Endpoint(agrees)
        async with served(endpoint.app) as address, httpx.AsyncClient() as http:
            with Cache.open(tmp_path / "judge.sqlite") as cache:
                judge = Judge(Model(f"{address}/v1", "m", ""), cache, http)
                return await judge_run([result()], labels, judge)

    found = run(scenario())
    assert found.trusted == {Criterion.FAITHFUL}
    assert len(found.judgements) == 1  # of the run's own answers only
    write_judged(tmp_path, found)
    assert read_judged(tmp_path) == found
    (tmp_path / "judge.json").write_text('{"model": "m"}', encoding="utf-8")
    with pytest.raises(ExportError, match="not what a judge said"):
        read_judged(tmp_path)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('base_url = "http://localhost:1/v1"', "both or neither"),
        ('model = "m"', "both or neither"),
        ('base_url = "http://me:secret@host/v1"\nmodel = "m"', "without user name and password"),
        ('base_url = "localhost"\nmodel = "m"', "should begin with http://"),
        ('url = "http://localhost"', "unknown key `url`"),
        ('base_url = "http://a.test/v1"\nmodel = "m"\nconcurrency = 0', "concurrency"),
    ],
)
def test_half_a_judge_is_a_mistake_of_the_config(tmp_path: Path, table: str, message: str) -> None:
    (tmp_path / "kb.toml").write_text(f"[judge]\n{table}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        load(tmp_path / "kb.toml")
    assert "secret" not in str(caught.value)


def test_a_cache_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "judge.sqlite").write_text("not a database" * 100, encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be used"), Cache.open(tmp_path / "judge.sqlite"):
        pass
