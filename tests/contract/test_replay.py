"""The embedded engine answers as a real Dify 1.13.0 was recorded to."""

from __future__ import annotations

import asyncio
import re
import tomllib
from pathlib import Path

import pytest

from tests.contract import recordings, replay

MANIFEST: dict[str, str] = tomllib.loads(
    (Path(__file__).parent / "coverage.toml").read_text(encoding="utf-8")
)
RECORDED = {path.stem for path in recordings.FOLDER.glob("*.json")}
COVERED = sorted(key for key, state in MANIFEST.items() if state == "covered")
TRACES = re.compile(
    r"\d+\.\d+\.\d+\.\d+|(?:dataset|app)-[A-Za-z0-9]{16,}|user-agent|gunicorn|/(?:root|tmp|home)/"
)
SKIPPED = frozenset(int(key[:3]) for key, state in MANIFEST.items() if state != "covered")


@pytest.fixture(scope="module")
def outcome() -> dict[int, list[str]]:
    """One run of everything that is covered: requests build on each other."""
    return asyncio.run(replay.replay(SKIPPED))


def test_the_manifest_lists_every_recording_and_gives_a_reason_for_each_that_is_not_covered(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert MANIFEST.keys() == RECORDED
    assert all(state == "covered" or state.startswith("not yet: ") for state in MANIFEST.values())
    with capsys.disabled():
        print(f"\ncontract: {len(COVERED)} of {len(MANIFEST)} recordings covered, {len(SKIPPED)} not yet")  # noqa: T201


@pytest.mark.parametrize("key", COVERED)
def test_the_engine_answers_as_recorded(key: str, outcome: dict[int, list[str]]) -> None:
    assert outcome[int(key[:3])] == []


def test_a_recording_says_nothing_about_where_it_was_made() -> None:
    for path in recordings.FOLDER.glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert not TRACES.search(text), path.name
