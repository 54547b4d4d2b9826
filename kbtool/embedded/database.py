"""One SQLite file, owned by one thread.

A request is one function on that thread and so one transaction: no locks, no half-seen state, and the event
loop never waits for the disk. Work that takes long (embedding over HTTP, waiting) stays outside.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeVar

from kbtool.embedded.words import keywords_in

T = TypeVar("T")

# `number` of a dataset names its search index: one FTS5 table each, as Dify has one vector table each.
# `units` are what is searched: segments of flat documents, child chunks of the others. They have no foreign
# key on purpose: a document that is deleted while it is indexed leaves its units [338, 339].
# `keywords` are those of economy datasets; triggers keep them, so whoever writes a segment need not know.
SCHEMA = """
CREATE TABLE IF NOT EXISTS datasets (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, name TEXT NOT NULL,
    description TEXT NOT NULL, permission TEXT NOT NULL, indexing_technique TEXT, embedding_model TEXT,
    embedding_provider TEXT, retrieval_model TEXT, doc_form TEXT, data_source_type TEXT,
    built_in INTEGER NOT NULL DEFAULT 0, indexed_by TEXT, created_at REAL NOT NULL, updated_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS switched_off (dataset_id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS process_rules (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, dataset_id TEXT NOT NULL,
    mode TEXT NOT NULL, rules TEXT);
CREATE TABLE IF NOT EXISTS documents (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, dataset_id TEXT NOT NULL,
    position INTEGER NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL, upload TEXT NOT NULL,
    batch TEXT NOT NULL, process_rule_id TEXT NOT NULL, doc_form TEXT NOT NULL, doc_language TEXT NOT NULL,
    indexing_status TEXT NOT NULL, error TEXT, stopped_at REAL, enabled INTEGER NOT NULL DEFAULT 1,
    disabled_at REAL, created_from TEXT NOT NULL DEFAULT 'api', archived INTEGER NOT NULL DEFAULT 0,
    is_toggling INTEGER NOT NULL DEFAULT 0, word_count INTEGER,
    tokens INTEGER, metadata TEXT, created_at REAL NOT NULL, updated_at REAL NOT NULL,
    processing_started_at REAL, parsing_completed_at REAL, cleaning_completed_at REAL,
    splitting_completed_at REAL, completed_at REAL, indexing_latency REAL);
CREATE INDEX IF NOT EXISTS documents_of ON documents (dataset_id, name);
CREATE INDEX IF NOT EXISTS documents_by_batch ON documents (batch);
CREATE TABLE IF NOT EXISTS segments (
    id TEXT PRIMARY KEY, dataset_id TEXT NOT NULL, document_id TEXT NOT NULL, position INTEGER NOT NULL,
    content TEXT NOT NULL, answer TEXT, word_count INTEGER NOT NULL, keywords TEXT,
    index_node_id TEXT NOT NULL, hit_count INTEGER NOT NULL DEFAULT 0, enabled INTEGER NOT NULL DEFAULT 1,
    disabled_at REAL, status TEXT NOT NULL, error TEXT, created_at REAL NOT NULL, updated_at REAL NOT NULL,
    updated_by TEXT,
    indexing_at REAL, completed_at REAL);
CREATE INDEX IF NOT EXISTS segments_of ON segments (document_id, position);
CREATE TABLE IF NOT EXISTS children (
    id TEXT PRIMARY KEY, dataset_id TEXT NOT NULL, document_id TEXT NOT NULL, segment_id TEXT NOT NULL,
    position INTEGER NOT NULL, content TEXT NOT NULL, type TEXT NOT NULL, created_at REAL NOT NULL,
    updated_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS children_of ON children (segment_id, position);
CREATE TABLE IF NOT EXISTS units (
    id INTEGER PRIMARY KEY, dataset INTEGER NOT NULL, document_id TEXT NOT NULL, segment_id TEXT NOT NULL,
    child_id TEXT, length INTEGER NOT NULL, vector BLOB);
CREATE TABLE IF NOT EXISTS index_versions (dataset INTEGER PRIMARY KEY, version INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS units_of ON units (dataset, length);
CREATE INDEX IF NOT EXISTS units_by_document ON units (document_id);
CREATE INDEX IF NOT EXISTS units_by_segment ON units (segment_id);
CREATE TABLE IF NOT EXISTS keywords (
    dataset INTEGER NOT NULL, word TEXT NOT NULL, segment INTEGER NOT NULL,
    PRIMARY KEY (dataset, word, segment)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS keywords_of ON keywords (segment);
CREATE TRIGGER IF NOT EXISTS keywords_in AFTER INSERT ON segments BEGIN
    INSERT OR IGNORE INTO keywords SELECT d.number, w.value, new.rowid
    FROM datasets d, json_each(keywords_in(new.content)) w
    WHERE d.id = new.dataset_id AND d.indexing_technique = 'economy'; END;
CREATE TRIGGER IF NOT EXISTS keywords_change AFTER UPDATE OF content ON segments BEGIN
    DELETE FROM keywords WHERE segment = old.rowid;
    INSERT OR IGNORE INTO keywords SELECT d.number, w.value, new.rowid
    FROM datasets d, json_each(keywords_in(new.content)) w
    WHERE d.id = new.dataset_id AND d.indexing_technique = 'economy'; END;
CREATE TRIGGER IF NOT EXISTS keywords_out AFTER DELETE ON segments BEGIN
    DELETE FROM keywords WHERE segment = old.rowid; END;
CREATE TRIGGER IF NOT EXISTS keywords_switch AFTER UPDATE OF indexing_technique ON datasets
    WHEN old.indexing_technique IS NOT new.indexing_technique BEGIN
    DELETE FROM keywords WHERE dataset = old.number;
    INSERT OR IGNORE INTO keywords SELECT new.number, w.value, s.rowid
    FROM segments s, json_each(keywords_in(s.content)) w
    WHERE s.dataset_id = new.id AND new.indexing_technique = 'economy'; END;
CREATE TABLE IF NOT EXISTS metadata_fields (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, dataset_id TEXT NOT NULL,
    name TEXT NOT NULL, type TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, target TEXT NOT NULL,
    owner TEXT, taken_at REAL);
CREATE TABLE IF NOT EXISTS conversations (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, app_key TEXT NOT NULL,
    user TEXT NOT NULL, name TEXT NOT NULL, inputs TEXT NOT NULL, created_at REAL NOT NULL,
    updated_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, conversation_id TEXT NOT NULL,
    inputs TEXT NOT NULL, query TEXT NOT NULL, answer TEXT NOT NULL, resources TEXT NOT NULL, rating TEXT,
    feedback TEXT, feedback_id TEXT, feedback_at REAL, error TEXT, created_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS messages_of ON messages (conversation_id, number);
"""


class Database:
    """The file and its thread. Opened by the first `run`; `aclose` ends both."""

    def __init__(self, path: Path | Literal[":memory:"]) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kbtool-embedded")
        self._connection: sqlite3.Connection | None = None

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns, after commit. An exception rolls everything back and comes through."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    async def aclose(self) -> None:
        if self._connection is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
            self._connection = None
        self._thread.shutdown(wait=False)

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None:
            self._connection = _open(self._path)
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            value = work(self._connection)
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        return value


def _open(path: Path | Literal[":memory:"]) -> sqlite3.Connection:
    if isinstance(path, Path):
        path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA case_sensitive_like=ON")  # PostgreSQL's LIKE is [386]
    connection.create_function(
        "keywords_in", 1, lambda text: json.dumps(keywords_in(text)), deterministic=True
    )
    connection.executescript(SCHEMA)
    _fill_keywords(connection)
    return connection


def _fill_keywords(connection: sqlite3.Connection) -> None:
    """Once for a file from before there were keywords."""
    if not connection.execute("PRAGMA user_version").fetchone()[0]:
        connection.execute(
            "INSERT OR IGNORE INTO keywords SELECT d.number, w.value, s.rowid"
            " FROM datasets d JOIN segments s ON s.dataset_id = d.id, json_each(keywords_in(s.content)) w"
            " WHERE d.indexing_technique = 'economy'"
        )
        connection.execute("PRAGMA user_version=1")


def new_id() -> str:
    return str(uuid.uuid4())


def insert(db: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> None:
    """Add one row. Table and column names are ours; values are bound. Lists and dicts are kept as JSON.

    Raises UnicodeError for what no database can keep: half of a surrogate pair.
    """
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", [_plain(value) for value in row.values()])  # noqa: S608


def update(db: sqlite3.Connection, table: str, row_id: str, changes: Mapping[str, Any]) -> None:
    """Set the columns in `changes` of the row whose id is `row_id`."""
    pairs = ", ".join(f"{name} = ?" for name in changes)
    values = [_plain(value) for value in changes.values()]
    db.execute(f"UPDATE {table} SET {pairs} WHERE id = ?", [*values, row_id])  # noqa: S608


def one(db: sqlite3.Connection, sql: str, values: Iterable[Any] = ()) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(sql, tuple(values)).fetchone()
    return row


def number(db: sqlite3.Connection, sql: str, values: Iterable[Any] = ()) -> int:
    """The first column of the first row, with NULL and no row as 0."""
    row = db.execute(sql, tuple(values)).fetchone()
    return int(row[0] or 0) if row else 0


def _plain(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
