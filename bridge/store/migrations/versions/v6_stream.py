"""Events for other programs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "6"
down_revision = "5"


def upgrade() -> None:
    """What happened before is no event any more: nobody asked for them."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "stream",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("event", sa.String(32), nullable=False, unique=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("bot", sa.String(64), nullable=False),
        sa.Column("account", sa.BigInteger, nullable=False),
        sa.Column("conversation", sa.BigInteger, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", sa.Float, nullable=False),
    )
    op.create_index("stream_waiting", "stream", ["state", "id"])
    op.create_index("stream_of", "stream", ["account", "conversation"])
    _tell_the_first_release(int(revision))


def downgrade() -> None:
    """What was not sent yet is not sent any more; what it was about stays."""
    op.drop_table("stream")
    _tell_the_first_release(int(down_revision))


def _tell_the_first_release(version: int) -> None:
    """It looks at SQLite's own number, and must refuse what it does not know."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"PRAGMA user_version = {version}")
