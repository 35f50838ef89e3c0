"""Trust: what runs have seen, which rule let a call act, questions to a person, and grants."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns and tables of trust."""
    _marks()
    _approvals()
    _grants()
    _wakeups()
    _records()
    _reservations()
    _tokens()
    _follow_ups()


def _marks() -> None:
    op.add_column("runs", sa.Column("marks", sa.Text(), nullable=False, server_default=""))
    op.add_column("calls", sa.Column("rule", sa.Text(), nullable=False, server_default=""))
    # Runs of before kept a label with each message: what they have read is not forgotten.
    op.execute(
        "UPDATE runs SET marks = 'untrusted:earlier' WHERE id IN"
        " (SELECT run_id FROM messages WHERE provenance LIKE '%untrusted%')"
    )


def _approvals() -> None:
    op.create_table(
        "approvals",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("args", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('approved', 'asked', 'denied', 'expired', 'used')", name="approvals_state_known"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("approvals_run", "approvals", ["run_id", "call_id"], unique=False)
    op.create_index(
        "approvals_open",
        "approvals",
        ["asked_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'asked'"),
        postgresql_where=sa.text("state = 'asked'"),
    )


def _grants() -> None:
    op.create_table(
        "grants",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "grants_job",
        "grants",
        ["job"],
        unique=False,
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    )


def _wakeups() -> None:
    """Let a wake-up be of the kind "approval": SQLite changes no CHECK, so the table is made anew."""
    op.rename_table("wakeups", "wakeups_before")
    op.drop_index("wakeups_due")
    op.drop_index("wakeups_run")
    op.create_table(
        "wakeups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('approval', 'day', 'deadline', 'person', 'probe', 'retry', 'time')",
            name="wakeups_kind_known",
        ),
        sa.CheckConstraint("state IN ('dropped', 'open', 'won')", name="wakeups_state_known"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("INSERT INTO wakeups SELECT id, run_id, kind, due, state, closed_at FROM wakeups_before")
    op.drop_table("wakeups_before")
    op.create_index(
        "wakeups_due",
        "wakeups",
        ["due", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("wakeups_run", "wakeups", ["run_id", "state"], unique=False)
    op.create_index(
        "wakeups_slept",
        "wakeups",
        ["closed_at"],
        unique=False,
        sqlite_where=sa.text("state = 'won' AND kind = 'time'"),
        postgresql_where=sa.text("state = 'won' AND kind = 'time'"),
    )


def _records() -> None:
    op.create_table(
        "records",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )


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


def _tokens() -> None:
    for table in ("runs", "requests"):
        op.add_column(table, sa.Column("tokens", sa.BigInteger(), server_default="0", nullable=False))
    op.execute(
        "UPDATE requests SET tokens = input_tokens + output_tokens + cache_read_tokens + cache_write_tokens"
        " WHERE state = 'answered'"
    )
    op.execute(
        "UPDATE runs SET tokens ="
        " (SELECT coalesce(sum(q.tokens), 0) FROM requests q WHERE q.run_id = runs.id)"
    )
    op.drop_index("requests_cost", "requests")
    op.create_index(
        "requests_ended",
        "requests",
        ["job", "ended_at"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NOT NULL"),
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )


def _follow_ups() -> None:
    op.create_table(
        "follow_ups",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("marks", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("fires_left", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('open', 'over', 'pending')", name="follow_ups_state_known"),
        sa.PrimaryKeyConstraint("run_id", "call_id"),
    )
    op.create_index(
        "follow_ups_name",
        "follow_ups",
        ["name"],
        unique=True,
        sqlite_where=sa.text("state <> 'over'"),
        postgresql_where=sa.text("state <> 'over'"),
    )
    op.create_index("follow_ups_root", "follow_ups", ["root", "made_at"], unique=False)
