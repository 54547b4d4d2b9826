"""`kbtool ingest` and `kbtool clean` as a person runs them: what they refuse, what they leave with."""

from __future__ import annotations

import json
import os
import pty
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
KB = """\
[corpus]
sources = ["exports"]
[dify]
dataset = "shop"
"""
REAL = KB.replace("[dify]", '[dify]\nbase_url = "http://127.0.0.1:9/v1"')


def kbtool(
    *arguments: str, cwd: Path, stdin: int = subprocess.DEVNULL, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kbtool", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
        timeout=60,
        stdin=stdin,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "exports").mkdir()
    for name in ("Returns", "Shipping"):
        (tmp_path / "exports" / f"{name}.md").write_text(f"# {name}\n\nAbout {name}.\n", encoding="utf-8")
    (tmp_path / "kb.toml").write_text(KB, encoding="utf-8")
    return tmp_path


def documents(shop: Path) -> int:
    """How many the dataset has, seen in the engine's own file."""
    with closing(sqlite3.connect(shop / ".kbtool" / "embedded.sqlite")) as engine:
        return int(engine.execute("SELECT count(*) FROM documents").fetchone()[0])


def test_a_damaged_export_deletes_nothing(shop: Path) -> None:
    assert kbtool("ingest", "--yes", cwd=shop).returncode == 0
    (shop / "exports" / "Shipping.md").unlink()
    (shop / "exports" / "more.zip").write_bytes(b"PK\x03\x04 nothing more")

    refused = kbtool("ingest", "--yes", cwd=shop)
    assert refused.returncode == 5
    named, error, hint = refused.stderr.splitlines()
    assert named.startswith("not read: more.zip: not a complete zip")
    assert "delete 1 of 2 documents" in error
    assert "--force" in hint
    assert documents(shop) == 2
    assert kbtool("ingest", "--plan", "--check", cwd=shop).returncode == 5

    kept = kbtool("ingest", "--yes", "--no-prune", cwd=shop)
    assert (kept.returncode, documents(shop)) == (0, 2)
    forced = kbtool("ingest", "--yes", "--force", cwd=shop)
    assert (forced.returncode, documents(shop)) == (0, 1)
    assert "not read: more.zip" in forced.stderr


def test_a_plan_says_which_sources_it_is_without(shop: Path) -> None:
    (shop / "exports" / "more.zip").write_bytes(b"PK\x03\x04 nothing more")
    told = json.loads(kbtool("ingest", "--plan", "--json", cwd=shop).stdout)
    assert [unreadable["source"] for unreadable in told["unreadable"]] == ["more.zip"]


def test_check_asks_for_a_plan_and_changes_nothing(shop: Path) -> None:
    assert kbtool("ingest", "--check", "--yes", cwd=shop).returncode == 6
    assert documents(shop) == 0
    assert kbtool("ingest", "--plan", cwd=shop).returncode == 0
    kbtool("ingest", "--yes", cwd=shop)
    assert kbtool("ingest", "--check", cwd=shop).returncode == 0


def test_checking_a_plan_that_would_be_refused_is_5(shop: Path) -> None:
    kbtool("ingest", "--yes", cwd=shop)
    other = KB + 'embedding_model = "another"\n'
    (shop / "kb.toml").write_text(other, encoding="utf-8")
    assert kbtool("ingest", "--plan", cwd=shop).returncode == 0
    done = kbtool("ingest", "--plan", "--check", cwd=shop)
    assert (done.returncode, "its embedding model is" in done.stderr) == (5, True)


def test_declining_leaves_everything_as_it_is(shop: Path) -> None:
    person, terminal = pty.openpty()
    try:
        os.write(person, b"n\n")
        done = kbtool("ingest", cwd=shop, stdin=terminal)
    finally:
        os.close(person)
        os.close(terminal)
    assert (done.returncode, "Nothing was changed." in done.stdout) == (6, True)
    assert documents(shop) == 0


def test_ingest_needs_the_dataset_key_alone(shop: Path) -> None:
    (shop / "kb.toml").write_text(REAL, encoding="utf-8")
    without = kbtool("ingest", "--plan", cwd=shop, DIFY_APP_KEY="app-x", DIFY_DATASET_KEY="")
    assert (without.returncode, "error: DIFY_DATASET_KEY not set" in without.stderr) == (1, True)
    with_it = kbtool("ingest", "--plan", cwd=shop, DIFY_APP_KEY="", DIFY_DATASET_KEY="dataset-x")
    assert "not set" not in with_it.stderr
    assert "cannot be reached" in with_it.stderr


def test_a_password_in_the_address_is_not_printed(shop: Path) -> None:
    (shop / "kb.toml").write_text(REAL.replace("127", "kb:sesame@127"), encoding="utf-8")
    done = kbtool("ingest", "--plan", cwd=shop, DIFY_DATASET_KEY="dataset-x")
    assert (done.returncode, "kb.toml:4: [dify] base_url" in done.stderr) == (1, True)
    assert "sesame" not in done.stderr + done.stdout


def test_a_dataset_name_that_dify_refuses_is_named(shop: Path) -> None:
    done = kbtool("ingest", "--plan", "--dataset", "x" * 41, cwd=shop)
    assert (done.returncode, "--dataset" in done.stderr, "41 characters" in done.stderr) == (1, True, True)


def test_no_page_overwrites_another_when_it_is_written(shop: Path) -> None:
    long = "how to clean a kettle " * 4
    for title in (f"{long}one", f"{long}two", "Café", "CAFÉ", "ก" * 100):
        path = shop / "exports" / f"page {len(list((shop / 'exports').iterdir()))}.md"
        path.write_text(f"# {title}\n\nThis is {title}.\n", encoding="utf-8")
    done = kbtool("clean", "--json", cwd=shop)
    written = sorted((shop / "clean").rglob("*.md"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["pages"] == len(written) == 7
    assert len({path.read_text(encoding="utf-8") for path in written}) == 7
    kbtool("clean", cwd=shop)
    assert sorted((shop / "clean").rglob("*.md")) == written
