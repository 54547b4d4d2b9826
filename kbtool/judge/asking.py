"""One endpoint, asked at temperature 0, once for each answer: what it said is kept and never asked again."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from kbtool.errors import ConfigError, ServiceError
from kbtool.judge.criteria import Material, Opinion, cache_key, messages, parse, repair
from kbtool.llm import Model, complete
from kbtool.sync.waiting import Progress, quiet


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the judge said of one answer; with an `error` nothing, which is neither a yes nor a no."""

    key: str
    opinions: tuple[Opinion, ...] = ()
    error: str = ""


class Cache:
    """Usable replies by `cache_key`."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.execute("CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, reply TEXT NOT NULL)")

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Cache]:
        """Raises ConfigError for a file that is no cache."""
        path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path, timeout=30, isolation_level=None)
        try:
            yield cls(database)
        except sqlite3.DatabaseError as error:
            raise ConfigError(
                f"{path}: cannot be used ({error})", hint="Remove it: it is only a cache."
            ) from error
        finally:
            database.close()

    def opinions(self, key: str, material: Material) -> tuple[Opinion, ...] | None:
        row = self._database.execute("SELECT reply FROM replies WHERE key = ?", (key,)).fetchone()
        try:
            return parse(row[0], material) if row else None
        except ValueError:  # written by a version that took more
            return None

    def keep(self, key: str, reply: str) -> None:
        self._database.execute("INSERT OR REPLACE INTO replies VALUES (?, ?)", (key, reply))


@dataclass(frozen=True, slots=True)
class Judge:
    """A model that judges. After `patience` failures in a row it is not asked any more."""

    model: Model
    cache: Cache
    http: httpx.AsyncClient
    concurrency: int = 4
    patience: int = 5
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def judge(
        self, materials: Sequence[Material], *, progress: Progress = quiet
    ) -> dict[str, Judgement]:
        """Judgements by the key of their material. Never raises for what the endpoint does."""
        found: dict[str, Judgement] = {}
        pending = iter({material.key: material for material in materials}.values())
        failed, why = 0, ""

        async def judge_on() -> None:
            nonlocal failed, why
            for material in pending:
                if failed >= self.patience:
                    found[material.key] = Judgement(material.key, error=f"not asked, after {why}")
                    continue
                try:
                    found[material.key] = await self._judge(material)
                    failed = 0
                except (ServiceError, ConfigError) as error:
                    failed, why = failed + 1, error.message
                    found[material.key] = Judgement(material.key, error=error.message)
                progress("judge", len(found), len(materials))

        await asyncio.gather(*(judge_on() for _ in range(self.concurrency)))
        return found

    async def _judge(self, material: Material) -> Judgement:
        key = cache_key(self.model.name, material)
        kept = self.cache.opinions(key, material)
        if kept is not None:
            return Judgement(material.key, kept)
        reply = await self._ask(messages(material))
        try:
            opinions = parse(reply, material)
        except ValueError as error:
            reply = await self._ask(repair(material, reply, str(error)))
            try:
                opinions = parse(reply, material)
            except ValueError as again:
                return Judgement(material.key, error=f"its reply cannot be used: {again}")
        self.cache.keep(key, reply)
        return Judgement(material.key, opinions)

    async def _ask(self, prompt: Sequence[tuple[str, str]]) -> str:
        return await complete(self.model, prompt, self.http, sleep=self.sleep)
