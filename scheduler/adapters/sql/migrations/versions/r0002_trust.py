"""Trust: what limits an agent, and what is known about that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what this revision adds."""
    _reservations()


def _reservations() -> None:
    op.add_column(
        "requests", sa.Column("reserved_microusd", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.create_index(
        "requests_out",
        "requests",
        ["job"],
        unique=False,
        sqlite_where=sa.text("state = 'sent'"),
        postgresql_where=sa.text("state = 'sent'"),
    )
