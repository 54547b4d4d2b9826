"""Which alert was told over which channel, and which is still to be."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "5"
down_revision = "4"


def upgrade() -> None:
    """Alerts of the time before are not told any more: nothing sent them."""
    op.create_table(
        "told",
        sa.Column("channel", sa.String(16), primary_key=True),
        sa.Column("alert", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", sa.Float, nullable=False),
    )
    op.create_index("told_due", "told", ["state", "due_at"])
    _tell_the_first_release(int(revision))


def downgrade() -> None:
    """What was still to be told stays among the alerts."""
    op.drop_table("told")
    _tell_the_first_release(int(down_revision))


def _tell_the_first_release(version: int) -> None:
    """It looks at SQLite's own number, and must refuse what it does not know."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"PRAGMA user_version = {version}")
