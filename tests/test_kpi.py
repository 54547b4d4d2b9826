"""Key figures: what a matter is, and what each figure counts of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.config.people import Kpi
from kbtool.evaluate.metrics import Rate
from kbtool.kpi import alarm
from kbtool.kpi.definitions import BY_NAME, DEFINITIONS
from kbtool.kpi.figures import Figure, Figures, figures, percentile
from kbtool.kpi.matters import QUIET, Matter, matters
from kbtool.kpi.rows import By, Closed, Decided, Drafted, Fate, Rated, Rows, Said, Spent

_Row = TypeVar("_Row")
HOUR = 3600.0
DAY = 24 * HOUR
FIRST, SECOND = (1, 7), (1, 8)


def customer(number: int, at: float, conversation: tuple[int, int] = FIRST, contact: int = 5) -> Said:
    return Said(conversation, number, at, By.CUSTOMER, contact)


def ai(number: int, at: float, conversation: tuple[int, int] = FIRST) -> Said:
    return Said(conversation, number, at, By.AI)


def person(number: int, at: float, conversation: tuple[int, int] = FIRST) -> Said:
    return Said(conversation, number, at, By.PERSON)


def decided(
    message: int, action: str = "reply", reason: str = "answered", of: tuple[int, int] = FIRST
) -> Decided:
    return Decided(of, message, 0.0, action, reason)


def of(rows: Rows, until: float = 40 * DAY) -> Figures:
    return figures(rows, 0.0, until)


ANSWERED = Rows(said=[customer(1, 0.0), ai(2, 4.0)], decided=[decided(1)])


def test_what_the_ai_answered_and_nobody_asked_again_is_deflected() -> None:
    found = of(ANSWERED)
    assert found["deflection"] == Figure("deflection", 1.0, 1, 1)
    assert found["return_24h"] == Figure("return_24h", 0.0, 1, 0)
    assert found["first_response_ai_p50"].value == 4.0


def test_it_is_settled_only_when_a_day_has_passed_since_its_end() -> None:
    assert figures(ANSWERED, 0.0, 4.0 + QUIET - 1)["deflection"].value is None
    assert figures(ANSWERED, 0.0, 4.0 + QUIET)["deflection"].value == 1.0


def test_a_contact_who_comes_back_within_a_day_in_another_conversation_takes_the_deflection_away() -> None:
    again = replace(
        ANSWERED,
        said=[*ANSWERED.said, customer(3, DAY, SECOND), ai(4, DAY + 1, SECOND)],
        decided=[decided(1), decided(3, of=SECOND)],
    )
    found = of(again)
    assert (found["return_24h"].hits, found["return_24h"].n) == (1, 2)
    assert (found["deflection"].hits, found["deflection"].n) == (1, 2)


def test_thanks_are_no_coming_back_and_no_matter_of_their_own() -> None:
    thanks = replace(
        ANSWERED,
        said=[*ANSWERED.said, customer(3, HOUR), ai(4, HOUR + 1)],
        decided=[decided(1), decided(3, "smalltalk", "smalltalk")],
        closed=[Closed(FIRST, 60.0)],
    )
    found = of(thanks)
    assert found.matters == 1
    assert found["return_24h"].value == 0.0
    assert found["deflection"].value == 1.0


def test_a_closed_conversation_that_goes_on_is_another_matter_and_a_return() -> None:
    reopened = replace(
        ANSWERED,
        said=[*ANSWERED.said, customer(3, HOUR), ai(4, HOUR + 1)],
        decided=[decided(1), decided(3)],
        closed=[Closed(FIRST, 60.0), Closed(FIRST, 2 * HOUR)],
    )
    first, second = matters(reopened)
    assert (first.ended, second.begun, second.ended) == (60.0, HOUR, 2 * HOUR)
    assert of(reopened)["return_24h"].hits == 1


def test_who_never_closes_begins_a_new_matter_after_a_day_of_silence() -> None:
    later = replace(ANSWERED, said=[*ANSWERED.said, customer(3, 4.0 + QUIET + 1)], decided=[decided(1)])
    assert len(matters(later)) == 2
    sooner = replace(ANSWERED, said=[*ANSWERED.said, customer(3, 4.0 + QUIET)], decided=[decided(1)])
    assert len(matters(sooner)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"said": [*ANSWERED.said, person(3, 60.0)]},
        {"decided": [decided(1), decided(2, "handoff", "refused")]},
        {"decided": []},
        {"decided": [decided(1, "clarify", "below_threshold")]},
        {"said": [customer(1, 0.0)]},
    ],
    ids=["a person wrote", "handed off", "the AI was not asked", "only asked back", "only drafted"],
)
def test_what_is_no_deflection(change: dict[str, Sequence[object]]) -> None:
    assert of(replace(ANSWERED, **change))["deflection"].value == 0.0  # type: ignore[arg-type]


def test_people_are_timed_from_the_message_that_was_handed_off() -> None:
    rows = Rows(
        said=[customer(1, 0.0), ai(2, 4.0), customer(3, 100.0), person(4, 400.0)],
        decided=[decided(1), decided(3, "handoff", "asked_for_person")],
    )
    assert of(rows)["first_response_human_p50"].value == 300.0
    unasked = Rows(said=[customer(1, 0.0), person(4, 400.0)])
    assert of(unasked)["first_response_human_p50"].value == 400.0


def test_handoffs_are_counted_once_a_matter_by_their_first_reason() -> None:
    rows = Rows(
        said=[customer(1, 0.0), customer(2, 5.0), customer(3, 0.0, SECOND), customer(4, 0.0, (1, 9))],
        decided=[
            decided(1, "handoff", "no_sources"),
            decided(2, "handoff", "refused"),
            decided(3, of=SECOND),
            decided(4, "handoff", "taken_over", of=(1, 9)),
        ],
    )
    found = of(rows)
    assert (found["handoff"].hits, found["handoff"].n) == (1, 3)
    assert found.reasons == {"no_sources": 1}
    assert found.waiting == 1


def test_csat_is_of_what_the_ai_answered_alone() -> None:
    rows = replace(ANSWERED, closed=[Closed(FIRST, 60.0)], rated=[Rated(FIRST, 61.0, 4)])
    assert of(rows)["csat"] == Figure("csat", 1.0, 1, 1)
    helped = replace(rows, said=[*rows.said, person(3, 10.0)])
    assert of(helped)["csat"].value is None


def test_a_rating_belongs_to_the_matter_that_was_closed_before_it() -> None:
    rows = Rows(
        said=[customer(1, 0.0), ai(2, 1.0), customer(3, HOUR), person(4, HOUR + 9)],
        decided=[decided(1), decided(3, "handoff", "refused")],
        closed=[Closed(FIRST, 60.0)],
        rated=[Rated(FIRST, 61.0, 5)],
    )
    assert [one.ratings for one in matters(rows)] == [(5,), ()]


def test_cost_that_dify_does_not_tell_is_unknown_and_never_zero() -> None:
    unpriced = Spent("2026-11", conversations=3, answers=4, unpriced=4)
    assert of(Rows(spent=unpriced))["cost"].value is None
    partly = replace(unpriced, unpriced=1, money={"USD": 0.6})
    cost = of(Rows(spent=partly))["cost"]
    assert cost.value == pytest.approx(0.2)
    assert cost.is_least
    assert cost.is_met(0.5) is None  # it may be more
    assert cost.is_met(0.1) is False
    assert not of(Rows(spent=replace(partly, unpriced=0)))["cost"].is_least


def test_a_draft_is_accepted_as_it_was_or_edited() -> None:
    fates = [Fate.SENT, Fate.SENT, Fate.EDITED, Fate.DISCARDED, Fate.OTHER]
    found = of(Rows(drafted=[Drafted(1.0, fate) for fate in fates]))
    assert (found["draft_acceptance"].hits, found["draft_acceptance"].n) == (3, 5)
    assert found.fates == {"sent": 2, "edited": 1, "discarded": 1, "other": 1}


def test_figures_over_nothing_have_no_value_and_meet_no_target() -> None:
    found = of(Rows())
    assert [one.value for one in found.figures] == [None] * len(DEFINITIONS)
    assert {one.is_met(0.5) for one in found.figures} == {None}


def test_every_figure_can_have_a_target_in_kb_toml() -> None:
    assert set(Kpi.model_fields) - {"days", "rating_alert"} == set(BY_NAME)
    assert Kpi(deflection=0.4).targets == {"deflection": 0.4}


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.9]))
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(
    values: list[float], share: float
) -> None:
    found = percentile(values, share)
    assert found in values
    assert found is not None
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


SAID = st.builds(
    Said,
    st.sampled_from([FIRST, SECOND, (2, 7)]),
    st.integers(1, 30),
    st.floats(0, 9 * DAY),
    st.sampled_from(By),
    st.sampled_from([0, 5, 6]),
)
ROWS = st.builds(
    Rows,
    st.lists(SAID, unique_by=lambda one: one.id),
    st.lists(st.builds(Decided, st.just(FIRST), st.integers(1, 30), st.just(0.0),
                       st.sampled_from(["reply", "handoff", "clarify", "smalltalk"]), st.just("refused")),
             unique_by=lambda one: one.message),
    st.lists(st.builds(Closed, st.sampled_from([FIRST, SECOND]), st.floats(0, 9 * DAY))),
    st.lists(st.builds(Rated, st.sampled_from([FIRST, SECOND]), st.floats(0, 9 * DAY), st.integers(1, 5))),
)  # fmt: skip


@given(ROWS, st.randoms())
def test_figures_do_not_depend_on_the_order_of_rows_nor_on_repetition(rows: Rows, random: Random) -> None:
    said = [*mixed(rows.said, random), *rows.said]
    again = Rows(said, mixed(rows.decided, random), mixed(rows.closed, random), rows.rated)
    assert of(rows) == of(again)


def mixed(rows: Sequence[_Row], random: Random) -> list[_Row]:
    return random.sample(rows, len(rows))


@given(ROWS)
def test_a_share_is_of_no_more_than_there_is_and_deflection_never_counts_what_came_back(rows: Rows) -> None:
    found = of(rows)
    for one in found.figures:
        if one.hits is not None:
            assert 0 <= one.hits <= one.n
    settled = found["deflection"]
    assert (settled.hits or 0) <= found["return_24h"].n - (found["return_24h"].hits or 0)
    assert settled.n <= found.matters
    assert sum(found.reasons.values()) == found["handoff"].hits


def rated(good: int, bad: int, at: float) -> list[Matter]:
    """Matters that the AI answered alone, closed and rated at that time."""
    said = (customer(1, at - 1), ai(2, at - 1))
    one = Matter(FIRST, said, at, (decided(1),), (5,))
    return [one] * good + [replace(one, ratings=(1,))] * bad


NOW = 100 * DAY


def test_a_real_drop_of_ratings_is_told_with_its_numbers() -> None:
    found = alarm.drop(rated(170, 30, NOW - 20 * DAY) + rated(20, 30, NOW - DAY), NOW)
    assert found is not None
    assert (found.now, found.before) == (Rate(20, 50), Rate(170, 200))
    assert found.p < 1e-6


@pytest.mark.parametrize(
    ("before", "now"),
    [((170, 30), (40, 10)), ((170, 30), (3, 7)), ((20, 5), (5, 20)), ((0, 0), (0, 50)), ((1, 199), (0, 50))],
    ids=["by chance", "too few now", "too few before", "nothing before", "it was bad before"],
)
def test_no_wolf_is_cried(before: tuple[int, int], now: tuple[int, int]) -> None:
    assert alarm.drop(rated(*before, NOW - 20 * DAY) + rated(*now, NOW - DAY), NOW) is None


@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_the_chance_is_fishers(a: int, b: int, c: int, d: int) -> None:
    from scipy.stats import hypergeom

    p = alarm.fewer_by_chance(Rate(a, a + b), Rate(c, c + d))
    assert p == pytest.approx(hypergeom.cdf(a, a + b + c + d, a + c, a + b))
