"""Store causes and wake-ups as a kind and a key, without a CHECK on the kinds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Copy the tables whose CHECKs go: SQLite cannot drop one.  Approvals that are waited for get keys."""
    with op.batch_alter_table("runs", copy_from=_runs_before(), recreate="always") as table:
        table.drop_constraint("runs_origin_known", type_="check")
        table.alter_column("origin", new_column_name="cause")
        table.alter_column("key", new_column_name="cause_key")
    for name, columns, unique, where in _RUNS_INDEXES:
        _index(name, "runs", *columns, unique=unique, where=where)
    with op.batch_alter_table("wakeups", copy_from=_wakeups_before(), recreate="always") as table:
        table.drop_constraint("wakeups_kind_known", type_="check")
        table.alter_column("due", existing_type=sa.BigInteger(), nullable=True)
        table.add_column(sa.Column("key", sa.Text(), nullable=False, server_default=""))
        table.add_column(sa.Column("deadline", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("event", sa.Integer(), nullable=True))
    _index("wakeups_due", "wakeups", "due", "id", where="state = 'open'")
    _index("wakeups_run", "wakeups", "run_id", "state")
    _index("wakeups_slept", "wakeups", "closed_at", where=f"state = 'won' AND {_ENDS_SLEEP}")
    _index("wakeups_event", "wakeups", "kind", "key", where="state = 'open'")
    op.execute(_KEYS)
    op.add_column("jobs", sa.Column("event", sa.Text(), nullable=False, server_default=""))
    _index("jobs_event", "jobs", "event", where="event <> ''")
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("source", "kind", "key", "subject", "payload", "provenance")
        ),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    _index("events_key", "events", "kind", "key", unique=True, where="key <> ''")
    _index("events_kind", "events", "kind", "at")


_ENDS_SLEEP = "kind NOT IN ('approval', 'day', 'deadline', 'person', 'probe', 'retry')"

# There was one wake-up for each question, all due at one instant: which is whose does not matter.
_PLACE = "row_number() OVER (PARTITION BY run_id ORDER BY id) AS place"
_KEYS = (
    "UPDATE wakeups SET key = coalesce((SELECT a.id FROM"
    f" (SELECT id, run_id, {_PLACE} FROM approvals WHERE state = 'asked') a JOIN"
    f" (SELECT id, run_id, {_PLACE} FROM wakeups WHERE state = 'open' AND kind = 'approval') w"
    " ON w.run_id = a.run_id AND w.place = a.place WHERE w.id = wakeups.id), '')"
    " WHERE state = 'open' AND kind = 'approval'"
)


def _wakeups_before() -> sa.Table:
    """Return the table as 0001 made it."""
    kinds = "'approval', 'day', 'deadline', 'person', 'probe', 'retry', 'time'"
    return sa.Table(
        "wakeups",
        sa.MetaData(),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(f"kind IN ({kinds})", name="wakeups_kind_known"),
        sa.CheckConstraint("state IN ('dropped', 'open', 'won')", name="wakeups_state_known"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
        sa.PrimaryKeyConstraint("id"),
    )


_RUNS_INDEXES = (
    ("runs_slot", ("job", "fire_time"), True, "cause = 'schedule'"),
    ("runs_cause", ("job", "cause", "cause_key"), True, "cause_key <> ''"),
    ("runs_job_state", ("job", "state", "fire_time", "id"), False, ""),
    (
        "runs_queued",
        ("fire_time", "id", "job", "overlap", "serial", "not_before"),
        False,
        "state = 'queued'",
    ),
    ("runs_held", ("not_before",), False, "state = 'queued' AND not_before IS NOT NULL"),
    ("runs_lease", ("lease_expires_at", "job"), False, "state = 'running'"),
    ("runs_ended", ("job", "ended_at", "id"), False, "ended_at IS NOT NULL"),
    ("runs_recent", ("fire_time", "id"), False, ""),
)
"""The copy has none of the old indexes."""


def _runs_before() -> sa.Table:
    """Return the table as 0001 made it."""
    return sa.Table("runs", sa.MetaData(), *_runs_columns(), *_runs_checks(), sa.PrimaryKeyConstraint("id"))


def _runs_columns() -> Iterator[sa.Column[Any]]:
    text, number, big, flag = sa.Text(), sa.Integer(), sa.BigInteger(), sa.Boolean()
    kinds: dict[str, Any] = dict.fromkeys(("id", "job", "state", "origin"), text)
    kinds |= {"fire_time": big, "created_at": big, "key": text, "overlap": text, "serial": flag}
    kinds |= {"epoch": number, "attempts": number, "free_claim": flag, "runner": text}
    kinds |= dict.fromkeys(("lease_expires_at", "not_before", "started_at", "ended_at", "slept_since"), big)
    kinds |= {"wake_at": big, "waiting_for": text, "reason": text, "reason_code": text, "outcome": text}
    kinds |= {"summary": text, "missed": number, "last_missed": big, "cancel_requested": flag}
    kinds |= dict.fromkeys(("steps", "claim_steps", "resumed_epoch", "last_seq"), number)
    kinds |= {"cost_microusd": big, "unknown_cost_requests": number, "woken": text}
    kinds |= {"marks": text, "tokens": big}
    may_lack = {"lease_expires_at", "not_before", "started_at", "ended_at", "slept_since", "wake_at"}
    may_lack |= {"outcome", "last_missed", "woken"}
    defaults = {"marks": "", "tokens": "0"}
    for name, kind in kinds.items():
        yield sa.Column(name, kind, nullable=name in may_lack, server_default=defaults.get(name))


def _runs_checks() -> tuple[sa.CheckConstraint, ...]:
    states = "'cancelled', 'failed', 'parked', 'queued', 'retrying', 'running', 'skipped', 'sleeping'"
    return (
        sa.CheckConstraint("origin IN ('person', 'reboot', 'schedule')", name="runs_origin_known"),
        sa.CheckConstraint("overlap IN ('allow', 'queue', 'replace', 'skip')", name="runs_overlap_known"),
        sa.CheckConstraint(
            "state <> 'running' OR lease_expires_at IS NOT NULL", name="runs_running_is_leased"
        ),
        sa.CheckConstraint(f"state IN ({states}, 'succeeded')", name="runs_state_known"),
    )


def _index(name: str, table: str, *columns: str, where: str = "", unique: bool = False) -> None:
    condition = sa.text(where) if where else None
    op.create_index(
        name, table, list(columns), unique=unique, sqlite_where=condition, postgresql_where=condition
    )
