"""All tables of the first release."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    for make in (_jobs, _jumps, _meta, _runners, _runs, _runs_indexes, _attempts, _calls, _messages):
        make()
    for make in (_outbox, _pins, _requests, _wakeups, _approvals, _grants, _records, _follow_ups):
        make()


def _text(name: str, **more: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), **{"nullable": False, **more})


def _big(name: str, **more: Any) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), **{"nullable": False, **more})


def _int(name: str, **more: Any) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), **{"nullable": False, **more})


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _known(table: str, column: str, *values: str) -> sa.CheckConstraint:
    allowed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({allowed})", name=f"{table}_{column}_known")


def _index(name: str, table: str, *columns: str, unique: bool = False, where: str = "") -> None:
    condition = sa.text(where) if where else None
    op.create_index(
        name, table, list(columns), unique=unique, sqlite_where=condition, postgresql_where=condition
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        *map(_text, ("name", "state", "schedule", "zone")),
        _flag("enabled"),
        _flag("one_shot"),
        _big("next_fire", nullable=True),
        _big("first_loaded_at"),
        _text("problem"),
        _text("paused_reason"),
        _big("paused_at", nullable=True),
        _int("failures"),
        _text("slots"),
        _text("spec", nullable=True),
        _known("jobs", "state", "active", "done", "invalid", "paused", "removed"),
        sa.PrimaryKeyConstraint("name"),
    )
    _index("jobs_due", "jobs", "next_fire", where="next_fire IS NOT NULL")


def _jumps() -> None:
    op.create_table(
        "jumps",
        _int("id"),
        _text("kind"),
        _big("before"),
        _big("at"),
        _big("size_us"),
        _known("jumps", "kind", "set_back", "set_forward", "suspended"),
        sa.PrimaryKeyConstraint("id"),
    )
    _index("jumps_at", "jumps", "at")


def _meta() -> None:
    op.create_table(
        "meta",
        _text("key"),
        _text("value"),
        sa.PrimaryKeyConstraint("key"),
    )


def _runners() -> None:
    op.create_table(
        "runners",
        _text("id"),
        _text("kind"),
        _text("host"),
        _int("pid"),
        _big("started_at"),
        _big("seen_at"),
        _text("crontab"),
        _text("lock_path"),
        _big("stopped_at", nullable=True),
        _known("runners", "kind", "daemon", "tick", "wait"),
        sa.PrimaryKeyConstraint("id"),
    )


def _runs() -> None:
    op.create_table(
        "runs",
        *map(_text, ("id", "job", "state", "origin")),
        _big("fire_time"),
        _big("created_at"),
        _text("key"),
        _text("overlap"),
        _flag("serial"),
        _int("epoch"),
        _int("attempts"),
        _flag("free_claim"),
        _text("runner"),
        _big("lease_expires_at", nullable=True),
        _big("not_before", nullable=True),
        _big("started_at", nullable=True),
        _big("ended_at", nullable=True),
        _big("slept_since", nullable=True),
        _big("wake_at", nullable=True),
        _text("waiting_for"),
        _text("reason"),
        _text("reason_code"),
        _text("outcome", nullable=True),
        _text("summary"),
        _int("missed"),
        _big("last_missed", nullable=True),
        _flag("cancel_requested"),
        _int("steps"),
        _int("claim_steps"),
        _int("resumed_epoch"),
        _int("last_seq"),
        _big("cost_microusd"),
        _int("unknown_cost_requests"),
        _text("woken", nullable=True),
        _text("marks", server_default=""),
        _big("tokens", server_default="0"),
        _known("runs", "origin", "person", "reboot", "schedule"),
        _known("runs", "overlap", "allow", "queue", "replace", "skip"),
        sa.CheckConstraint(
            "state <> 'running' OR lease_expires_at IS NOT NULL", name="runs_running_is_leased"
        ),
        _known(
            "runs",
            "state",
            "cancelled",
            "failed",
            "parked",
            "queued",
            "retrying",
            "running",
            "skipped",
            "sleeping",
            "succeeded",
        ),
        sa.PrimaryKeyConstraint("id"),
    )


def _runs_indexes() -> None:
    _index("runs_ended", "runs", "job", "ended_at", "id", where="ended_at IS NOT NULL")
    _index("runs_held", "runs", "not_before", where="state = 'queued' AND not_before IS NOT NULL")
    _index("runs_job_state", "runs", "job", "state", "fire_time", "id")
    _index("runs_key", "runs", "job", "key", unique=True, where="key <> ''")
    _index("runs_lease", "runs", "lease_expires_at", "job", where="state = 'running'")
    _index(
        "runs_queued",
        "runs",
        "fire_time",
        "id",
        "job",
        "overlap",
        "serial",
        "not_before",
        where="state = 'queued'",
    )
    _index("runs_recent", "runs", "fire_time", "id")
    _index("runs_slot", "runs", "job", "fire_time", unique=True, where="origin <> 'person'")


def _attempts() -> None:
    op.create_table(
        "attempts",
        _text("run_id"),
        _int("number"),
        _int("epoch"),
        _text("runner"),
        _big("claimed_at"),
        _big("released_at", nullable=True),
        _text("ended_as"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
        sa.PrimaryKeyConstraint("run_id", "number"),
        sqlite_with_rowid=False,
    )


def _calls() -> None:
    op.create_table(
        "calls",
        _text("run_id"),
        _text("id"),
        _int("message_seq"),
        _int("position"),
        *map(_text, ("name", "args", "effect", "key", "state")),
        _text("result", nullable=True),
        _text("provenance"),
        _big("started_at", nullable=True),
        _big("ended_at", nullable=True),
        _text("rule", server_default=""),
        _known("calls", "effect", "keyed", "opaque", "probe", "pure"),
        _known("calls", "state", "done", "failed", "planned", "started", "unknown", "waiting"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
        sa.PrimaryKeyConstraint("run_id", "id"),
    )
    _index("calls_place", "calls", "run_id", "message_seq", "position", unique=True)


def _messages() -> None:
    op.create_table(
        "messages",
        _text("run_id"),
        _int("seq"),
        _text("role"),
        _text("content"),
        _text("provenance"),
        _big("created_at"),
        _text("stop_reason", nullable=True),
        _known("messages", "role", "assistant", "user"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
        sa.PrimaryKeyConstraint("run_id", "seq"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        _int("id"),
        *map(_text, ("run_id", "job", "kind", "target", "body")),
        _big("created_at"),
        _text("state"),
        _big("due_at"),
        _int("tries"),
        _text("runner"),
        _big("sent_at", nullable=True),
        _text("error"),
        _known("outbox", "state", "given_up", "sent", "taken", "waiting"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    _index("outbox_due", "outbox", "due_at", "id", where="state IN ('taken', 'waiting')")
    _index("outbox_run", "outbox", "run_id")
    _index("outbox_unsent", "outbox", "run_id", where="state = 'given_up'")


def _pins() -> None:
    op.create_table(
        "pins",
        _text("run_id"),
        _text("spec"),
        _text("frame", nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
        sa.PrimaryKeyConstraint("run_id"),
    )


def _requests() -> None:
    op.create_table(
        "requests",
        _text("run_id"),
        _int("number"),
        _text("job"),
        _int("attempt"),
        _text("model"),
        _big("started_at"),
        _text("state"),
        _big("ended_at", nullable=True),
        _text("request_id", nullable=True),
        _text("stop_reason", nullable=True),
        _big("input_tokens"),
        _big("output_tokens"),
        _big("cache_read_tokens"),
        _big("cache_write_tokens"),
        _big("cost_microusd", nullable=True),
        _flag("cost_assumed"),
        _text("error"),
        _int("covers", nullable=True),
        _text("summary", nullable=True),
        _big("reserved_microusd", server_default="0"),
        _big("tokens", server_default="0"),
        _known("requests", "state", "answered", "failed", "lost", "sent"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
        sa.PrimaryKeyConstraint("run_id", "number"),
        sqlite_with_rowid=False,
    )
    _index("requests_ended", "requests", "job", "ended_at", where="ended_at IS NOT NULL")
    _index("requests_out", "requests", "job", where="state = 'sent'")


def _wakeups() -> None:
    op.create_table(
        "wakeups",
        _int("id"),
        _text("run_id"),
        _text("kind"),
        _big("due"),
        _text("state"),
        _big("closed_at", nullable=True),
        _known("wakeups", "kind", "approval", "day", "deadline", "person", "probe", "retry", "time"),
        _known("wakeups", "state", "dropped", "open", "won"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    _index("wakeups_due", "wakeups", "due", "id", where="state = 'open'")
    _index("wakeups_run", "wakeups", "run_id", "state")
    _index("wakeups_slept", "wakeups", "closed_at", where="state = 'won' AND kind = 'time'")


def _approvals() -> None:
    op.create_table(
        "approvals",
        *map(_text, ("id", "run_id", "call_id", "job", "tool", "args", "digest", "rule", "reason", "state")),
        _big("asked_at"),
        _big("expires_at"),
        _big("answered_at", nullable=True),
        _text("answer"),
        _known("approvals", "state", "approved", "asked", "denied", "expired", "used"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    _index("approvals_open", "approvals", "asked_at", "id", where="state = 'asked'")
    _index("approvals_run", "approvals", "run_id", "call_id")


def _grants() -> None:
    op.create_table(
        "grants",
        _text("id"),
        _text("job"),
        _text("spec"),
        _big("created_at"),
        _big("revoked_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    _index("grants_job", "grants", "job", where="revoked_at IS NULL")


def _records() -> None:
    op.create_table(
        "records",
        _int("seq", autoincrement=False),
        *map(_text, ("at", "job", "run_id", "kind", "body", "body_hash", "prev_hash", "hash")),
        sa.PrimaryKeyConstraint("seq"),
    )


def _follow_ups() -> None:
    op.create_table(
        "follow_ups",
        *map(_text, ("run_id", "call_id", "name", "root", "state", "spec", "marks")),
        _big("made_at"),
        _big("expires_at"),
        _int("fires_left"),
        _big("ended_at", nullable=True),
        _text("reason"),
        _known("follow_ups", "state", "open", "over", "pending"),
        sa.PrimaryKeyConstraint("run_id", "call_id"),
    )
    _index("follow_ups_name", "follow_ups", "name", unique=True, where="state <> 'over'")
    _index("follow_ups_root", "follow_ups", "root", "made_at")
