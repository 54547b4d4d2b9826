"""The tool that runs the benchmarks: what it keeps, what it puts where; and every figure has a source."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, Benchmark, Kept, minutes, run
from benchmarks.result import HEAD, ROOT, SUMMARY, Finding, Line, between, place, spread, table
from tests.documents import documents

NAMES = [one.name for one in BENCHMARKS]
MARKER = re.compile(r"<!-- (/?)benchmark:(\w+) -->")
FINDING = Finding((Line("a", "1.0 ×", "2 ×"),), "text", "docs/benchmarks.md")


def test_a_finding_is_read_as_it_was_written(tmp_path: Path) -> None:
    FINDING.write(tmp_path / "deep" / "a.json")
    assert Finding.read(tmp_path / "deep" / "a.json") == FINDING


def test_a_text_takes_the_place_of_the_one_before_and_of_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "a\n<!-- benchmark:x -->\nold\n<!-- /benchmark:x -->\nb\n"
        "<!-- benchmark:y -->\n<!-- /benchmark:y -->\n"
    )
    place(page, "x", r"new \1")
    place(page, "y", "first")
    assert page.read_text() == (
        "a\n<!-- benchmark:x -->\nnew \\1\n<!-- /benchmark:x -->\nb\n"
        "<!-- benchmark:y -->\nfirst\n<!-- /benchmark:y -->\n"
    )
    with pytest.raises(SystemExit, match="benchmark:z"):
        place(page, "z", "nowhere")


def test_a_benchmark_that_was_not_run_keeps_its_rows() -> None:
    before = table([("old", Finding((Line("b", "7"), Line("c", "8")))), ("a", FINDING)])
    after = table([("a", Finding((Line("a", "1.5 ×", "2 ×"),)))], before)
    assert after.splitlines() == [
        *HEAD,
        "| b | 7 |  | `python -m benchmarks.old` |",
        "| c | 8 |  | `python -m benchmarks.old` |",
        "| a | 1.5 × | 2 × | `python -m benchmarks.a` |",
    ]


def test_a_spread_has_its_ends_where_there_are_some() -> None:
    assert spread([2.0], 1, " s") == "2.0 s"
    assert spread([3.0, 1.0, 2.0], 2, " ×") == "2.00 (1.00 to 3.00) ×"


def test_what_is_finished_is_kept_until_the_code_changes(tmp_path: Path) -> None:
    kept, one = Kept(tmp_path, "1"), Benchmark("a", "", 2.0)
    assert not kept.is_there("a")
    assert kept.seconds(one) == 120
    FINDING.write(kept.path("a"))
    kept.note("a", 41.26)
    assert kept.is_there("a")
    assert not Kept(tmp_path, "2").is_there("a")
    assert Kept(tmp_path, "2").seconds(one) == 41.3


def test_a_benchmark_that_fails_says_its_last_line_and_leaves_no_result(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "1")
    FINDING.write(kept.path("startup"))
    said = run(Benchmark("startup", "", 1.0), kept, ["--rounds", "many"])
    assert "invalid int value: 'many'" in said
    assert not kept.is_there("startup")


@pytest.mark.parametrize(("seconds", "said"), [(12.3, "12 s"), (89, "89 s"), (1800, "30 min")])
def test_time_left_is_told_as_people_tell_it(seconds: float, said: str) -> None:
    assert minutes(seconds) == said


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_is_a_module_that_measures(name: str) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    assert list(inspect.signature(module.measure).parameters) == ["given"]
    assert f"python -m benchmarks.{name}" in (module.__doc__ or "")
    assert f"| `{name}` |" in (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")


def test_the_shortest_benchmark_runs_and_shows_the_table(tmp_path: Path) -> None:
    result = tmp_path / "startup.json"
    command = [sys.executable, "-m", "benchmarks.startup", "--short", "--result", str(result)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (line,) = Finding.read(result).lines
    assert re.fullmatch(r"[\d.]+ \([\d.]+ to [\d.]+\) ×", line.measured)


def test_every_figure_between_markers_comes_from_a_benchmark() -> None:
    filled = {}
    for document in documents():
        text = re.sub(r"`[^`\n]*`", "", (ROOT / document).read_text(encoding="utf-8"))
        found = MARKER.findall(text)
        assert [end for end, _ in found] == ["", "/"] * (len(found) // 2), document
        for _, name in found:
            filled[name] = document
    sources = {name: document for name in NAMES if (document := fills(name))}
    assert filled == sources | {SUMMARY: "README.md"}


def fills(name: str) -> str:
    """The document that a benchmark fills: a literal in its module, "" where it has no text of its own."""
    source = inspect.getsource(importlib.import_module(f"benchmarks.{name}"))
    return next(iter(re.findall(r'"(docs/[\w/]+\.md)"\)', source)), "")


def test_every_row_of_the_table_names_a_benchmark_that_exists_in_their_order() -> None:
    rows = between(ROOT / "README.md", SUMMARY).splitlines()[len(HEAD) :]
    commands = [re.search(r"`python -m benchmarks\.(\w+)` \|$", row) for row in rows]
    assert all(commands)
    assert {found[1] for found in commands if found} <= set(NAMES)
