"""Indexing in the background, one job after the other, each step one short transaction.

Jobs are rows, written with the change that asks for them, so a restart goes on where it stopped. The task
lives only while there are jobs: nothing has to be started before the first request. Several processes may
share one file: each takes a job by name, and what a process left behind is taken over after a while.

    index    a document: waiting -> parsing -> indexing -> completed, or error with the sentence that says why
    toggle   a document was enabled, disabled, archived or un-archived: its units follow
    reindex  a dataset has a new model: drop the index, then document by document [236-240, 435-445]
    unindex  a dataset became economy: drop the index
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Sequence
from functools import partial

from kbtool.embedded import files, index, indexing, rules, segments
from kbtool.embedded.database import Database, new_id, number, one, update
from kbtool.embedded.faults import EmbeddingFailed
from kbtool.embedded.models import Models
from kbtool.embedded.search import Unit
from kbtool.embedded.settings import EmbeddingModel

SECONDS_TO_LIVE = 60.0  # a job that was taken longer ago than this belongs to nobody
SECONDS_BETWEEN_LOOKS = 0.1


class Indexer:
    """Runs the jobs of one database. `hold` stops it between two steps, as when no worker runs [348, 349]."""

    def __init__(self, database: Database, models: Models) -> None:
        self._database = database
        self._models = models
        self._task: asyncio.Task[None] | None = None
        self._gate = asyncio.Event() if models.faults.has_no_worker() else None
        self._name = new_id()

    def wake(self) -> None:
        """Go on if there may be something to do. Call it on the event loop after every write."""
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()  # a bug in a job must not pass in silence
        if self._task is None or self._task.done() or self._task.get_loop() is not asyncio.get_running_loop():
            self._task = asyncio.get_running_loop().create_task(self._work())

    def hold(self) -> None:
        if self._gate is None:
            self._gate = asyncio.Event()

    def release(self) -> None:
        if self._gate is not None:
            self._gate.set()
            self._gate = None

    async def settle(self) -> None:
        """Wait until no job is left; while indexing is held that is never."""
        self.wake()
        if self._task is not None:
            await self._task

    async def aclose(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            free = "UPDATE jobs SET owner = NULL, taken_at = NULL WHERE owner = ?"
            await self._database.run(lambda db: db.execute(free, (self._name,)))

    async def _work(self) -> None:
        while True:
            await self._pass()
            job = await self._database.run(self._take)
            if job is None:
                if not await self._database.run(lambda db: number(db, "SELECT count(*) FROM jobs")):
                    return
                await asyncio.sleep(SECONDS_BETWEEN_LOOKS)  # somebody else is at them
                continue
            await self._do(job["kind"], job["target"])
            await self._database.run(partial(_remove_job, job=job["number"]))

    def _take(self, db: sqlite3.Connection) -> sqlite3.Row | None:
        """The next job that nobody is at, nor at another one for the same target."""
        now = time.time()
        taken = "SELECT target FROM jobs WHERE owner <> ? AND taken_at > ?"
        job = one(
            db,
            f"SELECT * FROM jobs WHERE target NOT IN ({taken}) ORDER BY number LIMIT 1",  # noqa: S608
            (self._name, now - SECONDS_TO_LIVE),
        )
        if job is not None:
            mine = (self._name, now, job["number"])
            db.execute("UPDATE jobs SET owner = ?, taken_at = ? WHERE number = ?", mine)
        return job

    async def _pass(self) -> None:
        while self._gate is not None:
            await self._gate.wait()

    async def _do(self, kind: str, target: str) -> None:
        match kind:
            case "index":
                await self._index(target)
            case "toggle":
                await self._database.run(lambda db: _toggle(db, self._models, target))
            case "unindex":
                await self._database.run(lambda db: _drop(db, target))
            case "reindex":
                await self._reindex(target)

    async def _reindex(self, dataset_id: str) -> None:
        faults = self._models.faults
        is_stale = faults.old_model_kept() is not None
        ids = await self._database.run(lambda db: _begin_reindex(db, dataset_id, keeps_model=is_stale))
        for document_id in ids[: faults.half_embedded()]:
            await self._embed(document_id, None)

    async def _index(self, document_id: str) -> None:
        started = time.monotonic()
        if not await self._database.run(lambda db: _begin(db, document_id)):
            return
        await asyncio.sleep(self._models.faults.indexing_seconds())
        if await self._database.run(lambda db: _split(db, document_id)):
            await self._embed(document_id, started)

    async def _embed(self, document_id: str, started: float | None) -> None:
        await self._pass()
        prepared = await self._database.run(lambda db: _prepare(db, document_id))
        if prepared is None:
            return
        dataset, units = prepared
        texts = [unit.text for unit in units]
        await asyncio.sleep(self._models.faults.embedding_seconds(texts))
        vectors: Sequence[bytes | None] = [None] * len(units)
        if dataset["indexing_technique"] == "high_quality":
            try:
                model, name = self._model_of(dataset)
                vectors = await self._models.embed_apart(model, name, texts)
            except EmbeddingFailed as error:
                message = str(error)
                await self._database.run(lambda db: _fail(db, document_id, message))
                return
        latency = None if started is None else time.monotonic() - started
        await self._database.run(
            lambda db: _finish(db, self._models, dataset, document_id, units, vectors, latency)
        )

    def _model_of(self, dataset: sqlite3.Row) -> tuple[EmbeddingModel | None, str]:
        """The model that embeds: the dataset's, or under `OldModelKept` the one that wrote its index."""
        if self._models.faults.old_model_kept() is not None and dataset["indexed_by"] is not None:
            provider, name, _ = json.loads(dataset["indexed_by"])
            return self._models.find(provider, name), name
        return self._models.of(dataset), str(dataset["embedding_model"])


def _remove_job(db: sqlite3.Connection, *, job: int) -> None:
    db.execute("DELETE FROM jobs WHERE number = ?", (job,))


def _begin(db: sqlite3.Connection, document_id: str) -> bool:
    row = _document(db, document_id)
    if row is None:
        return False
    index.forget_document(db, row)
    db.execute("DELETE FROM segments WHERE document_id = ?", (document_id,))
    db.execute("DELETE FROM children WHERE document_id = ?", (document_id,))
    unset = dict.fromkeys(
        ("parsing_completed_at", "cleaning_completed_at", "splitting_completed_at", "completed_at")
    )
    update(
        db,
        "documents",
        document_id,
        unset | {"indexing_status": "parsing", "error": None, "processing_started_at": time.time()},
    )
    return True


def _split(db: sqlite3.Connection, document_id: str) -> bool:
    row = _document(db, document_id)
    if row is None:
        return False
    now = time.time()
    update(db, "documents", document_id, {"parsing_completed_at": now})
    rule = rules.to_follow(rules.of_document(db, row))
    try:
        pages = files.pages(row["text"], json.loads(row["upload"])["extension"])
        pieces = [piece for page in pages for piece in indexing.split(page, rule, row["doc_form"])]
    except indexing.SplitError as error:
        _fail(db, document_id, str(error))
        return False
    for position, piece in enumerate(pieces, 1):
        segments.add(db, row, position, piece.content, now, children=piece.children)
    words = sum(len(piece.content) for piece in pieces)
    done = {"cleaning_completed_at": now, "splitting_completed_at": now}
    update(db, "documents", document_id, done | {"indexing_status": "indexing", "word_count": words})
    return True


def _prepare(db: sqlite3.Connection, document_id: str) -> tuple[sqlite3.Row, list[Unit]] | None:
    row = _document(db, document_id)
    if row is None:
        return None
    ids = db.execute("SELECT id FROM segments WHERE document_id = ? AND enabled", (document_id,)).fetchall()
    return index.dataset_of(db, row), index.units_of(db, [found["id"] for found in ids])


def _finish(
    db: sqlite3.Connection,
    models: Models,
    dataset: sqlite3.Row,
    document_id: str,
    units: Sequence[Unit],
    vectors: Sequence[bytes | None],
    latency: float | None,
) -> None:
    """The units are written even if the document was deleted meanwhile: they stay as orphans [338, 339]."""
    if index.by_id(db, dataset["id"]) is None:
        return
    index.add_units(db, models, dataset, units, vectors)
    now = time.time()
    db.execute(
        "UPDATE segments SET status = 'completed', completed_at = ?"
        " WHERE document_id = ? AND status = 'indexing'",
        (now, document_id),
    )
    done = {
        "indexing_status": "completed",
        "completed_at": now,
        "tokens": _tokens(db, document_id),
        "error": None,
    }
    update(db, "documents", document_id, done | ({} if latency is None else {"indexing_latency": latency}))


def _fail(db: sqlite3.Connection, document_id: str, message: str) -> None:
    update(
        db,
        "documents",
        document_id,
        {"indexing_status": "error", "error": message, "stopped_at": time.time()},
    )


def _toggle(db: sqlite3.Connection, models: Models, document_id: str) -> None:
    row = _document(db, document_id)
    if row is None:
        return
    index.forget_document(db, row)
    if row["enabled"] and not row["archived"]:
        ids = db.execute(
            "SELECT id FROM segments WHERE document_id = ? AND enabled", (document_id,)
        ).fetchall()
        try:
            index.add_segments(db, models, index.dataset_of(db, row), [found["id"] for found in ids])
        except EmbeddingFailed as error:
            _fail(db, document_id, str(error))
    update(db, "documents", document_id, {"is_toggling": 0})


def _begin_reindex(db: sqlite3.Connection, dataset_id: str, *, keeps_model: bool) -> list[str]:
    """The whole index goes first; documents that are off, archived or in error are not embedded again."""
    written_by = index.by_id(db, dataset_id)
    _drop(db, dataset_id)
    if keeps_model and written_by is not None:
        update(db, "datasets", dataset_id, {"indexed_by": written_by["indexed_by"]})
    # "indexing" too: a re-index that was interrupted begins again
    rows = db.execute(
        "SELECT id FROM documents WHERE dataset_id = ? AND indexing_status IN ('completed', 'indexing')"
        " AND enabled AND NOT archived ORDER BY number",
        (dataset_id,),
    ).fetchall()
    ids = [row["id"] for row in rows]
    db.execute(
        "UPDATE documents SET indexing_status = 'indexing' WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(ids),),
    )
    return ids


def _drop(db: sqlite3.Connection, dataset_id: str) -> None:
    if (dataset := index.by_id(db, dataset_id)) is not None:
        index.drop(db, dataset)


def _document(db: sqlite3.Connection, document_id: str) -> sqlite3.Row | None:
    return one(db, "SELECT * FROM documents WHERE id = ?", (document_id,))


def _tokens(db: sqlite3.Connection, document_id: str) -> int:
    rows = db.execute("SELECT content FROM segments WHERE document_id = ?", (document_id,))
    return sum(segments.count_tokens(row["content"]) for row in rows)
