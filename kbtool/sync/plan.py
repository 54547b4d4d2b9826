"""What must change in the dataset, as a value: shown, guarded, hashed, then applied or not. Pure.

create    not there yet
update    there, with other content
repair    there, but failed, stuck, disabled, or ours by name without its metadata
delete    ours, and no longer in the corpus (or a second copy)
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from kbtool.dify.objects import Dataset, DatasetProfile, StoredDocument
from kbtool.errors import UnsafePlan
from kbtool.sync.render import HASH, KEY, Rendered

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

    `replaces` says that the stored one must be deleted first: a disabled document is not overwritten by
    its name, a second one would appear (recording 383).
    """

    action: Action
    key: str
    name: str
    reason: str
    document_id: str = ""
    hash: str = ""
    replaces: bool = False

    def as_json(self) -> dict[str, str]:
        return {"action": self.action.value, "key": self.key, "name": self.name, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes of one dataset, in the order in which they are applied.

    `conflicts` are sentences about what must be settled by a person first. `unsettled` counts documents
    that are being indexed at this moment.
    """

    dataset: str
    dataset_id: str
    creates_dataset: bool
    changes: tuple[Change, ...]
    unchanged: int
    ours: int
    foreign: int
    unsettled: int = 0
    conflicts: tuple[str, ...] = ()

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
        """Raise UnsafePlan for what only a person may decide. `force` passes the deletion guard alone."""
        if self.conflicts:
            raise UnsafePlan(
                f"The plan for “{self.dataset}” is refused: {self.conflicts[0]}",
                hint=f"{len(self.conflicts) - 1} more of the kind; see `kbtool ingest --plan`."
                if len(self.conflicts) > 1
                else "See `kbtool ingest --plan`.",
            )
        deletes = self.counts[Action.DELETE]
        if not force and deletes > SAFE_COUNT and deletes > SAFE_SHARE * self.ours:
            raise UnsafePlan(
                f"The plan would delete {deletes} of {self.ours} documents of “{self.dataset}”",
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
            "checksum": self.checksum,
        }


def plan(
    documents: Sequence[Rendered],
    stored: Sequence[StoredDocument],
    dataset: Dataset | None,
    wanted: DatasetProfile,
    *,
    prune: bool = True,
) -> Plan:
    """The changes that make the dataset hold exactly `documents`, besides documents that are not ours."""
    names = {document.name: document for document in documents}
    ours, foreign, conflicts = _sort_out(stored, names)
    changes: list[Change] = []
    unchanged = 0
    for document in documents:
        found = sorted(ours.get(document.key, []), key=partial(_rank, document))
        change = _change(document, found[0] if found else None)
        if change:
            changes.append(change)
        else:
            unchanged += 1
        changes += [_delete(copy, "a second copy") for copy in found[1:]]
    known = {document.key for document in documents}
    if prune:
        gone = [copy for key, copies in ours.items() if key not in known for copy in copies]
        changes += [_delete(copy, "no longer in the corpus") for copy in gone]
    order = list(Action)
    return Plan(
        dataset=wanted.name,
        dataset_id=dataset.id if dataset else "",
        creates_dataset=dataset is None,
        changes=tuple(sorted(changes, key=lambda c: (order.index(c.action), c.name, c.document_id))),
        unchanged=unchanged,
        ours=sum(len(copies) for copies in ours.values()),
        foreign=foreign,
        unsettled=sum(not document.is_settled for document in stored),
        conflicts=(*conflicts, *_dataset_conflicts(dataset, wanted)),
    )


def _sort_out(
    stored: Iterable[StoredDocument], names: dict[str, Rendered]
) -> tuple[dict[str, list[StoredDocument]], int, list[str]]:
    """Stored documents of ours by key, how many are not, and what stands in the way.

    Ours are those with our key, and those that an interrupted run made under a name of ours before it
    could write metadata. Anything else that bears such a name would be overwritten: refused.
    """
    ours: dict[str, list[StoredDocument]] = defaultdict(list)
    foreign = 0
    conflicts: list[str] = []
    for document in stored:
        key = document.metadata.get(KEY, "")
        namesake = names.get(document.name)
        if not key and namesake and document.created_from == "api":
            key = namesake.key
        if not key or (namesake and namesake.key != key):
            foreign += 1
            if namesake:
                conflicts.append(f"“{document.name}” is not ours and would be overwritten; rename it in Dify")
            continue
        if document.is_archived:
            conflicts.append(f"“{document.name}” is archived; un-archive it in Dify or exclude the page")
        ours[key].append(document)
    return ours, foreign, conflicts


def _rank(document: Rendered, stored: StoredDocument) -> tuple[bool, bool, str]:
    """Sorts the copy to keep first: current, then of the right name."""
    return (stored.metadata.get(HASH) != document.hash, stored.name != document.name, stored.id)


def _change(document: Rendered, stored: StoredDocument | None) -> Change | None:
    if stored is None:
        return Change(Action.CREATE, document.key, document.name, "new", hash=document.hash)
    action, reason = Action.UPDATE, ""
    if stored.metadata.get(HASH, document.hash) != document.hash:
        reason = "content changed"
    elif not stored.is_enabled:
        action, reason = Action.REPAIR, "disabled"
    elif stored.indexing_status == "error":
        action, reason = Action.REPAIR, f"indexing failed: {stored.error[:120]}"
    elif stored.indexing_status != "completed":
        action, reason = Action.REPAIR, f"left {stored.indexing_status}"
    elif HASH not in stored.metadata:
        action, reason = Action.REPAIR, "never verified"
    if not reason:
        return None
    replaces = not stored.is_enabled or stored.name != document.name
    return Change(action, document.key, document.name, reason, stored.id, document.hash, replaces)


def _delete(stored: StoredDocument, reason: str) -> Change:
    return Change(Action.DELETE, stored.metadata.get(KEY, ""), stored.name, reason, stored.id)


def _dataset_conflicts(dataset: Dataset | None, wanted: DatasetProfile) -> list[str]:
    """What a running dataset has otherwise than kb.toml: never changed in passing (design decision 7)."""
    if dataset is None:
        return []
    pairs = (
        ("doc_form", dataset.doc_form, wanted.doc_form),
        ("indexing technique", dataset.technique, wanted.technique),
        ("embedding model", dataset.embedding_model, wanted.embedding_model),
        ("embedding provider", dataset.embedding_provider, wanted.embedding_provider),
    )
    return [
        f"its {what} is {has}, kb.toml says {wants}; ingest into a new dataset with --dataset NAME"
        for what, has, wants in pairs
        if has and has != wants
    ]
