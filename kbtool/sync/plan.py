"""What must change in the dataset, as a value: shown, guarded, hashed, then applied or not. Pure.

create    not there yet
update    there, with other content
repair    there, but failed, stuck, disabled, renamed by hand, or ours by name without its metadata
delete    ours, and no longer in the corpus (or a second copy)

Ours is what has our key. A run that was interrupted leaves documents that have only our form of name, a
title and a tag (`render.py`): where the tag is that of a page of the corpus, the document is that page's.
Where it is of none, the page may have left since, or somebody else's script names its documents so (a date
is eight digits too): it is listed for deletion, and only a person may allow that (`require_safe`).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from kbtool.dify.objects import Dataset, DatasetProfile, StoredDocument
from kbtool.errors import UnsafePlan
from kbtool.model import Skipped
from kbtool.sync.render import HASH, KEY, Rendered, tag_in, tag_of

SAFE_SHARE = 0.20
SAFE_COUNT = 5


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    REPAIR = "repair"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """One document's change. `document_id` is the stored document's, "" where there is none.

    `replaces` says that another document will stand for the stored one, which goes once the new one is
    verified: create-by-text overwrites only an enabled document of the same name (recordings 070, 383).
    `is_indexing` says that Dify is at work on the stored one. A deletion without a key is of a document that
    has no more than our form of name.
    """

    action: Action
    key: str
    name: str
    reason: str
    document_id: str = ""
    hash: str = ""
    replaces: bool = False
    is_indexing: bool = False

    @property
    def is_unproven(self) -> bool:
        return self.action is Action.DELETE and not self.key

    def as_json(self) -> dict[str, str]:
        return {"action": self.action.value, "key": self.key, "name": self.name, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes of one dataset, in the order in which they are applied.

    `ours` counts the stored documents that the plan may delete. `conflicts` are sentences about what must
    be settled by a person first. `unreadable` are sources whose pages are missing from the corpus.
    """

    dataset: str
    dataset_id: str
    creates_dataset: bool
    changes: tuple[Change, ...]
    unchanged: int
    ours: int
    foreign: int
    conflicts: tuple[str, ...] = ()
    unreadable: tuple[Skipped, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.changes or self.creates_dataset or self.conflicts)

    @property
    def counts(self) -> Counter[Action]:
        return Counter(change.action for change in self.changes)

    @property
    def checksum(self) -> str:
        """Of what would be done: two plans that do the same have the same."""
        content = [self.dataset, self.creates_dataset, sorted(self.conflicts)]
        content += sorted([c.action, c.key, c.name, c.document_id, c.hash, c.replaces] for c in self.changes)
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]

    def require_safe(self, *, force: bool = False) -> None:
        """Raise UnsafePlan for what only a person may decide. `force` allows deletions, never conflicts."""
        if self.conflicts:
            raise UnsafePlan(
                f"The plan for “{self.dataset}” is refused: {self.conflicts[0]}",
                hint=f"{len(self.conflicts) - 1} more of the kind; see `kbtool ingest --plan`."
                if len(self.conflicts) > 1
                else "See `kbtool ingest --plan`.",
            )
        if not force:
            self._require_readable()
            self._require_proven()
            self._require_few()

    def _require_readable(self) -> None:
        """A page that could not be read looks like one that was taken out of the corpus."""
        deletes = self.counts[Action.DELETE]
        if deletes and self.unreadable:
            first = self.unreadable[0]
            raise UnsafePlan(
                f"The plan would delete {deletes} of {self.ours} documents of “{self.dataset}”, "
                f"and a source could not be read: {first.source}: {first.reason}",
                hint="Mend the source; or keep the documents with --no-prune, or delete them with --force.",
            )

    def _require_proven(self) -> None:
        unproven = [change for change in self.changes if change.is_unproven]
        if unproven:
            more = f" (and {len(unproven) - 1} more)" if len(unproven) > 1 else ""
            raise UnsafePlan(
                f"“{unproven[0].name}”{more} is named like ours, but nothing else says that it is ours",
                hint="If an interrupted run left it, delete it with --force; else rename it in Dify.",
            )

    def _require_few(self) -> None:
        removed = sum(change.action is Action.DELETE or change.replaces for change in self.changes)
        if removed > SAFE_COUNT and removed > SAFE_SHARE * self.ours:
            raise UnsafePlan(
                f"The plan would delete or replace {removed} of {self.ours} documents of “{self.dataset}”",
                hint="If that is meant, run it again with --force; else check [corpus] sources.",
            )

    def as_json(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "creates_dataset": self.creates_dataset,
            "changes": [change.as_json() for change in self.changes],
            "counts": {action.value: self.counts[action] for action in Action},
            "unchanged": self.unchanged,
            "foreign": self.foreign,
            "conflicts": list(self.conflicts),
            "unreadable": [{"source": skip.source, "reason": skip.reason} for skip in self.unreadable],
            "checksum": self.checksum,
        }


def plan(
    documents: Sequence[Rendered],
    stored: Iterable[StoredDocument],
    dataset: Dataset | None,
    wanted: DatasetProfile,
    *,
    prune: bool = True,
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
        change = _change(document, copies[0] if copies else None)
        if change:
            changes.append(change)
        else:
            unchanged += 1
        changes += [_delete(document.key, copy, "a second copy") for copy in copies[1:]]
    if prune:
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
    found = _Found(defaultdict(list), [], 0, [], 0)
    for document in stored:
        key = document.metadata.get(KEY, "") or _key_by_name(document, by_tag)
        if document.name in by_name and by_name[document.name] != key:
            found.foreign += 1
            found.conflicts.append(
                f"“{document.name}” is not ours and would be overwritten; rename it in Dify"
            )
        elif key:
            found.ours[key].append(document)
            found.count += 1
            if document.is_archived:
                found.conflicts.append(
                    f"“{document.name}” is archived; un-archive it in Dify or exclude the page"
                )
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


def _change(document: Rendered, stored: StoredDocument | None) -> Change | None:
    if stored is None:
        return Change(Action.CREATE, document.key, document.name, "new", hash=document.hash)
    action, reason = Action.REPAIR, ""
    if stored.metadata.get(HASH, document.hash) != document.hash:
        action, reason = Action.UPDATE, "content changed"
    elif not stored.is_enabled:
        reason = "disabled"
    elif stored.indexing_status == "error":
        reason = f"indexing failed: {stored.error[:120]}"
    elif stored.indexing_status != "completed":
        reason = f"left {stored.indexing_status}"
    elif HASH not in stored.metadata:
        reason = "never verified"
    elif stored.name != document.name:
        reason = f"renamed to “{stored.name[:120]}”"
    if not reason:
        return None
    return Change(
        action,
        document.key,
        document.name,
        reason,
        stored.id,
        document.hash,
        replaces=not stored.is_enabled or stored.name != document.name,
        is_indexing=not stored.is_settled,
    )


def _delete(key: str, stored: StoredDocument, reason: str) -> Change:
    return Change(Action.DELETE, key, stored.name, reason, stored.id)


def _dataset_conflicts(dataset: Dataset | None, wanted: DatasetProfile) -> list[str]:
    """What a running dataset has otherwise than kb.toml: never changed in passing (design decision 7)."""
    return [
        f"its {what} is {has}, kb.toml says {wants}; ingest into a new dataset with --dataset NAME"
        for what, has, wants in (wanted.differences(dataset) if dataset else ())
    ]
