"""kb.toml edited while a bridge runs: taken whole, or refused with its sentence and the old one kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bridge.routes.reload import Reload
from bridge.routes.routing import settings_of
from bridge.settings import BridgeSettings
from kbtool.config import load
from kbtool.errors import ConfigError
from tests.server import run
from tests.waiting import until

SECRETS = {"CHATWOOT_BOT_TOKEN": "token", "CHATWOOT_WEBHOOK_SECRET": "secret", "CHATWOOT_USER_TOKEN": "user"}
FIRST = "[handoff]\nthreshold = 0.5\n"


@dataclass
class Watched:
    path: Path
    current: BridgeSettings
    refusals: list[str] = field(default_factory=list)
    reload: Reload | None = None

    async def adopt(self, new: BridgeSettings) -> None:
        self.current = new

    async def refuse(self, error: ConfigError) -> None:
        self.refusals.append(error.message)

    async def until(self, is_so: Callable[[], bool]) -> None:
        await until(is_so)


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[Watched]:
    path = folder / "kb.toml"
    path.write_text(FIRST, encoding="utf-8")

    def read() -> BridgeSettings:
        return settings_of(load(path), SECRETS)

    at = Watched(path, read())
    at.reload = Reload(
        path, load=read, current=lambda: at.current, adopt=at.adopt, refused=at.refuse, pause=0.01
    )
    task = asyncio.create_task(at.reload.run())
    try:
        yield at
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_an_edit_is_taken_without_a_restart_and_logged_with_both_thresholds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with watched(tmp_path) as at:
            with caplog.at_level(logging.INFO, logger="bridge"):
                half = tmp_path / "new.toml"
                half.write_text("[handoff]\nthreshold = 0.63\n", encoding="utf-8")
                half.replace(at.path)
                await at.until(lambda: at.current.policy.threshold == 0.63)
            assert 'event=reloaded change="route kbtool: threshold 0.50 -> 0.63"' in caplog.text

    run(scenario())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[handoff]\ntreshold = 0.6\n", ":2: [handoff] unknown key `treshold`"),
        ("[handoff\n", "not valid TOML"),
        ('[bridge.routes.web]\nmode = "reply"\n', "reply mode needs a tuned threshold"),
        ('[bridge]\nstore = "other.sqlite"\n', "is another one than"),
    ],
)
def test_a_bad_edit_is_refused_once_with_its_sentence_and_the_old_one_stays(
    tmp_path: Path, text: str, words: str
) -> None:
    async def scenario() -> None:
        async with watched(tmp_path) as at:
            before = at.current
            at.path.write_text(text, encoding="utf-8")
            await at.until(lambda: bool(at.refusals))
            await asyncio.sleep(0.1)
            (said,) = at.refusals
            assert words in said
            assert at.current is before
            at.path.write_text("[handoff]\nthreshold = 0.7\n", encoding="utf-8")
            await at.until(lambda: at.current.policy.threshold == 0.7)

    run(scenario())


def test_a_file_that_is_gone_is_refused_and_one_that_is_the_same_again_is_taken(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with watched(tmp_path) as at:
            at.path.unlink()
            await at.until(lambda: bool(at.refusals))
            assert "there is no such file" in at.refusals[0]
            before = at.current
            at.path.write_text(FIRST, encoding="utf-8")
            await at.until(lambda: at.current is not before)

    run(scenario())


def test_the_operator_may_ask_for_it_though_the_file_is_the_same(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with watched(tmp_path) as at:
            before = at.current
            assert at.reload is not None
            at.reload.look_now()
            await at.until(lambda: at.current is not before)

    run(scenario())
