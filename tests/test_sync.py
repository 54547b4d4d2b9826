"""Plan and apply against the real engine: exact, repeatable, and healed after any interruption."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kbtool.dify.objects import StoredDocument
from kbtool.embedded import FailingEmbedding, SlowIndexing
from kbtool.errors import ConfigError, IndexingFailed, StalePlan, Unavailable, UnsafePlan
from kbtool.sync.apply import Sync
from kbtool.sync.changes import Action, Plan
from kbtool.sync.fields import HASH, KEY
from kbtool.sync.render import Rendered, render
from kbtool.sync.waiting import Pace
from tests.server import PROFILE, Server, document, run
from tests.syncing import alter, ingest, listed

PAGES = (
    document(
        "Refunds", "## Time limit\n\nYou have 30 days, naïvely.\n\n### Exceptions\n\nGift cards.\n", "k1"
    ),
    document("Shipping", "Ships in ¾ day.\n\n## Cost\n\n```py\nif x:\n\n\n    y()\n```\n", "k2"),
    document("退款政策", "## 时限\n\n收货后三十天内。\n\n## 例外\n\n礼品卡不支持退款。\n", "k3"),
)
CORPUS = tuple(render(page) for page in PAGES)


async def sync_once(server: Server, corpus: Sequence[Rendered], *, force: bool = False, **pace: Any) -> Plan:
    return (await ingest(server, corpus, force=force, **pace))[0]


def changed(key: str) -> Rendered:
    return render(document("Refunds", "## Time limit\n\nYou have 60 days.\n", key))


async def look(server: Server) -> dict[str, StoredDocument]:
    stored = await listed(server)
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
    made = run(sync_once(server(), (changed("k1"), *CORPUS[1:])))
    assert [(change.action, change.key) for change in made.changes] == [(Action.UPDATE, "k1")]
    after = run(look(server()))
    assert after["k1"].id == before["k1"].id
    assert after["k1"].metadata[HASH] == changed("k1").hash


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


GIFTS = render(document("Gifts", "Gift cards never end.\n", "k4"))
PRESENTS = render(document("Presents", "Gift cards never end.\n", "k4"))


def test_a_server_that_dies_at_any_request_leaves_what_the_next_run_completes(tmp_path: Path) -> None:
    corpus = (CORPUS[0], render(document("Shipping", "Ships today.\n", "k2")), PRESENTS)
    for after in range(100):
        path = tmp_path / f"{after}.sqlite"
        run(sync_once(Server(path), (*CORPUS[1:], GIFTS)))
        dying = Server(path, dies_after=after)
        is_whole = True
        try:
            run(sync_once(dying, corpus))
        except Unavailable:
            is_whole = False
        names = {found.name for found in run(listed(Server(path))) if found.metadata.get(KEY) == "k4"}
        assert names & {GIFTS.name, PRESENTS.name}, "a renamed page is there at every moment"
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


@pytest.mark.parametrize(
    "lost",
    [
        r"POST /v1/datasets$",
        r"POST .*/datasets/[^/]+/metadata$",
        r"POST .*/documents/metadata$",
        r"GET .*/documents$",
        r"GET .*/segments$",
    ],
)
def test_a_lost_answer_is_asked_for_again(server: Callable[..., Server], lost: str) -> None:
    losing = server(loses=lost)
    run(sync_once(losing, CORPUS))
    assert not losing.loses
    assert run(sync_once(server(), CORPUS)).is_empty


def test_a_lost_deletion_is_done_once(server: Callable[..., Server]) -> None:
    run(sync_once(server(), CORPUS))
    run(sync_once(server(loses="DELETE "), CORPUS[:2]))
    assert set(run(look(server()))) == {"k1", "k2"}


def test_a_document_whose_answer_was_lost_is_not_sent_twice(server: Callable[..., Server]) -> None:
    losing = server(loses="create-by-text")
    with pytest.raises(Unavailable):
        run(sync_once(losing, CORPUS[:1]))
    assert sum("create-by-text" in request for request in losing.requests) == 1
    run(sync_once(server(), CORPUS[:1]))
    assert set(run(look(server()))) == {"k1"}


def test_a_rename_that_cannot_be_indexed_leaves_the_old_page_in_place(server: Callable[..., Server]) -> None:
    run(sync_once(server(), (GIFTS,)))
    (before,) = run(listed(server()))
    with pytest.raises(IndexingFailed):
        run(sync_once(server(faults=(FailingEmbedding("Gift", "overloaded"),)), (PRESENTS,)))
    assert before in run(listed(server()))
    run(sync_once(server(), (PRESENTS,)))
    assert [found.name for found in run(listed(server()))] == [PRESENTS.name]


def test_a_disabled_document_is_enabled_again_and_not_sent(server: Callable[..., Server]) -> None:
    run(sync_once(server(), (GIFTS,)))
    (before,) = run(listed(server()))
    alter(server(), "enabled = 0", GIFTS.name)
    repairing = server()
    made = run(sync_once(repairing, (GIFTS,)))
    assert [(change.reason, change.replaces) for change in made.changes] == [("disabled in Dify", False)]
    (after,) = run(listed(server()))
    assert (after.id, after.is_enabled) == (before.id, True)
    assert not any("create-by-text" in request for request in repairing.requests)


def test_a_disabled_document_whose_page_changed_is_replaced_and_leaves_one(
    server: Callable[..., Server],
) -> None:
    run(sync_once(server(), CORPUS[:1]))
    (before,) = run(listed(server()))
    alter(server(), "enabled = 0", before.name)
    made = run(sync_once(server(), (changed("k1"),)))
    assert [(change.reason, change.replaces) for change in made.changes] == [("content changed", True)]
    (after,) = run(listed(server()))
    assert after.is_enabled
    assert after.id != before.id


@pytest.mark.parametrize(("patience", "keeps_its_id"), [(60.0, True), (0.0, False)])
def test_a_document_at_work_is_waited_for_and_a_stuck_one_is_made_anew(
    server: Callable[..., Server], patience: float, keeps_its_id: bool
) -> None:
    run(sync_once(server(), CORPUS[:1]))
    (before,) = run(listed(server()))
    with pytest.raises(Unavailable):
        run(sync_once(server(loses="create-by-text"), (changed("k1"),)))
    if not keeps_its_id:
        alter(server(), "indexing_status = 'waiting'", before.name, forget_jobs=True)
    slow = server(faults=(SlowIndexing(0.05),))
    run(sync_once(slow, (changed("k1"),), patience=patience))
    (after,) = run(listed(server()))
    assert (after.id == before.id) is keeps_its_id
    assert after.metadata[HASH] == changed("k1").hash


def test_a_stuck_document_of_somebody_else_blocks_nothing(server: Callable[..., Server]) -> None:
    run(sync_once(server(), CORPUS[:1]))

    async def add_notes() -> None:
        async with server().client() as client:
            dataset = await client.find_dataset(PROFILE.name)
            assert dataset
            await client.create_document(dataset.id, PROFILE, "notes", "Something else.")

    run(add_notes())
    alter(server(), "indexing_status = 'waiting'", "notes", forget_jobs=True)
    run(sync_once(server(), CORPUS, deadline=10.0))
    assert run(sync_once(server(), CORPUS)).is_empty


def test_a_leftover_of_an_interrupted_run_goes_only_when_a_person_says_so(
    server: Callable[..., Server],
) -> None:
    run(sync_once(server(), CORPUS[:1]))
    with pytest.raises(Unavailable):
        run(sync_once(server(loses="create-by-text"), CORPUS[:2]))
    with pytest.raises(UnsafePlan, match=r"“Shipping #.*named like ours"):
        run(sync_once(server(), CORPUS[:1]))
    run(sync_once(server(), CORPUS[:1], force=True))
    assert set(run(look(server()))) == {"k1"}


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
            sync = Sync(client, replace(PROFILE, embedding_model="bge-m33"), Pace(poll=0.01))
            await sync.apply(await sync.plan(CORPUS), CORPUS)

    with pytest.raises(ConfigError, match="bge-m33") as caught:
        run(work())
    assert "words-and-bigrams" in caught.value.hint


def test_a_plan_that_is_no_longer_true_is_refused(server: Callable[..., Server]) -> None:
    async def work() -> None:
        async with server().client() as client:
            sync = Sync(client, PROFILE, Pace(poll=0.01))
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


def test_a_page_that_begins_with_a_full_stop_arrives(server: Callable[..., Server]) -> None:
    words = "Some words of this part. " * 40
    odd = document(
        ".NET kit", f"## .env\n\n{words}\n\n### .htaccess\n\n{words}\n\n=====KBTOOL=====\n\nx\ufffey\n", "k9"
    )
    corpus = (render(odd),)
    run(sync_once(server(), corpus))
    assert run(sync_once(server(), corpus)).is_empty
