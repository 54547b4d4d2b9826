"""A plan as a value: shown, guarded, hashed, then applied or not. `plan.py` makes it. Pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from kbtool.errors import UnsafePlan
from kbtool.model import Skipped

SAFE_SHARE = 0.20
SAFE_COUNT = 5


class Action(StrEnum):
    """What becomes of a document, in the order in which it is done.

    create    not there yet
    update    there, with other content
    repair    there, but failed, stuck, disabled, renamed or edited by hand, or without its hash
    rebuild   to be deleted and made anew, because somebody asked for that
    describe  there and exact, with other metadata: nothing is embedded for it
    delete    ours, and no longer in the corpus (or a second copy)
    """

    CREATE = "create"
    UPDATE = "update"
    REPAIR = "repair"
    REBUILD = "rebuild"
    DESCRIBE = "describe"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a plan is wanted for, besides what corpus and dataset say.

    `edited` are documents that were read back and are not what was sent: their ids, and the first difference.
    """

    prune: bool = True
    rebuild: bool = False
    edited: Mapping[str, str] = field(default_factory=dict)


ALL_THAT_DIFFERS = Asked()


@dataclass(frozen=True, slots=True)
class Change:
    """One document's change. `document_id` is the stored document's, "" where there is none.

    `replaces` says that another document will stand for the stored one, which goes once the new one is
    verified: create-by-text overwrites only an enabled document of the same name (recordings 070, 383).
    `is_indexing` says that Dify is at work on the stored one, `is_off` that it is to be enabled again,
    `may_be_there` that an interrupted run may have sent the text already: it is looked at before it is sent.
    A deletion without a key is of a document that has no more than our form of name.
    """

    action: Action
    key: str
    name: str
    reason: str
    document_id: str = ""
    hash: str = ""
    replaces: bool = False
    is_indexing: bool = False
    is_off: bool = False
    may_be_there: bool = False

    @property
    def is_unproven(self) -> bool:
        return self.action is Action.DELETE and not self.key

    def as_json(self) -> dict[str, str]:
        return {"action": self.action.value, "key": self.key, "name": self.name, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes of one dataset, in the order in which they are applied.

    `ours` counts the stored documents that the plan may delete. `conflicts` are sentences about what must
    be settled by a person first. `unreadable` are sources whose pages are missing from the corpus. `asked` is
    what the plan was made for.
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
    asked: Asked = ALL_THAT_DIFFERS

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
