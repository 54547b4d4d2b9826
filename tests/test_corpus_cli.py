"""`kbtool clean` and `kbtool chunk` as a person runs them: what they print, leave behind and end with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.test_cli import environment, kbtool, say_no_traceback
from tests.test_exports import folder

ASIDE = "# A\n\n<aside>\n💡 Tip\n\n</aside>\n"


def everything(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}


def test_clean_writes_a_tree_and_a_report_and_nothing_else(tmp_path: Path) -> None:
    folder(tmp_path / "e", {"a.md": "# A\n\n<!-- x -->Text.", "bad.md": b"\x81\x00", "logo.png": b"\x89PNG"})
    done = kbtool("clean", "e", "-o", "out", cwd=tmp_path)
    assert (done.returncode, "error: e/bad.md: not text" in done.stderr) == (1, True)
    assert "1 pages written to out" in done.stdout
    assert everything(tmp_path / "out") == {"a.md", "clean-report.json"}
    assert {path.name for path in tmp_path.iterdir()} == {"e", "out"}  # no kb.toml, so no cache either

    told = kbtool("clean", "e", "-o", "out", "--json", cwd=tmp_path)
    assert told.stdout == (tmp_path / "out" / "clean-report.json").read_text(encoding="utf-8")
    assert {skip["source"] for skip in json.loads(told.stdout)["skipped"]} == {"e/bad.md", "e/logo.png"}
    say_no_traceback(done, told)


def test_the_cache_lies_beside_kb_toml_and_only_there(tmp_path: Path) -> None:
    folder(tmp_path / "e", {"a.md": "# A\n\nText."})
    (tmp_path / "kb.toml").write_text('[corpus]\nsources = ["e"]\n', encoding="utf-8")
    kbtool("chunk", "--no-cache", cwd=tmp_path)
    assert not (tmp_path / ".kbtool").exists()
    once = kbtool("chunk", "--json", cwd=tmp_path)
    assert (tmp_path / ".kbtool" / "cache" / "pages.sqlite").exists()
    assert kbtool("chunk", "--json", cwd=tmp_path).stdout == once.stdout


def test_a_kind_that_is_forced_chooses_the_rules(tmp_path: Path) -> None:
    folder(tmp_path / "e", {"a.md": ASIDE})
    assert "<aside>" in kbtool("chunk", "e", "--json", cwd=tmp_path).stdout
    assert "<aside>" not in kbtool("chunk", "e", "--json", "--kind", "notion-markdown", cwd=tmp_path).stdout
    assert kbtool("chunk", "e", "--kind", "words", cwd=tmp_path).returncode == 2


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Enough pages for a pool of processes, and more output than a pipe holds."""
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as export:
        for number in range(300):
            export.writestr(f"{number:03}.md", f"# T{number}\n\n{'Some words here. ' * 40}")
    return tmp_path


def test_a_reader_that_goes_away_ends_it_without_a_word(large: Path) -> None:
    command = [sys.executable, "-m", "kbtool", "chunk", "e.zip", "--json"]
    with subprocess.Popen(
        command, cwd=large, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        assert json.loads(process.stdout.readline())["title"] == "T0"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_ctrl_c_ends_all_processes_at_once(large: Path) -> None:
    command = [sys.executable, "-m", "kbtool", "chunk", "e.zip", "--json"]
    with subprocess.Popen(
        command, cwd=large, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        told = process.stderr.read().decode()  # ends when no process holds it any more
        process.stdout.close()
    assert process.returncode == 130
    assert "Traceback" not in told
