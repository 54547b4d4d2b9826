"""What customers gave, when conversations were closed, and which gaps were seen to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"


def upgrade() -> None:
    """Nothing is known of the time before."""
    op.create_table(
        "ratings",
        sa.Column("bot", sa.String(64), primary_key=True),
        sa.Column("account", sa.BigInteger, primary_key=True),
        sa.Column("message", sa.BigInteger, primary_key=True),
        sa.Column("conversation", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("rating", sa.Integer, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
    )
    op.create_index("ratings_at", "ratings", ["at"])
    op.create_table(
        "closings",
        sa.Column("bot", sa.String(64), primary_key=True),
        sa.Column("account", sa.BigInteger, primary_key=True),
        sa.Column("conversation", sa.BigInteger, primary_key=True),
        sa.Column("at", sa.Float, primary_key=True),
    )
    op.create_index("closings_at", "closings", ["at"])
    op.create_table(
        "handled",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("account", sa.BigInteger, primary_key=True),
        sa.Column("message", sa.BigInteger, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("by", sa.String(16), nullable=False),
    )
    _tell_the_first_release(int(revision))


def downgrade() -> None:
    """The figures of the tables go with them."""
    for name in ("ratings", "closings", "handled"):
        op.drop_table(name)
    _tell_the_first_release(int(down_revision))


def _tell_the_first_release(version: int) -> None:
    """It looks at SQLite's own number, and must refuse what it does not know."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"PRAGMA user_version = {version}")
