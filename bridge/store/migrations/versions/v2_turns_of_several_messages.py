"""Turns of several messages, and several bridges on one store.

What is due is now the conversation, not each of its messages; who works on it is a name, not a time.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_WAITING = sa.text("state = 'waiting'")
_ZERO, _EMPTY = sa.text("0"), sa.text("''")


def upgrade() -> None:
    """What waits keeps its place and its time."""
    op.create_table(
        "replicas",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("seen_at", sa.Float, nullable=False),
    )
    with op.batch_alter_table("conversations") as table:
        table.add_column(sa.Column("left_at", sa.Float, nullable=False, server_default=_ZERO))
        table.add_column(sa.Column("captain_at", sa.Float, nullable=False, server_default=_ZERO))
        table.add_column(sa.Column("has_rival", sa.Boolean, nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("channel", sa.String(64), nullable=False, server_default=_EMPTY))
        table.add_column(sa.Column("inbox", sa.BigInteger, nullable=False, server_default=_ZERO))
        table.add_column(sa.Column("labels", sa.JSON, nullable=False, server_default=sa.text("'[]'")))
        table.add_column(sa.Column("due_at", sa.Float))
        table.add_column(sa.Column("attempts", sa.Integer, nullable=False, server_default=_ZERO))
        table.add_column(sa.Column("owner", sa.String(36), nullable=False, server_default=_EMPTY))
    op.execute("UPDATE conversations SET left_at = returned_at")
    op.execute(
        "UPDATE conversations SET due_at = (SELECT min(m.due_at) FROM messages m WHERE m.bot ="
        " conversations.bot AND m.account = conversations.account AND m.conversation = conversations.id"
        " AND m.state = 'waiting')"
    )
    with op.batch_alter_table("conversations") as table:
        table.drop_column("returned_at")
        table.drop_column("leased_until")
    op.create_index("conversations_due", "conversations", ["due_at"])
    op.drop_index("messages_waiting", "messages")
    with op.batch_alter_table("messages") as table:
        table.add_column(sa.Column("received_at", sa.Float, nullable=False, server_default=_ZERO))
        table.add_column(sa.Column("turn", sa.BigInteger))
    op.execute("UPDATE messages SET received_at = at, turn = id")
    with op.batch_alter_table("messages") as table:
        table.drop_column("attempts")
        table.drop_column("due_at")
    op.create_index(
        "messages_waiting",
        "messages",
        ["bot", "account", "conversation", "id"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    _add_usage_and_alerts()
    _tell_the_first_release(2)


def downgrade() -> None:
    """Messages of one turn wait one by one again; nothing is lost but who worked on what."""
    op.drop_index("messages_waiting", "messages")
    with op.batch_alter_table("messages") as table:
        table.add_column(sa.Column("attempts", sa.Integer, nullable=False, server_default=_ZERO))
        table.add_column(sa.Column("due_at", sa.Float, nullable=False, server_default=_ZERO))
        table.drop_column("received_at")
        table.drop_column("turn")
    op.create_index("messages_waiting", "messages", ["state", "due_at"])
    op.drop_index("conversations_due", "conversations")
    with op.batch_alter_table("conversations") as table:
        table.add_column(sa.Column("returned_at", sa.Float, nullable=False, server_default=_ZERO))
        table.add_column(sa.Column("leased_until", sa.Float, nullable=False, server_default=_ZERO))
    op.execute("UPDATE conversations SET returned_at = left_at")
    with op.batch_alter_table("conversations") as table:
        for column in (
            "left_at", "captain_at", "has_rival", "channel", "inbox", "labels", "due_at", "attempts", "owner",
        ):  # fmt: skip
            table.drop_column(column)
    for name in ("replicas", "usage", "alerts"):
        op.drop_table(name)
    _tell_the_first_release(1)


def _add_usage_and_alerts() -> None:
    """What answers cost, and what an operator must know of."""
    op.create_table(
        "usage",
        sa.Column("route", sa.String(64), primary_key=True),
        sa.Column("month", sa.String(7), primary_key=True),
        sa.Column("currency", sa.String(8), primary_key=True),
        sa.Column("answers", sa.Integer, nullable=False, server_default=_ZERO),
        sa.Column("tokens", sa.BigInteger, nullable=False, server_default=_ZERO),
        sa.Column("untold", sa.Integer, nullable=False, server_default=_ZERO),
        sa.Column("money", sa.Float, nullable=False, server_default=_ZERO),
    )
    op.create_table(
        "alerts",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("level", sa.String(16), nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("lines", sa.JSON, nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
    )
    op.create_index("alerts_of", "alerts", ["key", "at"])


def _tell_the_first_release(version: int) -> None:
    """It looks at SQLite's own number, and must refuse what it does not know."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"PRAGMA user_version = {version}")
