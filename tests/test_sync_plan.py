"""The plan as a value: what it changes, what it leaves alone, and what only a person may allow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kbtool.dify.objects import StoredDocument
from kbtool.errors import UnsafePlan
from kbtool.model import Skipped
from kbtool.sync.changes import Action, Asked
from kbtool.sync.fields import HASH, KEY
from kbtool.sync.plan import plan
from kbtool.sync.render import render, tag_of
from tests.server import PROFILE, document

CORPUS = tuple(
    render(document(title, f"About {title}.\n", key))
    for title, key in (("Refunds", "k1"), ("Shipping", "k2"), ("退款政策", "k3"))
)


def stored(name: str, key: str = "", /, **changes: object) -> StoredDocument:
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
    with pytest.raises(UnsafePlan, match="delete or replace 10 of 10"):
        made.require_safe()
    made.require_safe(force=True)
    plan((), held, None, PROFILE, Asked(prune=False)).require_safe()
    plan((), held[:5], None, PROFILE).require_safe()


def test_a_second_copy_is_deleted_and_the_current_one_kept() -> None:
    page = CORPUS[0]
    old = stored("Old name #1", page.key)
    current = stored(page.name, page.key, metadata=page.metadata)
    made = plan((page,), [old, current], None, PROFILE)
    assert [(change.action, change.document_id) for change in made.changes] == [(Action.DELETE, old.id)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"is_enabled": False}, "disabled in Dify"),
        ({"indexing_status": "error", "error": "boom"}, "indexing failed: boom"),
        ({"indexing_status": "waiting"}, "left waiting"),
        ({"name": "Renamed in Dify"}, "renamed to “Renamed in Dify”"),
    ],
)
def test_what_is_there_but_not_usable_is_repaired(changes: dict[str, object], reason: str) -> None:
    page = CORPUS[0]
    found = stored(page.name, page.key, metadata=page.metadata, **changes)
    (change,) = plan((page,), [found], None, PROFILE).changes
    assert (change.action, change.reason) == (Action.REPAIR, reason)


def test_replaced_documents_count_as_deleted() -> None:
    pages = [render(document(f"New {i}", "Text.\n", f"key{i}")) for i in range(10)]
    made = plan(pages, [stored(f"Old {i}", f"key{i}") for i in range(10)], None, PROFILE)
    assert made.counts == {Action.UPDATE: 10}
    with pytest.raises(UnsafePlan, match="delete or replace 10 of 10"):
        made.require_safe()


def test_nothing_is_deleted_while_a_source_cannot_be_read() -> None:
    broken = (Skipped("b.zip", "not a complete zip", is_error=True),)
    held = [stored(page.name, page.key, metadata=page.metadata) for page in CORPUS]
    made = plan(CORPUS[:2], held, None, PROFILE, unreadable=broken)
    with pytest.raises(UnsafePlan, match=r"delete 1 of 3 .*b\.zip: not a complete zip"):
        made.require_safe()
    made.require_safe(force=True)
    plan(CORPUS[:2], held, None, PROFILE, Asked(prune=False), unreadable=broken).require_safe()
    renamed = render(document("退款", "新。\n", "k3"))
    plan((*CORPUS[:2], renamed), held, None, PROFILE, unreadable=broken).require_safe()


def test_a_document_that_a_shifting_listing_shows_twice_is_one() -> None:
    page = CORPUS[0]
    found = stored(page.name, page.key, metadata=page.metadata)
    assert not plan((page,), [found, found], None, PROFILE).changes


def test_an_unverified_document_of_a_page_is_that_pages_whatever_its_title() -> None:
    page = CORPUS[0]
    left = stored(f"An older title #{tag_of(page.key)}")
    (change,) = plan((page,), [left], None, PROFILE).changes
    assert (change.action, change.document_id, change.replaces) == (Action.REPAIR, left.id, True)


def test_the_copy_that_an_overwrite_would_hit_is_never_deleted() -> None:
    page = CORPUS[0]
    current = stored("Old name", page.key, metadata=page.metadata)
    made = plan((page,), [current, stored(page.name)], None, PROFILE)
    assert [(c.action, c.document_id) for c in made.changes] == [
        (Action.REPAIR, stored(page.name).id),
        (Action.DELETE, current.id),
    ]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("Ticket #20240101", {"created_from": "web"}),
        ("Ticket #2024010", {}),
    ],
)
def test_what_is_not_of_our_form_is_foreign(name: str, changes: dict[str, object]) -> None:
    made = plan((), [stored(name, **changes)], None, PROFILE)
    assert (made.foreign, made.changes) == (1, ())


def test_a_strangers_document_of_our_form_is_left_to_a_person() -> None:
    made = plan((), [stored("Ticket #20240101")], None, PROFILE)
    with pytest.raises(UnsafePlan, match=r"Ticket #20240101.*named like ours") as caught:
        made.require_safe()
    assert "rename it in Dify" in caught.value.hint
    plan((), [stored("Ticket #20240101")], None, PROFILE, Asked(prune=False)).require_safe()


def test_the_checksum_is_of_what_would_be_done() -> None:
    one, other = plan(CORPUS, [], None, PROFILE), plan(CORPUS[::-1], [], None, PROFILE)
    assert one.checksum == other.checksum
    assert one.checksum != plan(CORPUS[:2], [], None, PROFILE).checksum
