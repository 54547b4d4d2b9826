"""Plan and apply against the real engine: exact, repeatable, and healed after any interruption."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from kbtool.dify.objects import StoredDocument
from kbtool.embedded import FailingEmbedding
from kbtool.errors import ConfigError, IndexingFailed, StalePlan, Unavailable, UnsafePlan
from kbtool.sync.apply import Sync
from kbtool.sync.plan import Action, Plan, plan
from kbtool.sync.render import HASH, KEY, Rendered, render
from tests.server import PROFILE, Server, document, run

PAGES = (
    document(
        "Refunds", "## Time limit\n\nYou have 30 days, naïvely.\n\n### Exceptions\n\nGift cards.\n", "k1"
    ),
    document("Shipping", "Ships in ¾ day.\n\n## Cost\n\n```py\nif x:\n\n\n    y()\n```\n", "k2"),
    document("退款政策", "## 时限\n\n收货后三十天内。\n\n## 例外\n\n礼品卡不支持退款。\n", "k3"),
)
CORPUS = tuple(render(page) for page in PAGES)


async def sync_once(server: Server, corpus: Sequence[Rendered], *, force: bool = False) -> Plan:
    async with server.client() as client:
        sync = Sync(client, PROFILE, poll=0.01)
        made = await sync.plan(corpus)
        await sync.apply(made, corpus, force=force)
        return made


async def look(server: Server) -> dict[str, StoredDocument]:
    async with server.client() as client:
        dataset = await client.find_dataset(PROFILE.name)
        assert dataset
        stored = await client.documents(dataset.id)
        assert len({document.name for document in stored}) == len(stored)
        return {document.metadata.get(KEY, ""): document for document in stored}


def test_what_was_sent_is_what_is_stored(server: Callable[..., Server]) -> None:
    made = run(sync_once(server(), CORPUS))
    assert made.creates_dataset
    assert made.counts[Action.CREATE] == 3
    stored = run(look(server()))
    assert {key: document.metadata[HASH] for key, document in stored.items()} == {
        page.key: page.hash for page in CORPUS
    }


def test_applying_a_plan_leaves_an_empty_plan(server: Callable[..., Server]) -> None:
    run(sync_once(server(), CORPUS))
    again = server()
    assert run(sync_once(again, CORPUS)).is_empty
    assert not [request for request in again.requests if not request.startswith("GET")]


def test_one_changed_page_is_one_update_in_place(server: Callable[..., Server]) -> None:
    run(sync_once(server(), CORPUS))
    before = run(look(server()))
    changed = render(document("Refunds", "## Time limit\n\nYou have 60 days.\n", "k1"))
    made = run(sync_once(server(), (changed, *CORPUS[1:])))
    assert [(change.action, change.key) for change in made.changes] == [(Action.UPDATE, "k1")]
    after = run(look(server()))
    assert after["k1"].id == before["k1"].id
    assert after["k1"].metadata[HASH] == changed.hash


def test_a_renamed_page_stays_one_document(server: Callable[..., Server]) -> None:
    run(sync_once(server(), CORPUS))
    renamed = render(document("Money back", "## Time limit\n\nYou have 30 days.\n", "k1"))
    run(sync_once(server(), (renamed, *CORPUS[1:])))
    stored = run(look(server()))
    assert len(stored) == 3
    assert stored["k1"].name.startswith("Money back #")


def test_what_left_the_corpus_leaves_the_dataset(server: Callable[..., Server]) -> None:
    run(sync_once(server(), CORPUS))
    made = run(sync_once(server(), CORPUS[:2]))
    assert [(change.action, change.key) for change in made.changes] == [(Action.DELETE, "k3")]
    assert set(run(look(server()))) == {"k1", "k2"}


def test_killed_at_any_request_the_next_run_heals(tmp_path: Path) -> None:
    changed = render(document("Shipping", "Ships today.\n", "k2"))
    corpus = (CORPUS[0], changed)
    for after in range(100):
        path = tmp_path / f"{after}.sqlite"
        run(sync_once(Server(path), CORPUS[1:]))
        dying = Server(path, dies_after=after)
        is_whole = True
        try:
            run(sync_once(dying, corpus))
        except Unavailable:
            is_whole = False
        run(sync_once(Server(path), corpus))
        stored = run(look(Server(path)))
        assert {key: found.metadata[HASH] for key, found in stored.items()} == {
            page.key: page.hash for page in corpus
        }
        assert run(sync_once(Server(path), corpus)).is_empty
        if is_whole:
            break
    assert is_whole
    assert after > 10


def test_a_failed_document_is_named_and_then_repaired(server: Callable[..., Server]) -> None:
    broken = server(faults=(FailingEmbedding("30 days", "model overloaded"),))
    with pytest.raises(IndexingFailed, match=r"Refunds.*model overloaded"):
        run(sync_once(broken, CORPUS))
    made = run(sync_once(server(), CORPUS))
    assert {change.action for change in made.changes} == {Action.REPAIR}
    assert all(found.indexing_status == "completed" for found in run(look(server())).values())


def test_a_misspelt_model_is_refused_before_anything_is_made(server: Callable[..., Server]) -> None:
    async def work() -> None:
        async with server().client() as client:
            sync = Sync(client, replace(PROFILE, embedding_model="bge-m33"), poll=0.01)
            await sync.apply(await sync.plan(CORPUS), CORPUS)

    with pytest.raises(ConfigError, match="bge-m33") as caught:
        run(work())
    assert "words-and-bigrams" in caught.value.hint


def test_a_plan_that_is_no_longer_true_is_refused(server: Callable[..., Server]) -> None:
    async def work() -> None:
        async with server().client() as client:
            sync = Sync(client, PROFILE, poll=0.01)
            made = await sync.plan(CORPUS)
            await sync.apply(made, CORPUS)
            await sync.apply(made, CORPUS)

    with pytest.raises(StalePlan):
        run(work())


def test_another_model_is_a_named_conflict_not_a_surprise(server: Callable[..., Server]) -> None:
    run(sync_once(server(), CORPUS))

    async def work() -> Plan:
        async with server().client() as client:
            return await Sync(client, replace(PROFILE, embedding_model="other")).plan(CORPUS)

    made = run(work())
    with pytest.raises(UnsafePlan, match="embedding model is words-and-bigrams"):
        made.require_safe(force=True)


def stored(name: str, key: str = "", **changes: object) -> StoredDocument:
    metadata = {KEY: key, HASH: "h"} if key else {}
    found = StoredDocument(f"id-{name}-{key}", name, "completed", "", True, False, "api", metadata)
    return replace(found, **changes)  # type: ignore[arg-type]  # fields by name


def test_a_foreign_document_of_our_name_makes_the_plan_refuse() -> None:
    made = plan(CORPUS, [stored(CORPUS[0].name, created_from="web")], None, PROFILE)
    with pytest.raises(UnsafePlan, match="not ours"):
        made.require_safe(force=True)


def test_other_peoples_documents_are_left_alone() -> None:
    made = plan(CORPUS[:1], [stored("Handbook.pdf", created_from="web"), stored("notes")], None, PROFILE)
    assert made.foreign == 2
    assert [change.action for change in made.changes] == [Action.CREATE]


def test_a_mass_deletion_needs_force() -> None:
    held = [stored(f"page {i}", f"key{i}") for i in range(10)]
    made = plan((), held, None, PROFILE)
    with pytest.raises(UnsafePlan, match="delete 10 of 10"):
        made.require_safe()
    made.require_safe(force=True)
    plan((), held, None, PROFILE, prune=False).require_safe()
    plan((), held[:5], None, PROFILE).require_safe()


def test_a_second_copy_is_deleted_and_the_current_one_kept() -> None:
    page = CORPUS[0]
    old = stored("Old name #1", page.key)
    current = stored(page.name, page.key, metadata={KEY: page.key, HASH: page.hash})
    made = plan((page,), [old, current], None, PROFILE)
    assert [(change.action, change.document_id) for change in made.changes] == [(Action.DELETE, old.id)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"is_enabled": False}, "disabled"),
        ({"indexing_status": "error", "error": "boom"}, "indexing failed: boom"),
        ({"indexing_status": "waiting"}, "left waiting"),
    ],
)
def test_what_is_there_but_not_usable_is_repaired(changes: dict[str, object], reason: str) -> None:
    page = CORPUS[0]
    found = stored(page.name, page.key, metadata={KEY: page.key, HASH: page.hash}, **changes)
    (change,) = plan((page,), [found], None, PROFILE).changes
    assert (change.action, change.reason) == (Action.REPAIR, reason)


def test_the_checksum_is_of_what_would_be_done() -> None:
    one, other = plan(CORPUS, [], None, PROFILE), plan(CORPUS[::-1], [], None, PROFILE)
    assert one.checksum == other.checksum
    assert one.checksum != plan(CORPUS[:2], [], None, PROFILE).checksum
