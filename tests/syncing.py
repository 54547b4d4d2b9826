"""Ingests of small corpora as tests want them, and what the dataset holds afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from kbtool.dify.client import DifyClient
from kbtool.dify.objects import DatasetProfile, RetrievalProfile, StoredChunk, StoredDocument
from kbtool.sync.apply import Applied, Sync
from kbtool.sync.changes import ALL_THAT_DIFFERS, Asked, Plan
from kbtool.sync.fields import KEY
from kbtool.sync.form import Form
from kbtool.sync.render import Rendered
from kbtool.sync.waiting import Pace
from tests.server import PROFILE, Server


def profile(form: Form = Form.PARENT_CHILD) -> DatasetProfile:
    return replace(PROFILE, doc_form=form.doc_form)


async def ingest(
    server: Server,
    corpus: Sequence[Rendered],
    asked: Asked = ALL_THAT_DIFFERS,
    *,
    verify: bool = False,
    force: bool = False,
    **pace: Any,
) -> tuple[Plan, Applied]:
    """Plan and apply."""
    async with server.client() as client:
        wanted = profile(corpus[0].form if corpus else Form.PARENT_CHILD)
        sync = Sync(client, wanted, replace(Pace(poll=0.01), **pace))
        made = await sync.plan(corpus, asked, verify=verify)
        return made, await sync.apply(made, corpus, force=force, is_fresh=True)


async def plan_of(
    server: Server, corpus: Sequence[Rendered], asked: Asked = ALL_THAT_DIFFERS, *, verify: bool = False
) -> Plan:
    async with server.client() as client:
        wanted = profile(corpus[0].form if corpus else Form.PARENT_CHILD)
        return await Sync(client, wanted).plan(corpus, asked, verify=verify)


@dataclass(frozen=True)
class Held:
    """What a dataset holds: documents by name with their chunks, and what a search for anything brings."""

    documents: dict[str, tuple[str, str, bool, dict[str, str], tuple[StoredChunk, ...]]]
    found: tuple[tuple[str, str], ...]


async def held(client: DifyClient, name: str = PROFILE.name, query: str = "the") -> Held:
    """Ids and times left out, so that two ways to the same state compare equal."""
    dataset = await client.find_dataset(name)
    if dataset is None:
        return Held({}, ())
    stored = await client.documents(dataset.id)
    assert len({one.name for one in stored}) == len(stored), "a document is there twice"
    documents = {
        one.name: (
            one.indexing_status,
            one.metadata.get(KEY, ""),
            one.is_enabled,
            {name: value for name, value in one.metadata.items() if name.startswith("kbtool_")},
            tuple(await client.chunks(dataset.id, one.id)),
        )
        for one in stored
    }
    hits = await client.retrieve(dataset.id, query, RetrievalProfile(top_k=50)) if stored else []
    return Held(documents, tuple(sorted((hit.document_name, hit.text) for hit in hits)))


async def listed(server: Server) -> list[StoredDocument]:
    async with server.client() as client:
        dataset = await client.find_dataset(PROFILE.name)
        assert dataset
        return await client.documents(dataset.id)


def alter(server: Server, change: str, name: str, *, forget_jobs: bool = False) -> None:
    """Bring a document into a state that takes a person or a crash; without its job it stays so for ever."""
    with closing(sqlite3.connect(server.path)) as db, db:
        assert db.execute(f"UPDATE documents SET {change} WHERE name = ?", (name,)).rowcount == 1
        if forget_jobs:
            db.execute("DELETE FROM jobs")


def sent(requests: Iterable[str]) -> int:
    """How many documents were sent to be embedded."""
    return sum("create-by-text" in request for request in requests)
