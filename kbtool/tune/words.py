"""The sentences of a proposal: what it does, what it promises, for what that holds, and what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from kbtool.handoff import Policy
from kbtool.tune.promise import Promise
from kbtool.tune.slices import OTHERS, Slice
from kbtool.tune.strata import Shares, Stratum
from kbtool.tune.walk import Count

_KINDS = {
    Stratum.UNANSWERABLE: "that no page answers",
    Stratum.CRITICAL: "critical",
    Stratum.OTHER: "of other kinds",
}
_SETTING = {Stratum.UNANSWERABLE: "unanswerable_share", Stratum.CRITICAL: "critical_share"}


def named(policy: Policy) -> str:
    """The thresholds in use: `0.50`, or `0.50 (zh 0.61)`."""
    own = [*policy.languages.items(), *policy.inboxes.items()]
    return f"{policy.threshold:.2f}" + _in_brackets([f"{name} {value:.2f}" for name, value in own])


def thresholds(value: float, found: Sequence[Slice]) -> str:
    own = [
        f"{one.name} {one.threshold:.2f}" for one in found if one.name != OTHERS and one.threshold is not None
    ]
    return f"{value:.2f}" + _in_brackets(own)


ESTIMATE = (
    "An estimate that promises nothing: no answers were asked for, a section that was found stood in for a "
    "right answer."
)


def does(count: Count) -> str:
    return (
        f"of {count.n} conversations like these the bot answers {count.answered} ({count.coverage:.0%}), "
        f"{count.wrong} of them wrongly."
    )


def holds(
    promise: Promise,
    n: int,
    allowed: int | None,
    mix: Mapping[Stratum, int],
    shares: Shares,
    found: Sequence[Slice],
) -> str:
    """What is promised, and for what it holds."""
    conversations = "conversations"
    if found:
        own = [one.name or "all others" for one in found if one.is_promised]
        conversations += f" in each of {', '.join(own)}"
    allows = "" if allowed is None or found else f" ({n} questions allow {allowed})"
    return (
        f"With {100 * promise.confidence:.3g}% confidence at most {100 * promise.budget:g} in 100 "
        f"{conversations} get a wrong automatic answer{allows}. That holds for this one tuning, as long as "
        f"conversations resemble these questions ({_mix(mix, n, shares)}) and the settings stay as "
        "they were measured."
    )


def changed(what: Sequence[str]) -> str:
    return f"since this run the {' and '.join(what)} changed, so it says nothing of today; make a new one"


def too_few(promise: Promise, n: int, missing: Counter[Stratum] | None) -> str:
    """`missing` are the questions of each kind that it takes more, where live shares are stated."""
    if missing is None:
        return f"{promise.needed} questions needed, {n} given, {promise.needed - n} missing (for {promise})"
    more = " and ".join(f"{count} {_KINDS[kind]}" for kind, count in missing.items())
    needed = n + missing.total()
    return f"{needed} questions needed, {n} given, {more} missing (for {promise}, at the live shares)"


def one_class(n: int, *, is_right: bool) -> str:
    if is_right:
        where = "they do not show where wrong ones begin; add questions that no page answers"
        return f"all {n} answers are right, so {where}"
    return f"all {n} answers are wrong, so no threshold helps; improve retrieval first"


def no_safe_threshold(allowed: int | None, n: int, slice_name: str | None) -> str:
    if slice_name is not None:
        many, where = "are allowed", f" of {slice_name or 'all others'}"
    else:
        many = f"the {allowed} that {n} questions allow" if allowed is not None else "are allowed"
        where = ""
    return f"already the best scores{where} hold more wrong answers than {many}; improve retrieval first"


def taken(intent: str, n: int, answerable: int) -> str:
    questions = "1 golden question" if n == 1 else f"{n} golden questions"
    return f"The intent {intent} takes {questions} to a person before any score; a page answers {answerable}."


def floor(count: Count, bound: float, most: float, name: str | None) -> str:
    where = f" in {name or 'all others'}" if name is not None else ""
    high = f"at {count.threshold:.2f}{where}, {count.wrong} of {count.answered} answers are wrong"
    could = f"which can mean {bound:.0%} in the long run where at most {most:.0%} may be"
    return f"{high}, {could}; improve retrieval first"


def _mix(mix: Mapping[Stratum, int], n: int, shares: Shares) -> str:
    """The mix for which it holds: the live shares where they are stated, else that of the questions."""
    if shares.is_stated:
        stated = [f"{share:.0%} {_KINDS[kind]}" for kind, share in shares.weights.items() if kind in _SETTING]
        return f"{', '.join(stated)} among live conversations, as kb.toml states"
    ours = [f"{mix.get(kind, 0) / n:.0%} {_KINDS[kind]}" for kind in _SETTING]
    return f"{', '.join(ours)}; state the live shares in kb.toml where they are others"


def _in_brackets(parts: Sequence[str]) -> str:
    return f" ({', '.join(parts)})" if parts else ""
