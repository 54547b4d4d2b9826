"""What answers cost, and what an operator must know of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_ZERO = sa.text("0")


def upgrade() -> None:
    """Two tables more."""
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


def downgrade() -> None:
    """Without them: the month's spending is forgotten."""
    op.drop_table("alerts")
    op.drop_table("usage")
