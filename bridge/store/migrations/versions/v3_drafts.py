"""Drafts with what became of them, and the people who are signed in to the page that sends them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"

_ZERO, _EMPTY = sa.text("0"), sa.text("''")


def upgrade() -> None:
    """Drafts of before are private notes in Chatwoot only: there is nothing to take over."""
    op.create_table(
        "drafts",
        sa.Column("bot", sa.String(64), primary_key=True),
        sa.Column("account", sa.BigInteger, primary_key=True),
        sa.Column("message", sa.BigInteger, primary_key=True),
        sa.Column("conversation", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("asked", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("score", sa.Float),
        sa.Column("threshold", sa.Float),
        sa.Column("sources", sa.JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("sent", sa.Text, nullable=False, server_default=_EMPTY),
        sa.Column("distance", sa.Integer),
        sa.Column("why", sa.String(200), nullable=False, server_default=_EMPTY),
        sa.Column("agent", sa.BigInteger, nullable=False, server_default=_ZERO),
        sa.Column("posted", sa.BigInteger),
        sa.Column("decided_at", sa.Float),
    )
    op.create_index("drafts_of", "drafts", ["account", "conversation", "message"])
    op.create_index("drafts_in", "drafts", ["state", "at"])
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("agent", sa.BigInteger, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("token", sa.LargeBinary, nullable=False),
        sa.Column("ends_at", sa.Float, nullable=False),
    )
    _tell_the_first_release(3)


def downgrade() -> None:
    """What became of drafts is lost, and everybody is signed out."""
    op.drop_table("sessions")
    op.drop_table("drafts")
    _tell_the_first_release(2)


def _tell_the_first_release(version: int) -> None:
    """It knows nothing of Alembic: on a file it looks at SQLite's own number."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"PRAGMA user_version = {version}")
