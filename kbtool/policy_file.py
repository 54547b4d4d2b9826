"""The policy as it stands in kb.toml, written by `kbtool tune`; and in words, what differs between two.

What is written keeps the file's comments and order, and is read back before it takes the file's place, so
that no bridge ever finds half a file or one that does not load.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit

from kbtool.canary import Canary
from kbtool.config import load
from kbtool.errors import ConfigError
from kbtool.handoff import Policy

WRITTEN = ("run", "fingerprint", "tuned", "estimated", "raised", "canaries")
"""What says where the thresholds come from; it goes when they do."""


def differences(before: Policy, after: Policy) -> tuple[str, ...]:
    """What is not the same, for a log: `threshold 0.50 -> 0.63`; longer values are only named."""
    said = []
    if before.threshold != after.threshold:
        said.append(f"threshold {before.threshold:.2f} -> {after.threshold:.2f}")
    for own, then, now in (
        ("language", before.languages, after.languages),
        ("inbox", before.inboxes, after.inboxes),
    ):
        said += [
            f"threshold of {own} {name} {_value(then.get(name))} -> {_value(now.get(name))}"
            for name in sorted({*then, *now})
            if then.get(name) != now.get(name)
        ]
    if before.clarify != after.clarify:
        said.append(f"clarify {before.clarify} -> {after.clarify}".lower())
    if before.fingerprint != after.fingerprint:
        said.append(f"fingerprint {before.fingerprint or 'none'} -> {after.fingerprint or 'none'}")
    for name in ("refusals", "intents", "canaries"):
        if getattr(before, name) != getattr(after, name):
            said.append(f"{name} changed")
    return tuple(said)


def write_thresholds(
    path: Path,
    threshold: float,
    own: Mapping[str, Mapping[str, float]],
    *,
    run: str,
    fingerprint: str,
    canaries: Sequence[Canary],
    day: str,
    is_estimate: bool,
) -> None:
    """The thresholds and where they come from; `own` are those of languages and inboxes, by that name.

    An estimate is dated as one: a bridge replies by it only when told to.
    """

    def change(handoff: Any) -> None:
        for name in WRITTEN:
            handoff.pop(name, None)
        handoff["threshold"] = threshold
        for name in ("languages", "inboxes"):
            _put(handoff, name, own.get(name, {}))
        handoff["run"] = run
        handoff["fingerprint"] = fingerprint
        handoff["estimated" if is_estimate else "tuned"] = day
        if canaries:
            handoff["canaries"] = _canaries(canaries)

    _edit(path, change)


def raise_thresholds(path: Path, least: float, *, day: str) -> Policy:
    """No threshold below `least` any more, at once; the policy that is then in the file.

    What was promised stays promised: answering less never makes more mistakes. Raises ConfigError where
    nothing would be raised.
    """
    policy = load(path).policy
    values = (policy.threshold, *policy.languages.values(), *policy.inboxes.values())
    if least <= min(values):
        raise ConfigError(
            f"{least:.2f} raises nothing: the threshold is {min(values):.2f} already",
            hint="To answer more, measure first: kbtool eval weekly, then kbtool tune --write.",
        )

    def change(handoff: Any) -> None:
        handoff["threshold"] = max(policy.threshold, least)
        for name, each in (("languages", policy.languages), ("inboxes", policy.inboxes)):
            _put(handoff, name, {one: max(value, least) for one, value in each.items()})
        handoff["raised"] = day

    _edit(path, change)
    return load(path).policy


def void_thresholds(path: Path) -> None:
    """The thresholds stay, and no longer count as measured."""

    def change(handoff: Any) -> None:
        for name in WRITTEN:
            handoff.pop(name, None)

    _edit(path, change)


def _edit(path: Path, change: Callable[[Any], None]) -> None:
    """Change [handoff] of the file, or leave it as it is."""
    path = path.resolve()  # a link stays one
    half = path.with_name(path.name + ".part")
    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8-sig"))
        change(document.setdefault("handoff", tomlkit.table()))
        half.write_text(tomlkit.dumps(document), encoding="utf-8")
        load(half)
        shutil.copymode(path, half)
        half.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error})") from error
    finally:
        half.unlink(missing_ok=True)


def _put(handoff: Any, name: str, values: Mapping[str, float]) -> None:
    """A table within, in place where there is one; none where there is nothing to say."""
    if not values:
        handoff.pop(name, None)
        return
    table = handoff.setdefault(name, tomlkit.inline_table())
    for gone in [one for one in table if one not in values]:
        table.pop(gone)
    for one, value in values.items():
        table[one] = value


def _canaries(canaries: Sequence[Canary]) -> Any:
    array = tomlkit.array().multiline(multiline=True)
    for canary in canaries:
        table = tomlkit.inline_table()
        table.update({"question": canary.question, "score": canary.score, "chunk": canary.chunk})
        array.append(table)
    return array


def _value(threshold: float | None) -> str:
    return "none" if threshold is None else f"{threshold:.2f}"
