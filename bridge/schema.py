"""The bridge's tables. SQLAlchemy Core, so that PostgreSQL can serve the same ones.

    deliveries     what Chatwoot sent, until it is sorted            (inbox.py)
    messages       who said what; a customer's waits for its turn    (intake.py, turns.py)
    conversations  what is known of each, and who works on it        (known.py, turns.py)
    turns, posts   what was decided, and what of it is in Chatwoot   (turns.py)
    trace          what happened to each message, for people         (trace.py)

A conversation's key is (bot, account, display id). Times are seconds since 1970.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Insert,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql, sqlite

VERSION = 1
metadata = MetaData()

_ID = BigInteger().with_variant(Integer, "sqlite")

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("bot", String(64), nullable=False),
    Column("delivery", String(128), nullable=False),
    Column("at", Float, nullable=False),
    Column("state", String(16), nullable=False, default="new"),
    # The body holds a credential of the contact's; it goes once it is sorted.
    Column("body", LargeBinary),
    UniqueConstraint("bot", "delivery"),
    Index("deliveries_new", "state", "id"),
)
messages = Table(
    "messages",
    metadata,
    Column("bot", String(64), primary_key=True),
    Column("account", BigInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("conversation", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
    Column("role", String(16), nullable=False),
    Column("verdict", String(32), nullable=False),
    Column("text", Text, nullable=False),
    Column("attachments", JSON, nullable=False),
    Column("contact", BigInteger, nullable=False),
    Column("mark", String(200), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("due_at", Float, nullable=False, default=0.0),
    Index("messages_waiting", "state", "due_at"),
    Index("messages_of", "bot", "account", "conversation", "id"),
)
conversations = Table(
    "conversations",
    metadata,
    Column("bot", String(64), primary_key=True),
    Column("account", BigInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("status", String(16), nullable=False, default=""),
    Column("status_at", Float, nullable=False, default=0.0),
    Column("has_person", Boolean, nullable=False, default=False),
    Column("ended_at", Float, nullable=False, default=0.0),
    Column("returned_at", Float, nullable=False, default=0.0),
    Column("person_at", Float, nullable=False, default=0.0),
    Column("episode_at", Float, nullable=False, default=0.0),
    Column("dify_conversation", String(64), nullable=False, default=""),
    Column("was_clarified", Boolean, nullable=False, default=False),
    Column("language", String(32), nullable=False, default=""),
    Column("channel", String(64), nullable=False, default=""),
    Column("inbox", BigInteger, nullable=False, default=0),
    Column("leased_until", Float, nullable=False, default=0.0),
)
turns = Table(
    "turns",
    metadata,
    Column("bot", String(64), primary_key=True),
    Column("account", BigInteger, primary_key=True),
    Column("message", BigInteger, primary_key=True),
    Column("conversation", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
    Column("action", String(16), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("score", Float),
)
posts = Table(
    "posts",
    metadata,
    Column("bot", String(64), primary_key=True),
    Column("account", BigInteger, primary_key=True),
    Column("message", BigInteger, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("state", String(16), nullable=False, default="planned"),
    Column("begun_at", Float, nullable=False, default=0.0),
    Column("posted", BigInteger),
)
trace = Table(
    "trace",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("bot", String(64), nullable=False),
    Column("account", BigInteger, nullable=False),
    Column("conversation", BigInteger, nullable=False),
    Column("message", BigInteger),
    Column("at", Float, nullable=False),
    Column("step", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    Index("trace_of", "account", "conversation", "id"),
)


def insert_new(connection: Connection, table: Table, row: dict[str, Any]) -> bool:
    """Insert the row unless one with its key is there; whether it was inserted."""
    return connection.execute(_insert_new(connection.dialect.name, table), row).rowcount == 1


@cache
def _insert_new(dialect: str, table: Table) -> Insert:
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing()
