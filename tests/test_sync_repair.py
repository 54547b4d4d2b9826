"""A dataset that somebody else changed: what is found, what is mended, and what that costs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from kbtool.dify.client import DifyClient
from kbtool.embedded import FailingEmbedding, KnowledgeLimit, NoWorker
from kbtool.errors import Unavailable, UnsafePlan
from kbtool.sync.changes import Action, Asked
from kbtool.sync.fields import DATE, HASH, KEY, REBUILDING, SLUG
from kbtool.sync.render import render
from tests.server import PROFILE, Server, document, run
from tests.syncing import alter, held, ingest, listed, plan_of, sent

PAGES = (
    document("Refunds", "## Limit\n\nThe 30 days.\n\n### Gifts\n\nNever.\n\n## Cost\n\nThe label.\n", "k1"),
    document("Shipping", "The parcel takes two days.\n", "k2"),
    document("退款政策", "## 时限\n\n收货后三十天内。\n", "k3"),
)
CORPUS = tuple(render(page) for page in PAGES)
Edit = Callable[[DifyClient, str, str], Awaitable[None]]


async def work(server: Server, name: str, edit: Edit) -> None:
    """Do `edit` to the document of this title."""
    async with server.client() as client:
        dataset = await client.find_dataset(PROFILE.name)
        assert dataset
        (stored,) = await client.documents(dataset.id, keyword=name)
        await edit(client, dataset.id, stored.id)


async def change_text(client: DifyClient, dataset: str, document_id: str) -> None:
    first = (await client.chunks(dataset, document_id))[0]
    await client.change_chunk(dataset, document_id, first.id, text=first.text.replace("30", "90"))


async def change_child(client: DifyClient, dataset: str, document_id: str) -> None:
    first = (await client.chunks(dataset, document_id))[0]
    await client.change_child(dataset, document_id, first.id, first.child_ids[1], "Always.")


async def delete_chunk(client: DifyClient, dataset: str, document_id: str) -> None:
    last = (await client.chunks(dataset, document_id))[-1]
    await client.delete_chunk(dataset, document_id, last.id)


async def add_chunk(client: DifyClient, dataset: str, document_id: str) -> None:
    await client.create_chunks(dataset, document_id, ["Something that no page says."])


async def disable_chunk(client: DifyClient, dataset: str, document_id: str) -> None:
    last = (await client.chunks(dataset, document_id))[-1]
    await client.change_chunk(dataset, document_id, last.id, is_enabled=False)


@pytest.mark.parametrize(
    ("edit", "difference"),
    [
        (change_text, "section 1 differs: sent '30 days"),
        (change_child, "section 1: subsection 2 differs"),
        (delete_chunk, "1 sections stored, 2 sent"),
        (add_chunk, "3 sections stored, 2 sent"),
        (disable_chunk, "section 2 is disabled"),
    ],
)
def test_what_was_edited_by_hand_is_found_named_and_mended(
    server: Callable[..., Server], edit: Edit, difference: str
) -> None:
    run(ingest(server(), CORPUS))
    run(work(server(), "Refunds", edit))
    assert run(plan_of(server(), CORPUS)).is_empty, "the listing alone cannot show it"
    (change,) = run(plan_of(server(), CORPUS, verify=True)).changes
    assert (change.action, change.key) == (Action.REPAIR, "k1")
    assert change.reason.startswith(f"edited in Dify: {difference}")
    run(ingest(server(), CORPUS, verify=True))
    assert run(plan_of(server(), CORPUS, verify=True)).is_empty


async def delete_fields(server: Server, *names: str) -> None:
    async with server.client() as client:
        dataset = await client.find_dataset(PROFILE.name)
        assert dataset
        for field in await client.metadata_fields(dataset.id):
            if field.name in names:
                await client.delete_metadata_field(dataset.id, field.id)


@pytest.mark.parametrize("names", [(KEY,), (HASH,), (KEY, HASH), (SLUG,)], ids=" ".join)
def test_metadata_that_was_deleted_is_written_again_and_nothing_is_embedded(
    server: Callable[..., Server], names: tuple[str, ...]
) -> None:
    run(ingest(server(), CORPUS))
    run(delete_fields(server(), *names))
    healing = server()
    run(ingest(healing, CORPUS))
    assert not sent(healing.requests)
    assert {one.metadata[KEY]: one.metadata[HASH] for one in run(listed(server()))} == {
        page.key: page.hash for page in CORPUS
    }
    assert run(plan_of(server(), CORPUS)).is_empty


def test_a_property_of_the_page_becomes_metadata_and_a_change_of_it_embeds_nothing(
    server: Callable[..., Server],
) -> None:
    kettle = replace(PAGES[1], properties={"Product": "Kettle", "Last edited": "March 3, 2025 10:12 AM"})
    run(ingest(server(), (render(kettle, mapped={"product": "product"}),)))
    (stored,) = run(listed(server()))
    assert (stored.metadata["product"], stored.metadata[DATE]) == ("Kettle", "1740960000")
    grinder = render(replace(kettle, properties={"Product": "Grinder"}), mapped={"product": "product"})
    describing = server()
    made, _ = run(ingest(describing, (grinder,)))
    assert [(change.action, change.reason) for change in made.changes] == [
        (Action.DESCRIBE, f"other metadata: {DATE}, product")
    ]
    assert not sent(describing.requests)
    (stored,) = run(listed(server()))
    assert (stored.metadata["product"], stored.metadata.get(DATE)) == ("Grinder", None)
    assert run(plan_of(server(), (grinder,))).is_empty


def test_a_rebuild_makes_every_document_anew_and_the_dataset_is_never_empty(
    server: Callable[..., Server],
) -> None:
    run(ingest(server(), CORPUS))
    before = {one.name: one.id for one in run(listed(server()))}
    made, _ = run(ingest(server(), CORPUS, Asked(rebuild=True), rebuild_window=1))
    assert made.counts == {Action.REBUILD: 3}
    after = {one.name: one.id for one in run(listed(server()))}
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())
    assert run(plan_of(server(), CORPUS, verify=True)).is_empty


def test_an_interrupted_rebuild_is_ended_by_whatever_ingest_comes_next(
    server: Callable[..., Server],
) -> None:
    run(ingest(server(), CORPUS))
    before = {one.id for one in run(listed(server()))}
    whole = server()
    run(ingest(whole, CORPUS, Asked(rebuild=True), rebuild_window=1))
    begun = next(at for at, request in enumerate(whole.requests) if request.startswith("DELETE"))
    run(ingest(server(), CORPUS, Asked(rebuild=True)))
    old = {one.id for one in run(listed(server()))} - before
    with pytest.raises(Unavailable):
        run(ingest(server(dies_after=begun + 4), CORPUS, Asked(rebuild=True), rebuild_window=1))
    left = run(listed(server()))
    assert len(left) >= len(CORPUS) - 1
    assert sum(one.metadata.get(HASH) == REBUILDING for one in left) >= 1
    run(ingest(server(), CORPUS))
    assert not old & {one.id for one in run(listed(server()))}
    assert run(plan_of(server(), CORPUS, verify=True)).is_empty


def test_a_server_without_a_worker_is_not_waited_for_for_ever(server: Callable[..., Server]) -> None:
    with pytest.raises(Unavailable, match="3 documents are not indexed") as caught:
        run(ingest(server(faults=(NoWorker(),)), CORPUS, stall=0.05))
    assert "worker" in caught.value.hint
    run(ingest(server(), CORPUS))
    assert run(plan_of(server(), CORPUS, verify=True)).is_empty


def test_a_model_that_is_limited_for_a_moment_is_asked_again_in_the_same_run(
    server: Callable[..., Server],
) -> None:
    limited = server(faults=(FailingEmbedding("parcel", "Rate limit reached", times=1),))
    run(ingest(limited, CORPUS))
    assert sent(limited.requests) == 4
    assert run(plan_of(server(), CORPUS, verify=True)).is_empty


def test_the_clouds_limit_of_requests_is_waited_out(server: Callable[..., Server]) -> None:
    limited = server(faults=(KnowledgeLimit(requests=2, seconds=0.1),))
    run(ingest(limited, CORPUS))
    assert sent(limited.requests) > len(CORPUS), "some were refused at first"
    assert run(plan_of(server(), CORPUS, verify=True)).is_empty


def test_what_is_right_is_verified_also_when_something_else_fails(server: Callable[..., Server]) -> None:
    failing = server(faults=(FailingEmbedding("parcel", "no such model"),))
    with pytest.raises(Exception, match=r"Shipping.*no such model"):
        run(ingest(failing, CORPUS))
    healing = server()
    made, _ = run(ingest(healing, CORPUS))
    assert [(change.key, change.action) for change in made.changes] == [("k2", Action.REPAIR)]
    assert sent(healing.requests) == 1


def test_an_archived_document_is_in_the_way_of_its_own_page_alone(server: Callable[..., Server]) -> None:
    run(ingest(server(), CORPUS))
    alter(server(), "archived = 1", CORPUS[0].name)
    with pytest.raises(UnsafePlan, match=r"Refunds.*is archived; un-archive it in Dify or exclude the page"):
        run(ingest(server(), CORPUS))
    assert run(plan_of(server(), CORPUS[1:])).is_empty


async def add_by_hand(server: Server, name: str, text: str) -> None:
    async with server.client() as client:
        dataset = await client.find_dataset(PROFILE.name)
        assert dataset
        await client.create_document(dataset.id, PROFILE, name, text)


def test_what_is_not_ours_is_never_touched(server: Callable[..., Server]) -> None:
    run(ingest(server(), CORPUS))
    run(add_by_hand(server(), "Handbook", "Written by hand."))
    alter(server(), "created_from = 'web'", "Handbook")

    def theirs() -> list[tuple[str, dict[str, str]]]:
        stored = [one for one in run(listed(server())) if one.name == "Handbook"]
        return [(one.id, dict(one.metadata)) for one in stored]

    before = theirs()
    run(ingest(server(), CORPUS, Asked(rebuild=True)))
    run(ingest(server(), CORPUS[:1], force=True))
    assert theirs() == before


def test_a_second_copy_that_another_run_made_meanwhile_is_deleted(server: Callable[..., Server]) -> None:
    run(ingest(server(), CORPUS[:2]))
    before = run(snapshot(server()))
    run(add_by_hand(server(), "Shipping copy", "The parcel takes two days."))
    alter(server(), f"name = '{CORPUS[1].name}'", "Shipping copy")
    run(ingest(server(), CORPUS[:2]))
    assert run(snapshot(server())) == before


async def snapshot(server: Server) -> object:
    async with server.client() as client:
        return await held(client)
