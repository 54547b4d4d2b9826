"""What an ingest costs, in requests; how often it looks how indexing goes is counted apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kbtool.model import Document
from kbtool.sync.apply import Applied
from kbtool.sync.render import Rendered, render
from tests.server import Server, document, run
from tests.syncing import ingest, plan_of, sent

PAGES = 250


def documents(pages: int) -> list[Document]:
    return [document(f"Page {n:04}", f"About {n}.\n", f"key{n}") for n in range(pages)]


def corpus(pages: int = PAGES) -> list[Rendered]:
    return [render(page) for page in documents(pages)]


def without_polls(server: Server, applied: Applied) -> int:
    return len(server.requests) - applied.polls


def test_each_kind_of_ingest_asks_no_more_than_it_must(server: Callable[..., Server]) -> None:
    first = server()
    _, applied = run(ingest(first, corpus(), concurrency=8))
    assert without_polls(first, applied) <= 2.2 * PAGES + 10
    assert not any(request.endswith("/indexing-status") for request in first.requests), "by listing only"
    again = server()
    assert run(plan_of(again, corpus())).is_empty
    assert len(again.requests) <= PAGES / 100 + 5
    assert all(request.startswith("GET") for request in again.requests)
    changed = render(document("Page 0000", "Something else about it.\n", "key0"))
    updating = server()
    _, applied = run(ingest(updating, [changed, *corpus()[1:]]))
    assert without_polls(updating, applied) <= len(again.requests) + 5
    assert sent(updating.requests) == 1


def test_other_metadata_costs_one_request_for_fifty_documents(server: Callable[..., Server]) -> None:
    run(ingest(server(), corpus(60)))
    pages = [replace(page, properties={"Product": "Kettle"}) for page in documents(60)]
    counting = server()
    run(ingest(counting, [render(page, mapped={"product": "Product"}) for page in pages]))
    assert len(counting.requests) == 2 + 2 + 2, "dataset and documents; fields and the new one; values"
    assert not sent(counting.requests)
