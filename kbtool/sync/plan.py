"""What must change in the dataset: its documents, as listed, against those of the corpus. Pure.

Ours is what has our key. A run that was interrupted leaves documents that have only our form of name, a
title and a tag (`render.py`): where the tag is that of a page of the corpus, the document is that page's.
Where it is of none, the page may have left since, or somebody else's script names its documents so (a date
is eight digits too): it is listed for deletion, and only a person may allow that (`Plan.require_safe`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from kbtool.dify.objects import Dataset, DatasetProfile, StoredDocument
from kbtool.model import Skipped
from kbtool.sync.changes import ALL_THAT_DIFFERS, Action, Asked, Change, Plan
from kbtool.sync.fields import HASH, KEY, REBUILDING, differing
from kbtool.sync.render import Rendered, tag_in, tag_of

SECOND_COPY = "a second copy"


def plan(
    documents: Sequence[Rendered],
    stored: Iterable[StoredDocument],
    dataset: Dataset | None,
    wanted: DatasetProfile,
    asked: Asked = ALL_THAT_DIFFERS,
    *,
    unreadable: Sequence[Skipped] = (),
) -> Plan:
    """The changes that make the dataset hold exactly `documents`, besides documents that are not ours.

    A listing that shifted while it was read may have a document twice; it is counted once.
    """
    found = _sort_out({document.id: document for document in stored}.values(), documents)
    changes: list[Change] = []
    unchanged = 0
    for document in documents:
        copies = sorted(found.ours.pop(document.key, []), key=partial(_rank, document))
        change = _change(document, copies[0] if copies else None, asked)
        if change:
            changes.append(change)
        else:
            unchanged += 1
        changes += [_delete(document.key, copy, SECOND_COPY) for copy in copies[1:]]
    if asked.prune:
        gone = [(key, copy) for key, copies in found.ours.items() for copy in copies]
        changes += [_delete(key, copy, "no longer in the corpus") for key, copy in gone]
        changes += [_delete("", copy, "never verified, and of no page") for copy in found.unproven]
    order = list(Action)
    return Plan(
        dataset=wanted.name,
        dataset_id=dataset.id if dataset else "",
        creates_dataset=dataset is None,
        changes=tuple(sorted(changes, key=lambda c: (order.index(c.action), c.name, c.document_id))),
        unchanged=unchanged,
        ours=found.count,
        foreign=found.foreign,
        conflicts=(*found.conflicts, *_dataset_conflicts(dataset, wanted)),
        unreadable=tuple(unreadable),
        asked=asked,
    )


@dataclass(slots=True)
class _Found:
    """The stored documents: ours by key, those that may be ours, how many are not, what is in the way."""

    ours: dict[str, list[StoredDocument]]
    unproven: list[StoredDocument]
    foreign: int
    conflicts: list[str]
    count: int


def _sort_out(stored: Iterable[StoredDocument], documents: Sequence[Rendered]) -> _Found:
    by_name = {document.name: document.key for document in documents}
    by_tag = {tag_of(document.key): document.key for document in documents}
    keys = set(by_tag.values())
    found = _Found(defaultdict(list), [], 0, [], 0)
    for document in stored:
        key = document.metadata.get(KEY, "") or _key_by_name(document, by_tag)
        if document.name in by_name and by_name[document.name] != key:
            found.foreign += 1
            found.conflicts.append(
                f"“{document.name}” is not ours and would be overwritten; rename it in Dify"
            )
        elif key and document.is_archived:
            # It answers nothing and cannot be deleted (088): only in the way of a page of its own.
            found.foreign += 1
            if key in keys:
                found.conflicts.append(
                    f"“{document.name}” is archived; un-archive it in Dify or exclude the page"
                )
        elif key:
            found.ours[key].append(document)
            found.count += 1
        elif _has_our_form(document):
            found.unproven.append(document)
            found.count += 1
        else:
            found.foreign += 1
    return found


def _has_our_form(document: StoredDocument) -> bool:
    is_deletable = document.created_from == "api" and not document.is_archived
    return is_deletable and KEY not in document.metadata and bool(tag_in(document.name))


def _key_by_name(document: StoredDocument, by_tag: Mapping[str, str]) -> str:
    """Chance gives a stranger's document the tag of a page once in 4·10⁹: then it is that page's."""
    return by_tag.get(tag_in(document.name), "") if document.created_from == "api" else ""


def _rank(document: Rendered, stored: StoredDocument) -> tuple[bool, bool, bool, str]:
    """Sorts the copy to keep first: the one that create-by-text would overwrite, then a current one."""
    return (
        stored.name != document.name,
        not stored.is_enabled,
        stored.metadata.get(HASH) != document.hash,
        stored.id,
    )


def _change(document: Rendered, stored: StoredDocument | None, asked: Asked) -> Change | None:
    if stored is None:
        return Change(Action.CREATE, document.key, document.name, "new", hash=document.hash)
    action, reason = _why(document, stored, asked)
    if action is None:
        return None
    is_renamed = stored.name != document.name
    is_other = stored.metadata.get(HASH, document.hash) != document.hash
    # Enabling brings back what was there, and only an enabled document is overwritten (recording 383).
    is_off = not stored.is_enabled and not is_renamed and not is_other
    sends = action in {Action.UPDATE, Action.REPAIR}
    return Change(
        action,
        document.key,
        document.name,
        reason,
        stored.id,
        document.hash,
        replaces=sends and (is_renamed or (not stored.is_enabled and not is_off)),
        is_indexing=not stored.is_settled,
        is_off=sends and is_off,
        may_be_there=sends
        and not is_renamed
        and (stored.is_enabled or is_off)
        and stored.indexing_status not in {"error", "paused"}
        and stored.id not in asked.edited
        and stored.size in {None, len(document.text)},
    )


def _why(document: Rendered, stored: StoredDocument, asked: Asked) -> tuple[Action | None, str]:
    """What is to be done about a stored document, and why; None where nothing is."""
    known = stored.metadata.get(HASH, "")
    if known == REBUILDING or asked.rebuild:
        return Action.REBUILD, "asked for" if asked.rebuild else "a rebuild was interrupted"
    if known and known != document.hash:
        return Action.UPDATE, "content changed"
    if damage := _damage(document, stored, asked):
        return Action.REPAIR, damage
    names = differing(document.metadata, stored.metadata)
    return (Action.DESCRIBE, f"other metadata: {', '.join(names)}") if names else (None, "")


def _damage(document: Rendered, stored: StoredDocument, asked: Asked) -> str:
    """What is wrong with a stored document whose hash, where it has one, is right; "" for nothing."""
    failed = stored.indexing_status == "error"
    ailments = (
        (not stored.is_enabled, "disabled in Dify"),
        (failed, f"indexing failed: {stored.error[:120]}"),
        (stored.indexing_status != "completed", f"left {stored.indexing_status}"),
        (not stored.metadata.get(HASH), "never verified"),
        (stored.name != document.name, f"renamed to “{stored.name[:120]}”"),
        (stored.id in asked.edited, f"edited in Dify: {asked.edited.get(stored.id, '')}"),
    )
    return next((words for is_so, words in ailments if is_so), "")


def _delete(key: str, stored: StoredDocument, reason: str) -> Change:
    return Change(Action.DELETE, key, stored.name, reason, stored.id, is_indexing=not stored.is_settled)


def _dataset_conflicts(dataset: Dataset | None, wanted: DatasetProfile) -> list[str]:
    """What a running dataset has otherwise than kb.toml: never changed in passing (design decision 7)."""
    return [
        f"its {what} is {has}, kb.toml says {wants}; {_way_out(what)}"
        for what, has, wants in (wanted.differences(dataset) if dataset else ())
    ]


def _way_out(what: str) -> str:
    if what.startswith("embedding"):
        return "change it with `kbtool reembed`, which measures before and after"
    return "Dify cannot change it: ingest into a new dataset with --dataset NAME and point the app there"
