"""Carry out a plan, so that at any moment of interruption the next run finds its way.

Order: create and update, wait until all is indexed, read back and compare, write metadata (the hash with
it, and so only for what was verified), then delete; also what another document replaces goes only then.
A document without its hash is repaired by the next plan, so nothing counts as current that was not seen
to be.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from kbtool.dify.client import DifyClient
from kbtool.dify.objects import Dataset, DatasetProfile, StoredDocument
from kbtool.errors import ConfigError, IndexingFailed, StalePlan, Unavailable
from kbtool.model import Skipped
from kbtool.sync.plan import Action, Change, Plan, plan
from kbtool.sync.render import FIELDS, Rendered, first_difference

METADATA_BATCH = 50

Item = TypeVar("Item")


class Progress(Protocol):
    """Told what is being done, how much of it is done, and of how much."""

    def __call__(self, what: str, done: int, total: int) -> None: ...


def quiet(what: str, done: int, total: int) -> None:
    """No progress shown."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done. `chunks` are parents that were sent and read back."""

    changes: int
    chunks: int
    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Sync:
    """One dataset of one server, and how patiently to work on it. Times in seconds.

    `patience` is for what somebody else began (an interrupted run, a person), `deadline` for our own.
    """

    client: DifyClient
    profile: DatasetProfile
    concurrency: int = 4
    poll: float = 1.0
    patience: float = 60.0
    deadline: float = 1800.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def plan(
        self, documents: Sequence[Rendered], *, prune: bool = True, unreadable: Sequence[Skipped] = ()
    ) -> Plan:
        """What must change now. Asks, never writes. `unreadable`: sources that `documents` are without."""
        dataset = await self.client.find_dataset(self.profile.name)
        stored = await self.client.documents(dataset.id) if dataset else []
        return plan(documents, stored, dataset, self.profile, prune=prune, unreadable=unreadable)

    async def apply(
        self,
        approved: Plan,
        documents: Sequence[Rendered],
        *,
        prune: bool = True,
        force: bool = False,
        progress: Progress = quiet,
    ) -> Applied:
        """Do what `approved` says, if that is still what must be done. Raises StalePlan, UnsafePlan."""
        started, before = time.monotonic(), self.client.requests
        approved.require_safe(force=force)
        current = await self.plan(documents, prune=prune)
        if current.checksum != approved.checksum:
            raise StalePlan(
                f"“{approved.dataset}” changed since the plan was made",
                hint="Look at the new plan: `kbtool ingest --plan`.",
            )
        dataset_id = approved.dataset_id or (await self._create_dataset()).id
        by_key = {document.key: document for document in documents}
        writes = [change for change in current.changes if change.action is not Action.DELETE]
        stuck = await self._stuck(dataset_id, writes, progress)
        written = await self._write(dataset_id, writes, stuck, by_key, progress)
        await self._indexed(dataset_id, written, progress)
        await self._verify(dataset_id, written, progress)
        # What create-by-text did not overwrite is now the old copy of what it made; never what was written.
        old = {change.document_id for change in current.changes} - {"", *stuck, *written}
        await self._each(
            "delete", sorted(old), lambda id_: self.client.delete_document(dataset_id, id_), progress
        )
        return Applied(
            changes=len(approved.changes),
            chunks=sum(len(document.chunks) for document in written.values()),
            requests=self.client.requests - before,
            seconds=time.monotonic() - started,
        )

    async def _create_dataset(self) -> Dataset:
        models = await self.client.embedding_models()
        wanted = (self.profile.embedding_provider, self.profile.embedding_model)
        if wanted not in models:
            known = ", ".join(f"{model} ({provider})" for provider, model in models) or "none"
            raise ConfigError(
                f"The server has no embedding model {wanted[1]!r} of provider {wanted[0]!r}",
                hint=f"It has: {known}. Set [dify] embedding_model and embedding_provider.",
            )
        return await self.client.create_dataset(self.profile)

    async def _write(
        self,
        dataset_id: str,
        writes: Sequence[Change],
        stuck: Collection[str],
        by_key: Mapping[str, Rendered],
        progress: Progress,
    ) -> dict[str, Rendered]:
        """Stored document id → what it must hold."""
        written: dict[str, Rendered] = {}

        async def write(change: Change) -> None:
            document = by_key[change.key]
            if change.document_id in stuck:
                await self.client.delete_document(dataset_id, change.document_id)
            id_ = await self.client.create_document(dataset_id, self.profile, document.name, document.text)
            written[id_] = document

        await self._each("send", writes, write, progress)
        return written

    async def _stuck(self, dataset_id: str, writes: Sequence[Change], progress: Progress) -> set[str]:
        """Documents that would be overwritten, and that Dify does not get done with in `patience`.

        Two writes of one document at a time leave every chunk twice (recording 227).
        """
        busy = {change.document_id for change in writes if change.is_indexing and not change.replaces}
        settled = await self._settled("wait", dataset_id, busy, self.patience, progress)
        return busy - settled.keys()

    async def _indexed(self, dataset_id: str, written: Mapping[str, Rendered], progress: Progress) -> None:
        """Wait until Dify has indexed all that was written; raise for what it could not."""
        settled = await self._settled("index", dataset_id, written.keys(), self.deadline, progress)
        if len(settled) < len(written):
            raise Unavailable(
                f"{len(written) - len(settled)} documents are not indexed after {self.deadline:.0f} s",
                hint="Is a Dify worker running? The next `kbtool ingest` goes on from here.",
            )
        failed = [document for document in settled.values() if document.indexing_status != "completed"]
        if failed:
            raise IndexingFailed(
                f"Dify could not index “{failed[0].name}”: {failed[0].error or failed[0].indexing_status}"
                + (f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""),
                hint="Mend the cause and run `kbtool ingest` again; it repairs what failed.",
            )

    async def _settled(
        self, what: str, dataset_id: str, ids: Collection[str], seconds: float, progress: Progress
    ) -> dict[str, StoredDocument]:
        """Those of `ids` that are no longer being indexed: all of them, or what there is after `seconds`.

        By listing, never per document: a listing page shows a hundred.
        """
        until = time.monotonic() + seconds
        settled: dict[str, StoredDocument] = {}
        while len(settled) < len(ids):
            stored = await self.client.documents(dataset_id)
            settled = {found.id: found for found in stored if found.id in ids and found.is_settled}
            progress(what, len(settled), len(ids))
            if len(settled) < len(ids):
                if time.monotonic() >= until:
                    break
                await self.sleep(self.poll)
        return settled

    async def _verify(self, dataset_id: str, written: dict[str, Rendered], progress: Progress) -> None:
        """Read back, compare, and write the metadata of what arrived exactly."""
        if not written:
            return
        wrong: list[str] = []
        arrived: dict[str, Rendered] = {}

        async def read_back(document_id: str) -> None:
            document = written[document_id]
            difference = first_difference(document.chunks, await self.client.chunks(dataset_id, document_id))
            if difference:
                wrong.append(f"“{document.name}”: {difference}")
            else:
                arrived[document_id] = document

        await self._each("verify", list(written), read_back, progress)
        fields = await self.client.require_metadata_fields(dataset_id, FIELDS)
        ids = sorted(arrived)
        for start in range(0, len(ids), METADATA_BATCH):
            batch = {id_: arrived[id_].metadata for id_ in ids[start : start + METADATA_BATCH]}
            await self.client.write_metadata(dataset_id, fields, batch)
        if wrong:
            raise IndexingFailed(
                f"Dify stored other chunks than were sent in {min(wrong)}"
                + (f" (and {len(wrong) - 1} more documents)" if len(wrong) > 1 else ""),
                hint="Run `kbtool ingest` again; if it stays, somebody edits the dataset by hand.",
            )

    async def _each(
        self, what: str, items: Sequence[Item], do: Callable[[Item], Awaitable[None]], progress: Progress
    ) -> None:
        """All items, a few at a time. The first error stops the rest."""
        gate = asyncio.Semaphore(self.concurrency)
        done = 0

        async def one(item: Item) -> None:
            nonlocal done
            async with gate:
                await do(item)
            done += 1
            progress(what, done, len(items))

        try:
            async with asyncio.TaskGroup() as group:
                for item in items:
                    group.create_task(one(item))
        except ExceptionGroup as group_of_errors:
            raise group_of_errors.exceptions[0] from None
