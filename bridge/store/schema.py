"""The bridge's tables, the same for SQLite and PostgreSQL. `migrations/` brings older ones here.

    deliveries     what Chatwoot sent, until it is sorted            (inbox.py)
    messages       who said what; a customer's waits for its turn    (intake.py, turns.py)
    conversations  what is known of each, and who works on it        (known.py, leases.py)
    turns, posts   what was decided, and what of it is in Chatwoot   (turns.py, outbox.py)
    drafts         what the AI would say, and what became of it      (drafts.py)
    sessions       people signed in to the review page               (sessions.py)
    trace          what happened to each message, for people         (trace.py)
    replicas       the bridges at work on this store                 (leases.py)
    usage          what a route's answers cost, by month             (usage.py)
    alerts         what an operator must know of                     (alerts.py)
    ratings        what customers gave, and
    closings       when conversations were resolved                  (ratings.py)
    handled        gaps that somebody has seen to                    (handled.py)
    stream         events for other programs, and which have them    (stream.py)

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
    false,
    literal_column,
)
from sqlalchemy.dialects import postgresql, sqlite

metadata = MetaData()

_ID = BigInteger().with_variant(Integer, "sqlite")
WAITING = "waiting"
"""The state of a customer's message that no turn has dealt with."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("bot", String(64), nullable=False),
    Column("delivery", String(128), nullable=False),
    Column("at", Float, nullable=False),
    Column("state", String(16), nullable=False),
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
    # When it came here, by our clock, and the turn that it was merged into: the id of that turn's newest.
    Column("received_at", Float, nullable=False, server_default="0"),
    Column("turn", BigInteger),
    Index("messages_of", "bot", "account", "conversation", "id"),
)
IS_WAITING = messages.c.state == literal_column(f"'{WAITING}'")
"""Spelt out, not bound: only then is the index below known to serve."""
Index(
    "messages_waiting",
    *(messages.c[name] for name in ("bot", "account", "conversation", "id")),
    sqlite_where=IS_WAITING,
    postgresql_where=IS_WAITING,
)
conversations = Table(
    "conversations",
    metadata,
    Column("bot", String(64), primary_key=True),
    Column("account", BigInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("status", String(16), nullable=False),
    Column("status_at", Float, nullable=False),
    Column("has_person", Boolean, nullable=False),
    Column("ended_at", Float, nullable=False),
    Column("left_at", Float, nullable=False, server_default="0"),
    Column("person_at", Float, nullable=False),
    Column("captain_at", Float, nullable=False, server_default="0"),
    Column("has_rival", Boolean, nullable=False, server_default=false()),
    Column("episode_at", Float, nullable=False),
    Column("dify_conversation", String(64), nullable=False),
    Column("was_clarified", Boolean, nullable=False),
    Column("language", String(32), nullable=False),
    Column("channel", String(64), nullable=False, server_default=""),
    Column("inbox", BigInteger, nullable=False, server_default="0"),
    Column("labels", JSON, nullable=False, server_default="[]"),
    # When its next turn is due, null where nothing waits; how often that failed; who works on it, or ''.
    Column("due_at", Float),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("owner", String(36), nullable=False, server_default=""),
    Index("conversations_due", "due_at"),
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
    Column("state", String(16), nullable=False),
    Column("begun_at", Float, nullable=False),
    Column("posted", BigInteger),
)
drafts = Table(
    "drafts",
    metadata,
    Column("bot", String(64), primary_key=True),
    Column("account", BigInteger, primary_key=True),
    Column("message", BigInteger, primary_key=True),
    Column("conversation", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
    Column("asked", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("action", String(16), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("score", Float),
    Column("threshold", Float),
    Column("sources", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    # What was decided: what was sent, how far it is from `text`, why it was discarded or superseded, by whom
    # (Chatwoot's id of the user), the message that it became, and when.
    Column("sent", Text, nullable=False, server_default=""),
    Column("distance", Integer),
    Column("why", String(200), nullable=False, server_default=""),
    Column("agent", BigInteger, nullable=False, server_default="0"),
    Column("posted", BigInteger),
    Column("decided_at", Float),
    Index("drafts_of", "account", "conversation", "message"),
    Index("drafts_in", "state", "at"),
)
sessions = Table(
    "sessions",
    metadata,
    # A digest: who reads the store cannot take a session over. The token is encrypted.
    Column("id", String(64), primary_key=True),
    Column("agent", BigInteger, nullable=False),
    Column("name", String(200), nullable=False),
    Column("token", LargeBinary, nullable=False),
    Column("ends_at", Float, nullable=False),
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
replicas = Table(
    "replicas",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("seen_at", Float, nullable=False),
)
usage = Table(
    "usage",
    metadata,
    Column("route", String(64), primary_key=True),
    Column("month", String(7), primary_key=True),
    # "" where the price of an answer was not told.
    Column("currency", String(8), primary_key=True),
    Column("answers", Integer, nullable=False, server_default="0"),
    Column("tokens", BigInteger, nullable=False, server_default="0"),
    # Answers of which Dify did not tell the tokens: their number is unknown, not zero.
    Column("untold", Integer, nullable=False, server_default="0"),
    Column("money", Float, nullable=False, server_default="0"),
)
alerts = Table(
    "alerts",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("key", String(128), nullable=False),
    Column("level", String(16), nullable=False),
    Column("subject", Text, nullable=False),
    Column("lines", JSON, nullable=False),
    Column("details", JSON, nullable=False),
    Index("alerts_of", "key", "at"),
)
told = Table(
    "told",
    metadata,
    Column("channel", String(16), primary_key=True),
    Column("alert", BigInteger, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Float, nullable=False),
    Index("told_due", "state", "due_at"),
)
ratings = Table(
    "ratings",
    metadata,
    Column("bot", String(64), primary_key=True),
    Column("account", BigInteger, primary_key=True),
    # The survey's id: a rating may be changed for 14 days, and comes again each time.
    Column("message", BigInteger, primary_key=True),
    Column("conversation", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
    Column("rating", Integer, nullable=False),
    Column("words", Text, nullable=False),
    Index("ratings_at", "at"),
)
closings = Table(
    "closings",
    metadata,
    Column("bot", String(64), primary_key=True),
    Column("account", BigInteger, primary_key=True),
    Column("conversation", BigInteger, primary_key=True),
    Column("at", Float, primary_key=True),
    Index("closings_at", "at"),
)
handled = Table(
    "handled",
    metadata,
    # Of whatever was seen to: its kind, and the message that it is about.
    Column("kind", String(16), primary_key=True),
    Column("account", BigInteger, primary_key=True),
    Column("message", BigInteger, primary_key=True),
    Column("at", Float, nullable=False),
    Column("by", String(16), nullable=False),
)
stream = Table(
    "stream",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    # Of what happened, so that it becomes an event once, whoever looks.
    Column("event", String(32), nullable=False, unique=True),
    Column("at", Float, nullable=False),
    Column("kind", String(16), nullable=False),
    # The conversation that it is about; "" and 0 where it is about none.
    Column("bot", String(64), nullable=False),
    Column("account", BigInteger, nullable=False),
    Column("conversation", BigInteger, nullable=False),
    Column("body", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Float, nullable=False),
    Index("stream_waiting", "state", "id"),
    Index("stream_of", "account", "conversation"),
)


def insert_new(connection: Connection, table: Table, row: dict[str, Any]) -> bool:
    """Insert the row unless one with its key is there; whether it was inserted."""
    return connection.execute(_insert_new(connection.dialect.name, table), row).rowcount == 1


@cache
def _insert_new(dialect: str, table: Table) -> Insert:
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    # Whether a row was inserted is asked of the driver only where that is wanted.
    return insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
