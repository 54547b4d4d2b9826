"""The three forms in Dify: each arrives exactly, is found, and survives an interruption at any request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kbtool.dify.objects import Condition, RetrievalProfile
from kbtool.embedded import FailingEmbedding
from kbtool.errors import IndexingFailed, Unavailable
from kbtool.evaluate.run import Resolver
from kbtool.sync.form import Form
from kbtool.sync.render import Rendered, render
from tests.server import PROFILE, Server, document, run
from tests.syncing import Held, held, ingest, plan_of

ODD = document(
    ".NET kit",
    "## .env\n\n### .htaccess\n\nFirst ï and ¿.\n\n### 7.2 [beta]\n\n- a <|b|> ¾\n\n"
    "```py\nif x:\n\n\n    y()\n```\n\n## 例外\n\n。从句号开始。\n",
    "k1",
)
PLAIN = document("Refunds", "Before.\n\n## Limit\n\n30 days.\n\n### Gifts\n\nNever.\n", "k2")


def corpus(form: Form) -> tuple[Rendered, ...]:
    return tuple(render(page, form) for page in (ODD, PLAIN))


@pytest.mark.parametrize("form", list(Form))
def test_what_is_stored_is_what_was_meant(server: Callable[..., Server], form: Form) -> None:
    run(ingest(server(), corpus(form)))
    assert run(plan_of(server(), corpus(form), verify=True)).is_empty


def test_segments_are_healed_when_the_server_dies_at_any_request(tmp_path: Path) -> None:
    pages = corpus(Form.SEGMENTS)
    for after in range(1, 100):
        path = tmp_path / f"{after}.sqlite"
        try:
            run(ingest(Server(path, dies_after=after, dies_answering=True), pages))
        except Unavailable:
            run(ingest(Server(path), pages))
            assert run(plan_of(Server(path), pages, verify=True)).is_empty
        else:
            break
    assert after > 10


def test_segments_lose_nothing_and_children_are_ours_to_the_character(
    server: Callable[..., Server],
) -> None:
    pages = corpus(Form.SEGMENTS)
    run(ingest(server(), pages))
    stored = run(_held(server())).documents[pages[0].name][4]
    said = "\n".join(chunk.text for chunk in stored)
    assert all(mark in said for mark in ("ï", "¿", "¾", "<|b|>"))
    assert [child for chunk in stored for child in chunk.children] == [
        child.text for section in ODD.sections for child in section.children
    ]


async def _held(server: Server) -> Held:
    async with server.client() as client:
        return await held(client)


def test_flat_chunks_say_by_themselves_where_they_stand() -> None:
    flat = render(PLAIN, Form.FLAT)
    assert [chunk.text.splitlines()[0] for chunk in flat.chunks] == [
        "Refunds",
        "Refunds › Limit",
        "Refunds › Limit › Gifts",
    ]
    assert flat.paths[2] == (("Refunds", "Limit", "Gifts"),)


def test_a_flat_chunk_is_known_by_its_heading_when_it_is_found(server: Callable[..., Server]) -> None:
    pages = corpus(Form.FLAT)
    run(ingest(server(), pages))

    async def ask() -> tuple[tuple[str, ...], ...]:
        async with server().client() as client:
            dataset = await client.find_dataset(PROFILE.name)
            assert dataset
            hits = await client.retrieve(dataset.id, "gifts never", RetrievalProfile())
            return Resolver.of(pages).resolve(hits)[0].paths

    assert run(ask()) == (("Refunds", "Limit", "Gifts"),)


def test_another_form_is_a_named_conflict_with_the_way_out(server: Callable[..., Server]) -> None:
    run(ingest(server(), corpus(Form.PARENT_CHILD)))
    (conflict,) = run(plan_of(server(), corpus(Form.FLAT))).conflicts
    assert conflict.startswith("its doc_form is hierarchical_model, kb.toml says text_model; ")
    assert "--dataset" in conflict


def test_a_section_that_cannot_be_embedded_is_named_although_dify_says_200(
    server: Callable[..., Server],
) -> None:
    failing = server(faults=(FailingEmbedding("30 days", "no credentials"),))
    with pytest.raises(IndexingFailed, match=r"Refunds.*could not be embedded: no credentials"):
        run(ingest(failing, corpus(Form.SEGMENTS)))
    run(ingest(server(), corpus(Form.SEGMENTS)))
    assert run(plan_of(server(), corpus(Form.SEGMENTS), verify=True)).is_empty


def test_a_search_can_be_bound_to_documents_by_what_their_page_says(server: Callable[..., Server]) -> None:
    pages = [
        render(replace(page, properties={"Product": name}), mapped={"product": "Product"})
        for page, name in ((ODD, "Kit"), (PLAIN, "Shop"))
    ]
    run(ingest(server(), pages))

    async def found(*conditions: Condition) -> set[str]:
        async with server().client() as client:
            dataset = await client.find_dataset(PROFILE.name)
            assert dataset
            profile = RetrievalProfile(top_k=20, conditions=conditions)
            return {hit.document_name for hit in await client.retrieve(dataset.id, "never days", profile)}

    assert run(found()) == {page.name for page in pages}
    assert run(found(Condition("product", "is", "Kit"))) == {pages[0].name}
    assert run(found(Condition("product", "in", ("Shop", "Else")))) == {pages[1].name}
