"""Process rules: read from a body, kept per dataset, turned into what `indexing` follows."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from kbtool.embedded import answers, indexing
from kbtool.embedded.call import Call
from kbtool.embedded.database import insert, new_id, one
from kbtool.embedded.payloads import ProcessRule, Segmentation

AUTOMATIC_RULES = {
    "pre_processing_rules": [
        {"id": "remove_extra_spaces", "enabled": True},
        {"id": "remove_urls_emails", "enabled": False},
    ],
    "segmentation": {"separator": "\n", "max_tokens": 500, "chunk_overlap": 50},
}
_IDS = {"remove_extra_spaces", "remove_urls_emails", "remove_stopwords"}


def require_complete(rule: ProcessRule) -> None:
    """The checks that are made at once; lengths are checked only at indexing [062-067]."""
    if rule.mode == "automatic":
        return
    if rule.rules is None:
        raise answers.invalid("Process rule rules is required")
    if rule.rules.pre_processing_rules is None:
        raise answers.invalid("Process rule pre_processing_rules is required")
    if any(item.id not in _IDS for item in rule.rules.pre_processing_rules):
        raise answers.invalid("Process rule pre_processing_rules id is invalid")
    if rule.rules.segmentation is None:
        raise answers.invalid("Process rule segmentation is required")
    if not rule.rules.segmentation.separator:
        raise answers.invalid("Process rule segmentation separator is required")
    if rule.rules.subchunk_segmentation is not None and not rule.rules.subchunk_segmentation.separator:
        # Not recorded; an empty separator can cut nothing, and must not reach the worker.
        raise answers.invalid("Process rule subchunk segmentation separator is required")


def store(call: Call, dataset_id: str, rule: ProcessRule | None) -> str:
    """The id of `rule`, stored. None means the dataset's latest rule [116], or automatic."""
    if rule is None:
        latest = one(
            call.db,
            "SELECT id FROM process_rules WHERE dataset_id = ? ORDER BY number DESC LIMIT 1",
            (dataset_id,),
        )
        if latest is not None:
            return str(latest["id"])
        rule = ProcessRule(mode="automatic")
    rules = AUTOMATIC_RULES if rule.rules is None else rule.rules.model_dump(mode="json")
    rule_id = new_id()
    insert(
        call.db, "process_rules", {"id": rule_id, "dataset_id": dataset_id, "mode": rule.mode, "rules": rules}
    )
    return rule_id


def as_json(row: sqlite3.Row) -> dict[str, Any]:
    return {"mode": row["mode"], "rules": json.loads(row["rules"])}


def of_document(db: sqlite3.Connection, document: sqlite3.Row) -> sqlite3.Row:
    row = one(db, "SELECT * FROM process_rules WHERE id = ?", (document["process_rule_id"],))
    assert row is not None, "a document's rule is stored with it"
    return row


def to_follow(row: sqlite3.Row) -> indexing.Rule:
    """The stored rule as `indexing` takes it."""
    if row["mode"] == "automatic":
        return indexing.AUTOMATIC
    rules = json.loads(row["rules"])
    enabled = {item["id"] for item in rules["pre_processing_rules"] if item["enabled"]}
    children = rules.get("subchunk_segmentation")
    return indexing.Rule(
        cut=_cut(Segmentation(**rules["segmentation"])),
        removes_extra_spaces="remove_extra_spaces" in enabled,
        removes_addresses="remove_urls_emails" in enabled,
        children=_cut(Segmentation(**children)) if children else None,
        is_full_document=rules.get("parent_mode") == "full-doc",
    )


def _cut(segmentation: Segmentation) -> indexing.Cut:
    return indexing.Cut(segmentation.separator, segmentation.max_tokens, segmentation.chunk_overlap)
