"""Let a notice be about a job or the daemon; add title, urgency, key, attachments and expiry."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"


def upgrade() -> None:
    """Let ``run_id`` be null, and add the columns."""
    # SQLite cannot change a column, so the table is copied; the copy has the constraints named here.
    with op.batch_alter_table("outbox", copy_from=_before(), recreate="auto") as table:
        table.alter_column("run_id", existing_type=sa.Text(), nullable=True)
        for name, default in (("title", ""), ("urgency", "normal"), ("dedupe_key", "")):
            table.add_column(sa.Column(name, sa.Text(), nullable=False, server_default=default))
        table.add_column(sa.Column("dedupe_until", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("attachments", sa.Text(), nullable=False, server_default="[]"))
        table.add_column(sa.Column("expires_at", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("receipt", sa.Text(), nullable=False, server_default=""))
        table.create_check_constraint("outbox_urgency_known", "urgency IN ('high', 'low', 'normal')")
    keyed = sa.text("dedupe_key <> ''")
    op.create_index(
        "outbox_key",
        "outbox",
        ["kind", "dedupe_key"],
        unique=True,
        sqlite_where=keyed,
        postgresql_where=keyed,
    )


def _before() -> sa.Table:
    """Return the table as 0001 made it."""
    due, unsent = sa.text("state IN ('taken', 'waiting')"), sa.text("state = 'given_up'")
    return sa.Table(
        "outbox",
        sa.MetaData(),
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("run_id", "job", "kind", "target", "body")),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("runner", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('given_up', 'sent', 'taken', 'waiting')", name="outbox_state_known"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.Index("outbox_due", "due_at", "id", sqlite_where=due, postgresql_where=due),
        sa.Index("outbox_run", "run_id"),
        sa.Index("outbox_unsent", "run_id", sqlite_where=unsent, postgresql_where=unsent),
    )
