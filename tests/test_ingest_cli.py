"""`kbtool ingest` and `kbtool clean` as a person runs them: what they refuse, what they leave with."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from httpx_aiohttp import HttpxAiohttpClient

from kbtool.dify.client import DifyClient
from kbtool.dify.objects import StoredDocument
from kbtool.embedded import EngineSettings, Fault, SlowIndexing, create_app
from tests import forked
from tests.forked import Kbtool
from tests.server import run
from tests.server import served as over_socket

ROOT = Path(__file__).parent.parent
KB = """\
[corpus]
sources = ["exports"]
[dify]
dataset = "shop"
"""
REAL = KB.replace("[dify]", '[dify]\nbase_url = "http://127.0.0.1:9/v1"')


def kbtool(*arguments: str, cwd: Path, **environment: str) -> Kbtool:
    return run(forked.kbtool(*arguments, cwd=cwd, **environment))


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
        done = subprocess.run(
            [sys.executable, "-m", "kbtool", "ingest"],
            capture_output=True,
            text=True,
            cwd=shop,
            check=False,
            timeout=60,
            stdin=terminal,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
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
    assert len(json.loads(done.stdout)["pages"]) == len(written) == 7
    assert len({path.read_text(encoding="utf-8") for path in written}) == 7
    kbtool("clean", cwd=shop)
    assert sorted((shop / "clean").rglob("*.md")) == written


def served(shop: Path, *faults: Fault) -> EngineSettings:
    """The engine for `shop`, to be reached by a process of its own."""
    return EngineSettings(path=shop / "engine.sqlite", faults=faults)


async def start(shop: Path, address: str, *options: str) -> Kbtool:
    """`kbtool ingest` in its own process, talking to `address`."""
    real = KB.replace("[dify]", f'[dify]\nbase_url = "{address}/v1"')
    (shop / "kb.toml").write_text(real, encoding="utf-8")
    return await forked.start("ingest", "--yes", *options, cwd=shop, DIFY_DATASET_KEY="dataset-embedded")


async def stored(address: str) -> list[StoredDocument]:
    async with DifyClient(
        HttpxAiohttpClient(base_url=f"{address}/v1"), dataset_key="dataset-embedded"
    ) as client:
        dataset = await client.find_dataset("shop")
        return await client.documents(dataset.id) if dataset else []


async def until(happened: Callable[[], Awaitable[object]]) -> None:
    for _ in range(2000):
        if await happened():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it does not happen")


def test_of_two_ingests_at_once_in_one_folder_one_says_that_the_other_is_at_work(shop: Path) -> None:
    async def work() -> tuple[int | None, int | None, str, int]:
        engine = create_app(served(shop, SlowIndexing(0.05)))
        engine.hold_indexing()
        async with over_socket(engine) as address:
            first = await start(shop, address)
            await until(lambda: stored(address))
            second = await start(shop, address)
            await second.wait()
            engine.release_indexing()
            await first.wait()
            count = len(await stored(address))
        await engine.aclose()
        return first.returncode, second.returncode, second.stderr, count

    first, second, said, count = run(work())
    assert (first, second, count) == (0, 5, 2)
    assert "Another ingest is running already (process " in said


def test_two_ingests_at_once_from_two_machines_end_with_one_copy_of_each_page(shop: Path) -> None:
    for name in ("here", "there"):
        shutil.copytree(shop / "exports", shop / name / "exports")

    async def work() -> list[str]:
        engine = create_app(served(shop))
        async with over_socket(engine) as address:
            both = [await start(shop / name, address) for name in ("here", "there")]
            codes = {await one.wait() for one in both}
            third = await start(shop / "here", address)
            assert await third.wait() == 0
            after = [one.name for one in await stored(address)]
        await engine.aclose()
        assert 0 in codes
        assert not any("Traceback" in one.stderr for one in both)
        return after

    names = run(work())
    assert len(names) == len(set(names)) == 2


def test_ctrl_c_says_what_was_done_and_the_next_run_goes_on(shop: Path) -> None:
    async def work() -> tuple[int | None, str, int]:
        engine = create_app(served(shop))
        engine.hold_indexing()
        async with over_socket(engine) as address:
            first = await start(shop, address)
            await until(lambda: _is_waited_for(first))
            assert first.process.pid
            os.kill(first.process.pid, signal.SIGINT)
            await first.wait()
            engine.release_indexing()
            again = await start(shop, address)
            assert await again.wait() == 0
            count = len(await stored(address))
        await engine.aclose()
        return first.returncode, first.stderr, count

    code, said, count = run(work())
    assert (code, count) == (130, 2)
    assert said.splitlines()[-1] == ("Interrupted: 2 of 2 sent. The next `kbtool ingest` goes on from here.")


async def _is_waited_for(command: Kbtool) -> bool:
    return "Indexing 0/2" in command.stderr


def test_an_edit_in_dify_is_found_by_verify_alone(shop: Path) -> None:
    kbtool("ingest", "--yes", cwd=shop)
    with closing(sqlite3.connect(shop / ".kbtool" / "embedded.sqlite")) as engine, engine:
        engine.create_function("keywords_in", 1, lambda _: "[]")  # what the table's triggers ask for
        engine.execute("UPDATE segments SET content = replace(content, 'About Returns', 'Lies')")
    assert kbtool("ingest", "--check", cwd=shop).returncode == 0
    told = json.loads(kbtool("ingest", "--plan", "--verify", "--json", cwd=shop).stdout)
    (change,) = told["changes"]
    assert change["action"] == "repair"
    assert "edited in Dify: section 1 differs: sent 'About Returns" in change["reason"]
    assert kbtool("ingest", "--yes", "--verify", cwd=shop).returncode == 0
    assert kbtool("ingest", "--check", "--verify", cwd=shop).returncode == 0


def test_titles_and_names_that_dify_would_change_arrive(shop: Path) -> None:
    for name, title in (("a", "100% off, _really_"), ("b", "T" * 300), ("c", '/ \\ : * ? " < > |')):
        (shop / "exports" / f"{name}.md").write_text(f"# {title}\n\nText of {name}.\n", encoding="utf-8")
    assert kbtool("ingest", "--yes", cwd=shop).returncode == 0
    assert documents(shop) == 5
    assert kbtool("ingest", "--check", "--verify", cwd=shop).returncode == 0
