"""Send documents, wait, read back, describe: window by window, so that little is unverified at any moment.

The hash is written with the other metadata, and only for what was read back and found equal. What an
interrupted run has sent already is looked at first, and not embedded again where it is right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from kbtool.dify.client import DifyClient
from kbtool.dify.objects import DatasetProfile, FieldType, StoredChunk
from kbtool.dify.wire.refusals import is_rate_limit
from kbtool.errors import IndexingFailed, Unavailable
from kbtool.sync.changes import Action, Change
from kbtool.sync.fields import HASH, REBUILDING, TIMES
from kbtool.sync.form import Form
from kbtool.sync.render import Rendered, first_difference
from kbtool.sync.waiting import Pace, Progress, each, settle

DESCRIBED_AT_ONCE = 50
CHUNKS_AT_ONCE = 20
"""Chunks in one request; Dify embeds them before it answers, 50 in six seconds (contract §3)."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a document is not what it should be, and how often it is worth to send it again."""

    name: str
    why: str
    retries: int
    is_of_server: bool


@dataclass(slots=True)
class Tally:
    """What was done so far, told to `progress` as it grows."""

    progress: Progress
    total: int
    done: Counter[str] = field(default_factory=Counter)
    chunks: int = 0
    polls: int = 0

    def did(self, what: str, count: int = 1) -> None:
        self.done[what] += count
        self.show(what)

    def show(self, what: str, more: int = 0) -> None:
        self.progress(what, min(self.done[what] + more, self.total), self.total)


@dataclass(slots=True)
class Writer:
    """Writes documents into one dataset. `fields` are the ids of the metadata fields by name.

    `stuck` are stored documents that Dify does not get done with: they are deleted before they are sent,
    since two writes of one document at a time leave every chunk twice (recording 227). `failed` ended in an
    error while they were waited for.
    """

    client: DifyClient
    dataset_id: str
    profile: DatasetProfile
    pace: Pace
    fields: Mapping[str, str]
    tally: Tally
    stuck: Collection[str] = ()
    failed: Collection[str] = ()
    written: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    async def write(
        self, changes: Sequence[Change], documents: Mapping[str, Rendered], *, window: int
    ) -> None:
        """Make every change true, `window` at a time. What fails is in `problems`; where all of a window
        fails, the rest is not tried.
        """
        for some in batches(changes, window):
            before = len(self.problems)
            await self._window({change.key: change for change in some}, documents)
            if len(self.problems) - before == len(some):
                break

    async def describe(self, documents: Mapping[str, Rendered]) -> None:
        """Write the metadata of stored documents, the hash among it."""
        for batch in batches(sorted(documents), DESCRIBED_AT_ONCE):
            values = {id_: as_values(documents[id_].metadata) for id_ in batch}
            await self.client.write_metadata(self.dataset_id, self.fields, values)

    async def begin_rebuild(self, changes: Sequence[Change]) -> None:
        """Mark all that will be made anew, so that whatever run comes next goes on with them."""
        ids = [change.document_id for change in changes]
        for batch in batches(ids, DESCRIBED_AT_ONCE):
            await self.client.write_metadata(
                self.dataset_id, self.fields, {id_: {HASH: REBUILDING} for id_ in batch}
            )

    def require_all_right(self) -> None:
        """Raise IndexingFailed for the first document that is not what it should be."""
        if not self.problems:
            return
        first = min(self.problems, key=lambda problem: problem.name)
        more = f" (and {len(self.problems) - 1} more documents)" if len(self.problems) > 1 else ""
        if first.is_of_server:
            raise IndexingFailed(
                f"Dify could not index “{first.name}”: {first.why}{more}",
                hint="Mend the cause and run `kbtool ingest` again; it repairs what failed.",
            )
        raise IndexingFailed(
            f"Dify stored other chunks than were sent in “{first.name}”: {first.why}{more}",
            hint="Run `kbtool ingest` again; if it stays, somebody edits the dataset at the same time.",
        )

    async def _window(self, changes: dict[str, Change], documents: Mapping[str, Rendered]) -> None:
        arrived: dict[str, Rendered] = {}
        todo = dict(changes)
        await self._look(todo, documents, arrived)
        attempt = 0
        while todo:
            sent = await self._send(todo.values(), documents, is_first=attempt == 0)
            problems = await self._receive(sent, arrived)
            attempt += 1
            lasting = [problem for problem in problems.values() if problem.retries < attempt]
            self.problems += lasting
            todo = {key: todo[key] for key, problem in problems.items() if problem.retries >= attempt}
            if todo:
                await self.pace.sleep(self.pace.poll * 2**attempt)
        await self.describe(arrived)
        self.written |= arrived.keys()
        self.tally.chunks += sum(len(document.chunks) for document in arrived.values())

    async def _look(
        self, todo: dict[str, Change], documents: Mapping[str, Rendered], arrived: dict[str, Rendered]
    ) -> None:
        """Take out of `todo` what is there already and right."""

        async def look(change: Change) -> None:
            document = documents[change.key]
            if not await self._difference(change.document_id, document):
                arrived[change.document_id] = document
                del todo[change.key]
                for what in ("send", "index", "verify"):
                    self.tally.did(what)

        unsure = {*self.stuck, *self.failed}
        seen = [one for one in todo.values() if one.may_be_there and one.document_id not in unsure]
        await each(seen, look, at_once=self.pace.concurrency)

    async def _send(
        self, changes: Collection[Change], documents: Mapping[str, Rendered], *, is_first: bool
    ) -> dict[str, Rendered]:
        """Stored document id → what it must hold."""
        sent: dict[str, Rendered] = {}

        async def send(change: Change) -> None:
            document = documents[change.key]
            if is_first and (change.action is Action.REBUILD or change.document_id in self.stuck):
                await self.client.delete_document(self.dataset_id, change.document_id)
            id_ = await self.client.create_document(
                self.dataset_id, self.profile, document.name, document.text
            )
            sent[id_] = document
            if is_first:
                self.tally.did("send")

        await each(changes, send, at_once=self.pace.concurrency)
        return sent

    async def _receive(
        self, sent: Mapping[str, Rendered], arrived: dict[str, Rendered]
    ) -> dict[str, Problem]:
        """Wait and read back. What is right goes to `arrived`, what is not comes back, by key."""
        waited = await settle(
            self.client,
            self.dataset_id,
            sent.keys(),
            self.pace,
            seconds=self.pace.deadline,
            stall=self.pace.stall,
            told=lambda settled: self.tally.show("index", settled),
        )
        self.tally.polls += waited.polls
        if waited.busy:
            raise Unavailable(
                f"{len(waited.busy)} documents are not indexed, and nothing has moved for a while",
                hint="Is a Dify worker running? The next `kbtool ingest` goes on from here.",
            )
        problems: dict[str, Problem] = {}

        async def read_back(id_: str) -> None:
            document = sent[id_]
            failed = waited.failed.get(id_)
            if failed:
                why = failed.error or "no reason given"
                retries = 2 if is_rate_limit(why) else 0
                problems[document.key] = Problem(document.name, why, retries, is_of_server=True)
                return
            difference = await self._difference(id_, document)
            if difference:
                problems[document.key] = Problem(document.name, difference, 1, is_of_server=False)
                return
            arrived[id_] = document
            self.tally.did("index")
            self.tally.did("verify")

        await each(sent.keys(), read_back, at_once=self.pace.concurrency)
        return problems

    async def _difference(self, document_id: str, document: Rendered) -> str:
        """What is otherwise in the stored document, "" for nothing; one that is to be filled is filled."""
        stored = await self.client.chunks(self.dataset_id, document_id)
        if document.form is Form.SEGMENTS and not stored:
            failed = await self._fill(document_id, document)
            if failed:
                return failed
            stored = await self.client.chunks(self.dataset_id, document_id)
        return first_difference(document.chunks, stored)

    async def _fill(self, document_id: str, document: Rendered) -> str:
        """Send the chunks one by one, and where Dify cuts other children than ours, those too."""
        for batch in batches(document.chunks, CHUNKS_AT_ONCE):
            texts = [chunk.text for chunk in batch]
            made = await self.client.create_chunks(self.dataset_id, document_id, texts)
            failed = next((chunk.error for chunk in made if chunk.error), "")
            if failed:
                return f"a section could not be embedded: {failed}"
        stored = await self.client.chunks(self.dataset_id, document_id)
        for wanted, found in zip(document.chunks, stored, strict=False):
            if wanted.children != found.children:
                await self._replace_children(document_id, wanted, found)
        return ""

    async def _replace_children(self, document_id: str, wanted: StoredChunk, found: StoredChunk) -> None:
        for child_id in found.child_ids:
            await self.client.delete_child(self.dataset_id, document_id, found.id, child_id)
        for text in wanted.children:
            await self.client.create_child(self.dataset_id, document_id, found.id, text)


def as_values(metadata: Mapping[str, str]) -> dict[str, str | int | float | None]:
    """As they are written: what the page has no longer is emptied."""
    return {
        name: (int(value) if name in TIMES else value) if value else None for name, value in metadata.items()
    }


def kinds(names: Collection[str]) -> dict[str, FieldType]:
    """The type of each metadata field."""
    return {name: "time" if name in TIMES else "string" for name in names}


def batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))
