"""Locks, retention, redaction: what keeps a weekly job well behaved for years."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.errors import ConfigError
from kbtool.evaluate.retention import Kept, expired
from kbtool.lock import only_one
from kbtool.redact import redact

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
AGES = st.lists(st.integers(-60, 400), unique=True, max_size=12)


def runs(ages: list[int]) -> list[Kept]:
    return [Kept(f"run-{age}", NOW - timedelta(days=age)) for age in ages]


@given(AGES, st.integers(1, 30), st.data())
def test_no_pinned_run_nor_the_newest_nor_a_young_one_goes(ages, weeks, data):
    pinned = set(data.draw(st.lists(st.sampled_from(ages), max_size=3))) if ages else set()
    gone = expired(runs(ages), now=NOW, weeks=weeks, pinned={f"run-{age}" for age in pinned})
    expected = sorted(
        (age for age in ages if age > 7 * weeks and age not in pinned and age != min(ages)), reverse=True
    )
    assert gone == tuple(f"run-{age}" for age in expected)


def test_a_second_holder_is_told_who_the_first_is_and_a_third_comes_in_after_it(tmp_path):
    path = tmp_path / "state" / "weekly.lock"
    with (
        only_one(path, what="the weekly check"),
        pytest.raises(ConfigError) as refused,
        only_one(path, what="it"),
    ):
        pass
    assert "is running already (process " in refused.value.message
    with only_one(path, what="the weekly check"):
        assert path.read_text().strip().isdigit()


def test_a_killed_holder_holds_nothing(tmp_path):
    path = tmp_path / "weekly.lock"
    code = (
        "import os, sys; from pathlib import Path; from kbtool.lock import only_one\n"
        "with only_one(Path(sys.argv[1]), what='it'): print('held', flush=True); os.kill(os.getpid(), 9)"
    )
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, cwd=root, check=False
    )
    assert (done.returncode, done.stdout) == (-9, "held\n")
    with only_one(path, what="it"):
        pass


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Write to ann.lee+shop@mail.example.org please", "Write to [email] please"),
        ("My number is +49 (0)30 1234-5678.", "My number is [number]."),
        ("Where is order FB-204418?", "Where is order [number]?"),
        ("订单 20240518001234 到哪了？", "订单 [number] 到哪了？"),
        ("Order #48213 is late", "Order [number] is late"),
        ("tracking 1Z999AA10123456784", "tracking [number]"),
        ("电话13812345678", "电话[number]"),
        ("where is my order 48213", "where is my order [number]"),
        ("Invoice no. 4821 is wrong", "Invoice no. [number] is wrong"),
        ("订单号：48213 呢", "订单号：[number] 呢"),
        ("204418 has not arrived", "[number] has not arrived"),
        ("1z999aa10123456784?", "[number]?"),
    ],
)
def test_what_points_to_a_person_or_an_order_is_taken_out(text, left):
    assert redact(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "Can I return it within 30 days?",
        "It shows E07 and costs EUR 129.00",
        "I bought it on 2026-03-14",
        "Fennbrook K2 kettle, 1.7 l, 2200 W",
        "Opened at 10:30, model 2024",
        "保修期是24个月吗",
        "Do you ship an order of 100 cups, or of 12000 g?",
        "It costs 1234.50 in all",
    ],
)
def test_what_a_question_is_about_stays(text):
    assert redact(text) == text


@given(st.text())
def test_nothing_is_left_to_take_out_after_the_first_time(text):
    assert redact(redact(text)) == redact(text)
