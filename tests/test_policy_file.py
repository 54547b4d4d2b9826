"""The policy in kb.toml: written with comments and order kept, taken over by whoever runs by it."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from kbtool.canary import Canary
from kbtool.config import load
from kbtool.errors import ConfigError
from kbtool.handoff import Policy
from kbtool.policy_file import differences, raise_thresholds, void_thresholds, write_thresholds

KB = """\
# Our help pages.
[dify]
dataset = "help"  # the live one

[handoff]
# 0.5 is where we began
threshold = 0.5
budget = 0.03  # the team agreed in May
languages = { de = 0.6 }

[reports]
keep_weeks = 9
"""
CANARIES = (Canary("How long?", 0.81, "abc"), Canary("„Wie“ \\ lange?", 0.4, "def"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "kb.toml"
    path.write_text(KB, encoding="utf-8")
    return path


def write(path: Path, threshold: float = 0.63, **own: dict[str, float]) -> None:
    write_thresholds(
        path,
        threshold,
        own,
        run="2026-11-26T1",
        fingerprint="f00",
        canaries=CANARIES,
        day="2026-11-26",
        is_estimate=False,
    )


def test_comments_order_and_what_was_not_touched_stay(path: Path) -> None:
    write(path)
    text = path.read_text(encoding="utf-8")
    for kept in (
        "# Our help pages.",
        "# the live one",
        "# 0.5 is where we began",
        "budget = 0.03  # the team",
    ):
        assert kept in text
    assert text.index("[dify]") < text.index("[handoff]") < text.index("[reports]")
    handoff = tomllib.loads(text)["handoff"]
    assert (handoff["threshold"], handoff["run"], handoff["fingerprint"]) == (0.63, "2026-11-26T1", "f00")
    assert (handoff["tuned"], "languages" in handoff) == ("2026-11-26", False)
    policy = load(path).policy
    assert policy.canaries == CANARIES
    assert tomllib.loads(text)["reports"] == {"keep_weeks": 9}


def test_writing_twice_is_writing_once(path: Path) -> None:
    write(path, languages={"de": 0.7, "zh": 0.8})
    once = path.read_text(encoding="utf-8")
    write(path, languages={"de": 0.7, "zh": 0.8})
    assert path.read_text(encoding="utf-8") == once
    assert load(path).policy.languages == {"de": 0.7, "zh": 0.8}
    write(path, inboxes={"Web shop": 0.4})
    assert (dict(load(path).policy.languages), load(path).policy.inboxes) == ({}, {"Web shop": 0.4})


def test_a_table_of_languages_is_changed_in_place(path: Path) -> None:
    text = KB.replace("languages = { de = 0.6 }\n", "\n[handoff.languages]\n# measured\nde = 0.6\nfr = 0.7\n")
    path.write_text(text, encoding="utf-8")
    write(path, languages={"de": 0.65})
    assert "# measured\nde = 0.65" in path.read_text(encoding="utf-8")
    assert load(path).policy.languages == {"de": 0.65}


def test_a_file_without_the_table_gets_one(path: Path) -> None:
    path.write_text("[dify]\ndataset = 'help'\n", encoding="utf-8")
    write(path)
    assert load(path).policy.threshold == 0.63


def test_the_file_keeps_its_mode_and_a_link_stays_one(path: Path) -> None:
    path.chmod(0o640)
    link = path.with_name("link.toml")
    link.symlink_to(path)
    write(link)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert load(path).policy.threshold == 0.63
    assert sorted(each.name for each in path.parent.iterdir()) == ["kb.toml", "link.toml"]


def test_a_threshold_that_does_not_load_is_not_written(path: Path) -> None:
    with pytest.raises(ConfigError, match="threshold"):
        write(path, 1.5)
    assert path.read_text(encoding="utf-8") == KB
    assert [each.name for each in path.parent.iterdir()] == ["kb.toml"]


def test_in_an_emergency_every_threshold_is_at_least_that(path: Path) -> None:
    write(path, 0.5, languages={"de": 0.6, "zh": 0.9})
    policy = raise_thresholds(path, 0.8, day="2026-11-27")
    assert (policy.threshold, policy.languages) == (0.8, {"de": 0.8, "zh": 0.9})
    handoff = load(path).handoff
    assert (handoff.raised, handoff.tuned, handoff.run) == ("2026-11-27", "2026-11-26", "2026-11-26T1")
    before = path.read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match=r"0\.70 raises nothing"):
        raise_thresholds(path, 0.7, day="2026-11-27")
    assert path.read_text(encoding="utf-8") == before


def test_a_void_threshold_stays_and_is_no_measured_one(path: Path) -> None:
    write(path)
    void_thresholds(path)
    handoff = load(path).handoff
    assert (handoff.threshold, handoff.run, handoff.tuned, handoff.canaries) == (0.63, "", "", ())


def test_what_was_written_differs_in_both_values(path: Path) -> None:
    before = load(path).policy
    write(path, languages={"zh": 0.7})
    assert differences(before, load(path).policy) == (
        "threshold 0.50 -> 0.63",
        "threshold of language de 0.60 -> none",
        "threshold of language zh none -> 0.70",
        "fingerprint none -> f00",
        "canaries changed",
    )


def test_the_same_policy_differs_in_nothing() -> None:
    assert differences(Policy(), Policy()) == ()
    assert differences(Policy(), Policy(clarify=False, refusals=("no",))) == (
        "clarify true -> false",
        "refusals changed",
    )
