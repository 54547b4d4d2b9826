"""Carry out a plan, so that at any moment of interruption the next run finds its way.

Order: create, update and repair, window by window (`writing.py`), then metadata alone, then deletions; what
another document replaces goes only then. A document without its hash is looked at by the next plan, so
nothing counts as current that was not seen to be.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from kbtool.dify.client import DifyClient
from kbtool.dify.objects import Dataset, DatasetProfile
from kbtool.errors import ConfigError, Rejected, StalePlan
from kbtool.model import Skipped
from kbtool.sync.changes import ALL_THAT_DIFFERS, Action, Asked, Change, Plan
from kbtool.sync.plan import SECOND_COPY, plan
from kbtool.sync.render import Rendered, first_difference
from kbtool.sync.waiting import Pace, Progress, Waited, each, quiet, settle
from kbtool.sync.writing import Tally, Writer, kinds

WRITTEN = frozenset({Action.CREATE, Action.UPDATE, Action.REPAIR, Action.REBUILD})


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done. `chunks` are parents that were read back; `polls` are those of the requests that only
    asked how indexing goes.
    """

    changes: int
    chunks: int
    requests: int
    polls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Sync:
    """One dataset of one server, and how patiently to work on it."""

    client: DifyClient
    profile: DatasetProfile
    pace: Pace = field(default_factory=Pace)

    async def plan(
        self,
        documents: Sequence[Rendered],
        asked: Asked = ALL_THAT_DIFFERS,
        *,
        verify: bool = False,
        unreadable: Sequence[Skipped] = (),
        progress: Progress = quiet,
    ) -> Plan:
        """What must change now. Asks, never writes. `unreadable`: sources that `documents` are without.

        `verify` reads every document back, also those that count as current: what was edited, added, deleted
        or switched off by hand is to be repaired.
        """
        dataset = await self.client.find_dataset(self.profile.name)
        stored = await self.client.documents(dataset.id) if dataset else []
        made = plan(documents, stored, dataset, self.profile, asked, unreadable=unreadable)
        if not (verify and dataset):
            return made
        changing = {change.key for change in made.changes if change.action in WRITTEN}
        names = {found.name: found.id for found in stored if found.is_enabled and found.is_settled}
        current = {
            names[document.name]: document
            for document in documents
            if document.key not in changing and document.name in names
        }
        edited = await self._edited(dataset.id, current, progress)
        return plan(
            documents, stored, dataset, self.profile, replace(asked, edited=edited), unreadable=unreadable
        )

    async def _edited(
        self, dataset_id: str, current: Mapping[str, Rendered], progress: Progress
    ) -> dict[str, str]:
        """First differences by stored document id."""
        edited: dict[str, str] = {}
        tally = Tally(progress, len(current))

        async def read(id_: str) -> None:
            difference = first_difference(current[id_].chunks, await self.client.chunks(dataset_id, id_))
            if difference:
                edited[id_] = difference
            tally.did("verify")

        await each(current.keys(), read, at_once=self.pace.concurrency)
        return edited

    async def apply(
        self,
        approved: Plan,
        documents: Sequence[Rendered],
        *,
        force: bool = False,
        is_fresh: bool = False,
        progress: Progress = quiet,
    ) -> Applied:
        """Do what `approved` says. Raises StalePlan, UnsafePlan, IndexingFailed.

        It is planned again first, and refused when it is no longer what must be done; not if it `is_fresh`:
        made a moment ago, and waited for nobody's word.
        """
        started, before = time.monotonic(), self.client.requests
        approved.require_safe(force=force)
        if not is_fresh:
            current = await self.plan(documents, approved.asked)
            if current.checksum != approved.checksum:
                raise StalePlan(
                    f"“{approved.dataset}” changed since the plan was made",
                    hint="Look at the new plan: `kbtool ingest --plan`.",
                )
        tally = await self._work(approved, documents, progress)
        return Applied(
            changes=len(approved.changes),
            chunks=tally.chunks,
            requests=self.client.requests - before,
            polls=tally.polls,
            seconds=time.monotonic() - started,
        )

    async def _work(self, approved: Plan, documents: Sequence[Rendered], progress: Progress) -> Tally:
        by_key = {document.key: document for document in documents}
        changes = approved.changes
        writes = [change for change in changes if change.action in WRITTEN]
        describes = [change for change in changes if change.action is Action.DESCRIBE]
        tally = Tally(progress, len(writes))
        dataset_id = approved.dataset_id or (await self._create_dataset()).id
        if writes or describes:
            writer = await self._writer(dataset_id, writes, by_key, tally, progress)
            off = [change.document_id for change in writes if change.is_off]
            if off:
                await self.client.switch_documents(dataset_id, "enable", off)
            rebuilt = [change for change in writes if change.action is Action.REBUILD]
            await writer.begin_rebuild(rebuilt)
            others = [change for change in writes if change.action is not Action.REBUILD]
            await writer.write(others, by_key, window=self.pace.window)
            await writer.write(rebuilt, by_key, window=self.pace.rebuild_window)
            await writer.describe({change.document_id: by_key[change.key] for change in describes})
            writer.require_all_right()
            kept = writer.written
        else:
            kept = set()
        # What create-by-text did not overwrite is now the old copy of what it made; never what was written.
        goes = [change for change in changes if change.action is Action.DELETE or change.replaces]
        old = {change.document_id for change in goes} - kept - {""}
        await self._settled(dataset_id, goes, tally, progress)
        await self._delete(dataset_id, sorted(old), progress)
        if any(change.action is Action.CREATE for change in changes):
            await self._delete_second_copies(documents, approved, tally, progress)
        return tally

    async def _writer(
        self,
        dataset_id: str,
        writes: Sequence[Change],
        by_key: Mapping[str, Rendered],
        tally: Tally,
        progress: Progress,
    ) -> Writer:
        """A writer for these changes, once Dify has got done with what it was at, or does not get done."""
        names = {name for document in by_key.values() for name in document.metadata}
        fields = await self.client.require_metadata_fields(dataset_id, kinds(sorted(names)))
        overwritten = [change for change in writes if not change.replaces]
        waited = await self._settled(dataset_id, overwritten, tally, progress)
        return Writer(
            self.client, dataset_id, self.profile, self.pace, fields, tally, waited.busy, waited.failed
        )

    async def _settled(
        self, dataset_id: str, changes: Sequence[Change], tally: Tally, progress: Progress
    ) -> Waited:
        """Wait for what was being indexed already when the plan was made.

        What is deleted meanwhile leaves its vectors behind, which take the places of hits (338).
        """
        busy = {change.document_id for change in changes if change.is_indexing}
        waited = await settle(
            self.client,
            dataset_id,
            busy,
            self.pace,
            seconds=self.pace.patience,
            stall=self.pace.patience,
            told=lambda settled: progress("wait", settled, len(busy)),
        )
        tally.polls += waited.polls
        return waited

    async def _delete(self, dataset_id: str, ids: Sequence[str], progress: Progress) -> None:
        deleted = Tally(progress, len(ids))

        async def delete(id_: str) -> None:
            await self.client.delete_document(dataset_id, id_)
            deleted.did("delete")

        await each(ids, delete, at_once=self.pace.concurrency)

    async def _delete_second_copies(
        self, documents: Sequence[Rendered], approved: Plan, tally: Tally, progress: Progress
    ) -> None:
        """Two runs at once may both have created a page; both keep the same copy of it."""
        before = self.client.requests
        after = await self.plan(documents, approved.asked)
        tally.polls += self.client.requests - before
        copies = [change.document_id for change in after.changes if change.reason == SECOND_COPY]
        if copies:
            await self._delete(after.dataset_id, copies, progress)

    async def _create_dataset(self) -> Dataset:
        models = await self.client.embedding_models()
        wanted = (self.profile.embedding_provider, self.profile.embedding_model)
        if wanted not in models:
            known = ", ".join(f"{model} ({provider})" for provider, model in models) or "none"
            raise ConfigError(
                f"The server has no embedding model {wanted[1]!r} of provider {wanted[0]!r}",
                hint=f"It has: {known}. Set [dify] embedding_model and embedding_provider.",
            )
        try:
            return await self.client.create_dataset(self.profile)
        except Rejected as error:
            if error.status != 409:
                raise
            raise StalePlan(
                f"Somebody else made “{self.profile.name}” since the plan was made",
                hint="Look at the new plan: `kbtool ingest --plan`.",
            ) from error
