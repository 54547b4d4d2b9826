"""The tables of the first release, which made them without alembic."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """All of them."""
    op.create_table(
        "deliveries",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("bot", sa.String(64), nullable=False),
        sa.Column("delivery", sa.String(128), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("body", sa.LargeBinary),
        sa.UniqueConstraint("bot", "delivery"),
    )
    op.create_index("deliveries_new", "deliveries", ["state", "id"])
    op.create_table(
        "messages",
        *_key("id"),
        sa.Column("conversation", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("verdict", sa.String(32), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("attachments", sa.JSON, nullable=False),
        sa.Column("contact", sa.BigInteger, nullable=False),
        sa.Column("mark", sa.String(200), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", sa.Float, nullable=False),
    )
    op.create_index("messages_waiting", "messages", ["state", "due_at"])
    op.create_index("messages_of", "messages", ["bot", "account", "conversation", "id"])
    op.create_table(
        "conversations",
        *_key("id"),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("status_at", sa.Float, nullable=False),
        sa.Column("has_person", sa.Boolean, nullable=False),
        sa.Column("ended_at", sa.Float, nullable=False),
        sa.Column("returned_at", sa.Float, nullable=False),
        sa.Column("person_at", sa.Float, nullable=False),
        sa.Column("episode_at", sa.Float, nullable=False),
        sa.Column("dify_conversation", sa.String(64), nullable=False),
        sa.Column("was_clarified", sa.Boolean, nullable=False),
        sa.Column("language", sa.String(32), nullable=False),
        sa.Column("leased_until", sa.Float, nullable=False),
    )
    op.create_table(
        "turns",
        *_key("message"),
        sa.Column("conversation", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("score", sa.Float),
    )
    op.create_table(
        "posts",
        *_key("message"),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("begun_at", sa.Float, nullable=False),
        sa.Column("posted", sa.BigInteger),
    )
    op.create_table(
        "trace",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("bot", sa.String(64), nullable=False),
        sa.Column("account", sa.BigInteger, nullable=False),
        sa.Column("conversation", sa.BigInteger, nullable=False),
        sa.Column("message", sa.BigInteger),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
    )
    op.create_index("trace_of", "trace", ["account", "conversation", "id"])


def downgrade() -> None:
    """An empty database."""
    for table in ("deliveries", "messages", "conversations", "turns", "posts", "trace"):
        op.drop_table(table)


def _key(last: str) -> tuple[sa.Column[str], sa.Column[int], sa.Column[int]]:
    return (
        sa.Column("bot", sa.String(64), primary_key=True),
        sa.Column("account", sa.BigInteger, primary_key=True),
        sa.Column(last, sa.BigInteger, primary_key=True),
    )
