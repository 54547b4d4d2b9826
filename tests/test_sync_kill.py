"""`kill -9` of a real `kbtool ingest` after each of its requests: the next run reaches the same dataset."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from httpx_aiohttp import HttpxAiohttpClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kbtool import corpus
from kbtool.config import load
from kbtool.dify.client import DifyClient
from kbtool.embedded import EngineSettings, create_app
from kbtool.sync.apply import Sync
from kbtool.sync.render import render_all
from kbtool.sync.waiting import Pace
from tests.forked import start
from tests.server import run, served
from tests.syncing import Held, held, sent

KEY = "dataset-embedded"
KB = '[corpus]\nsources = ["pages"]\n[dify]\ndataset = "help"\nbase_url = "{address}/v1"\n'


class Guillotine:
    """The engine, and a process that dies when its n-th request is done and not yet answered."""

    def __init__(self, app: ASGIApp, after: int | None = None) -> None:
        self.app = app
        self.after = after
        self.kill: Callable[[], None] = lambda: None
        self.requests: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.requests.append(f"{scope['method']} {scope['path']}")
        if len(self.requests) == self.after:
            await self.app(scope, receive, _nowhere)
            self.kill()
            return
        await self.app(scope, receive, send)


async def _nowhere(_: Message) -> None:
    """The answer is lost."""


def write(folder: Path, **pages: str) -> None:
    (folder / "pages").mkdir(parents=True, exist_ok=True)
    for old in (folder / "pages").iterdir():
        old.unlink()
    for name, text in pages.items():
        (folder / "pages" / f"{name}.md").write_text(text, encoding="utf-8")


def before(folder: Path) -> None:
    write(
        folder,
        change="# Returns\n\n## Limit\n\nWithin the 30 days.\n",
        rename="# Gifts\n\nThe gift cards never end.\n",
        remove="# Kettle\n\nThe kettle is sold no more.\n",
        keep="# Shipping\n\nThe parcel takes two days.\n",
    )


def after(folder: Path) -> None:
    write(
        folder,
        change="# Returns\n\n## Limit\n\nWithin the 60 days.\n",
        rename="# Presents\n\nThe gift cards never end.\n",
        create="# Grinder\n\n## Use\n\nTurn the dial.\n\n## Care\n\nBrush the burrs.\n",
        keep="# Shipping\n\nThe parcel takes two days.\n",
    )


async def ingest_here(folder: Path, engine: Path) -> tuple[list[str], Held]:
    """An ingest that nobody disturbs, in this process: its requests, and what the dataset then holds."""
    app = create_app(EngineSettings(path=engine))
    counting = Guillotine(app)
    try:
        async with served(counting) as address:
            http = HttpxAiohttpClient(base_url=f"{address}/v1", timeout=20.0)
            async with DifyClient(http, dataset_key=KEY) as client:
                (folder / "kb.toml").write_text(KB.format(address=address), encoding="utf-8")
                settings = load(folder / "kb.toml")
                pages = render_all(corpus.load(settings).documents, settings)
                sync = Sync(client, settings.dataset_profile, Pace(poll=0.02))
                await sync.apply(await sync.plan(pages), pages, is_fresh=True)
                requests = list(counting.requests)
                assert (await sync.plan(pages)).is_empty
                return requests, await held(client)
    finally:
        await app.aclose()


async def ingest_killed(folder: Path, engine: Path, after: int) -> tuple[int, list[str]]:
    """`kbtool ingest` as a process, killed after its n-th request: exit code, and its requests."""
    app = create_app(EngineSettings(path=engine))
    guillotine = Guillotine(app, after)
    try:
        async with served(guillotine) as address:
            (folder / "kb.toml").write_text(KB.format(address=address), encoding="utf-8")
            command = await start("ingest", "--yes", cwd=folder, DIFY_DATASET_KEY=KEY)
            guillotine.kill = command.process.kill
            return await command.wait(), guillotine.requests
    finally:
        await app.aclose()


@pytest.mark.parametrize("is_first", [True, False], ids=["first ingest", "changed corpus"])
def test_a_process_killed_after_any_request_leaves_what_the_next_run_completes(
    tmp_path: Path, is_first: bool
) -> None:
    folder, template = tmp_path / "project", tmp_path / "template"
    template.mkdir()
    before(folder)
    if not is_first:
        run(ingest_here(folder, template / "engine.sqlite"))
    after(folder)
    shutil.copytree(template, tmp_path / "whole")
    undisturbed, wanted = run(ingest_here(folder, tmp_path / "whole" / "engine.sqlite"))
    for number in range(1, 100):
        engine = tmp_path / str(number)
        shutil.copytree(template, engine)
        code, killed = run(ingest_killed(folder, engine / "engine.sqlite", number))
        healing, found = run(ingest_here(folder, engine / "engine.sqlite"))
        assert found == wanted, f"killed after request {number}: {killed[-1]}"
        assert sent(killed) + sent(healing) == sent(undisturbed), f"embedded twice: {killed[-1]}"
        if code != -signal.SIGKILL:
            break
    assert code == 0
    assert number > 12
