"""The tables.  Instants are integers: microseconds since 1970 UTC, exact and sortable in every database.

Rows are not the domain: a row class takes any text for a state, so the CHECK constraints say what is legal,
``rows.py`` turns rows into core values, and state changes are conditional UPDATEs, never edits of objects.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, get_args

from sqlalchemy import BigInteger, CheckConstraint, Index, MetaData, Text, text
from sqlmodel import Field, SQLModel

from scheduler.adapters.sql.states import one_of
from scheduler.core.run.conversation import CallState
from scheduler.core.run.run import State
from scheduler.core.run.wakeup import OUR_KINDS, Waking
from scheduler.core.time.clocks import JumpKind
from scheduler.core.trust.approval import ApprovalState
from scheduler.core.trust.effect import Effect

metadata = MetaData()


class Table(SQLModel):
    """The base of our tables: their own metadata, so that another SQLModel program never mixes with it."""

    metadata = metadata


def _check(table: str, column: str, values: Iterable[str] | type[StrEnum]) -> CheckConstraint:
    return CheckConstraint(one_of(column, [str(v) for v in values]), name=f"{table}_{column}_known")


def _where(condition: str) -> dict[str, Any]:
    """Return the arguments that make an index partial, in both databases."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


_CLUSTERED = {"sqlite_with_rowid": False}
"""Small rows that are looked for by their key alone: one tree to write instead of a table and its index."""


def _text(**more: Any) -> Any:
    return Field(sa_type=Text, **more)


def _added_text() -> Any:
    """Return a text column that an older table can be given: its rows need a value at once."""
    return _text(default="", sa_column_kwargs={"server_default": ""})


def _added_big() -> Any:
    return _big(default=0, sa_column_kwargs={"server_default": "0"})


def _big(**more: Any) -> Any:
    return Field(sa_type=BigInteger, **more)


JOB_STATES = ("active", "paused", "invalid", "done", "removed")
REQUEST_STATES = ("sent", "answered", "failed", "lost")
WAKEUP_STATES = ("open", "won", "dropped")

_OF_RESTS = ", ".join(sorted(f"'{kind}'" for kind in OUR_KINDS - {Waking.TIME}))
ENDS_SLEEP = f"kind NOT IN ({_OF_RESTS})"
"""Wake-ups that the agent had asked for: ``Woken.ends_sleep``, in SQL."""


class JobRow(Table, table=True):
    """A standing order, and what is remembered about it between two fires.

    ``spec`` is the job as JSON (null when it never was valid) and stands last: ``list`` does not read it.
    ``event`` is the kind of events that fire it, if any do.
    ``slots`` holds what decides the slots (trigger, zone, rules), to see whether a new crontab moved them.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        _check("jobs", "state", JOB_STATES),
        Index("jobs_due", "next_fire", **_where("next_fire IS NOT NULL")),
        Index("jobs_event", "event", **_where("event <> ''")),
    )
    name: str = _text(primary_key=True)
    state: str = _text()
    schedule: str = _text(default="")
    zone: str = _text(default="UTC")
    enabled: bool = True
    one_shot: bool = False
    next_fire: int | None = _big(default=None)
    first_loaded_at: int = _big()
    problem: str = _text(default="")
    paused_reason: str = _text(default="")
    paused_at: int | None = _big(default=None)
    failures: int = 0
    slots: str = _text(default="")
    spec: str | None = _text(default=None)
    event: str = _added_text()


class RunRow(Table, table=True):
    """A run.  ``runner`` stays after the release, to say who had it; ``lease_expires_at`` does not.

    ``cause`` is the kind of what fired it, and no CHECK says which there are: a plug-in may have its own.
    ``overlap`` is the job's; ``serial``: it waits until the job's earlier runs are final.
    ``free_claim``: the next claim uses up no attempt (woken from a sleep, or handed back).
    ``last_seq`` and ``claim_steps`` count messages of the run and steps since its claim.
    ``resumed_epoch``: failed requests up to this epoch do not count, because a person resumed the run.
    Large texts live in ``pins``: an UPDATE here rewrites the whole row at every step.
    """

    __tablename__ = "runs"
    __table_args__ = (
        _check("runs", "state", State),
        _check("runs", "overlap", ("skip", "queue", "replace", "allow")),
        CheckConstraint("state <> 'running' OR lease_expires_at IS NOT NULL", name="runs_running_is_leased"),
        # Two processes that fire the same slot make one row.
        Index("runs_slot", "job", "fire_time", unique=True, **_where("cause = 'schedule'")),
        Index("runs_cause", "job", "cause", "cause_key", unique=True, **_where("cause_key <> ''")),
        Index("runs_job_state", "job", "state", "fire_time", "id"),
        Index(
            "runs_queued",
            *("fire_time", "id", "job", "overlap", "serial", "not_before"),
            **_where("state = 'queued'"),
        ),
        Index("runs_held", "not_before", **_where("state = 'queued' AND not_before IS NOT NULL")),
        Index("runs_lease", "lease_expires_at", "job", **_where("state = 'running'")),
        Index("runs_ended", "job", "ended_at", "id", **_where("ended_at IS NOT NULL")),
        Index("runs_recent", "fire_time", "id"),
    )
    id: str = _text(primary_key=True)
    job: str = _text()
    state: str = _text()
    cause: str = _text()
    fire_time: int = _big()
    created_at: int = _big()
    cause_key: str = _text(default="")
    overlap: str = _text(default="skip")
    serial: bool = False
    epoch: int = 0
    attempts: int = 0
    free_claim: bool = False
    runner: str = _text(default="")
    lease_expires_at: int | None = _big(default=None)
    not_before: int | None = _big(default=None)
    started_at: int | None = _big(default=None)
    ended_at: int | None = _big(default=None)
    slept_since: int | None = _big(default=None)
    wake_at: int | None = _big(default=None)
    waiting_for: str = _text(default="")
    reason: str = _text(default="")
    reason_code: str = _text(default="")
    outcome: str | None = _text(default=None)
    summary: str = _text(default="")
    missed: int = 0
    last_missed: int | None = _big(default=None)
    cancel_requested: bool = False
    steps: int = 0
    claim_steps: int = 0
    resumed_epoch: int = 0
    last_seq: int = 0
    cost_microusd: int = _big(default=0)
    unknown_cost_requests: int = 0
    woken: str | None = _text(default=None)
    marks: str = _added_text()
    tokens: int = _added_big()


class FrameRow(Table, table=True):
    """A frame (JSON) that runs have pinned: all runs of a job have the same one, until an upgrade."""

    __tablename__ = "frames"
    hash: str = _text(primary_key=True)
    frame: str = _text()


class PinRow(Table, table=True):
    """What stays the same while a run lives: its job (JSON) and its frame."""

    __tablename__ = "pins"
    __table_args__ = (Index("pins_frame", "frame_hash", **_where("frame_hash IS NOT NULL")),)
    run_id: str = _text(primary_key=True, foreign_key="runs.id")
    spec: str = _text()
    frame_hash: str | None = _text(default=None, foreign_key="frames.hash")


class MessageRow(Table, table=True):
    """A message of the conversation, append-only, as raw JSON."""

    __tablename__ = "messages"
    __table_args__ = (_check("messages", "role", ("user", "assistant")),)
    run_id: str = _text(primary_key=True, foreign_key="runs.id")
    seq: int = Field(primary_key=True)
    role: str = _text()
    content: str = _text()
    provenance: str = _text()
    created_at: int = _big()
    stop_reason: str | None = _text(default=None)


class CallRow(Table, table=True):
    """A tool call and how far it has come.

    ``result`` is null again once the message that holds it is stored: it is the largest text of a round.
    """

    __tablename__ = "calls"
    __table_args__ = (
        _check("calls", "state", CallState),
        _check("calls", "effect", Effect),
        Index("calls_place", "run_id", "message_seq", "position", unique=True),
    )
    run_id: str = _text(primary_key=True, foreign_key="runs.id")
    id: str = _text(primary_key=True)
    message_seq: int
    position: int
    name: str = _text()
    args: str = _text()
    effect: str = _text()
    key: str = _text()
    state: str = _text()
    result: str | None = _text(default=None)
    provenance: str = _text(default="own")
    started_at: int | None = _big(default=None)
    ended_at: int | None = _big(default=None)
    rule: str = _added_text()


class RequestRow(Table, table=True):
    """A call of the model; ``job`` is repeated here so that a day's spending is one index range.

    ``reserved_microusd`` is the most that it can cost; ``tokens`` too, until the answer gives their number.
    ``covers`` and ``summary`` belong to a compaction: the last message that it sums up, and the block (JSON).
    """

    __tablename__ = "requests"
    __table_args__ = (
        _check("requests", "state", REQUEST_STATES),
        Index("requests_out", "job", **_where("state = 'sent'")),
        Index("requests_ended", "job", "ended_at", **_where("ended_at IS NOT NULL")),
        _CLUSTERED,
    )
    run_id: str = _text(primary_key=True, foreign_key="runs.id")
    number: int = Field(primary_key=True)
    job: str = _text()
    attempt: int
    model: str = _text()
    started_at: int = _big()
    state: str = _text()
    ended_at: int | None = _big(default=None)
    request_id: str | None = _text(default=None)
    stop_reason: str | None = _text(default=None)
    input_tokens: int = _big(default=0)
    output_tokens: int = _big(default=0)
    cache_read_tokens: int = _big(default=0)
    cache_write_tokens: int = _big(default=0)
    cost_microusd: int | None = _big(default=None)
    cost_assumed: bool = False
    error: str = _text(default="")
    covers: int | None = None
    summary: str | None = _text(default=None)
    reserved_microusd: int = _added_big()
    tokens: int = _added_big()


class ApprovalRow(Table, table=True):
    """A question to a person about one call, and the answer; ``digest`` is what the answer is bound to."""

    __tablename__ = "approvals"
    __table_args__ = (
        _check("approvals", "state", get_args(ApprovalState)),
        Index("approvals_run", "run_id", "call_id"),
        Index("approvals_open", "asked_at", "id", **_where("state = 'asked'")),
    )
    id: str = _text(primary_key=True)
    run_id: str = _text(foreign_key="runs.id")
    call_id: str = _text()
    job: str = _text()
    tool: str = _text()
    args: str = _text()
    digest: str = _text()
    rule: str = _text()
    reason: str = _text()
    state: str = _text()
    asked_at: int = _big()
    expires_at: int = _big()
    answered_at: int | None = _big(default=None)
    answer: str = _text(default="")


class GrantRow(Table, table=True):
    """A grant of one job that came of an approval given "always"; a person may revoke it."""

    __tablename__ = "grants"
    __table_args__ = (Index("grants_job", "job", **_where("revoked_at IS NULL")),)
    id: str = _text(primary_key=True)
    job: str = _text()
    spec: str = _text()
    created_at: int = _big()
    revoked_at: int | None = _big(default=None)


class AttemptRow(Table, table=True):
    """One stretch between a claim and a release; ``number`` counts claims and equals the epoch."""

    __tablename__ = "attempts"
    __table_args__ = _CLUSTERED
    run_id: str = _text(primary_key=True, foreign_key="runs.id")
    number: int = Field(primary_key=True)
    epoch: int
    runner: str = _text()
    claimed_at: int = _big()
    released_at: int | None = _big(default=None)
    ended_as: str = _text(default="")


class WakeUpRow(Table, table=True):
    """What a run waits for; the first that comes wins, the others are dropped with it.

    ``due`` is when the clock ends the wait, by its deadline too; null: only an event does.  ``deadline`` is
    the wake-up's own; ``event`` is the number of the one that has won.  Which kinds there are, no CHECK says:
    most are those of events.
    """

    __tablename__ = "wakeups"
    __table_args__ = (
        _check("wakeups", "state", WAKEUP_STATES),
        Index("wakeups_due", "due", "id", **_where("state = 'open'")),
        Index("wakeups_run", "run_id", "state"),
        Index("wakeups_slept", "closed_at", **_where(f"state = 'won' AND {ENDS_SLEEP}")),
        Index("wakeups_event", "kind", "key", **_where("state = 'open'")),
    )
    id: int | None = Field(default=None, primary_key=True)
    run_id: str = _text(foreign_key="runs.id")
    kind: str = _text()
    due: int | None = _big(default=None)
    state: str = _text(default="open")
    closed_at: int | None = _big(default=None)
    key: str = _added_text()
    deadline: int | None = _big(default=None)
    event: int | None = None


class RunnerRow(Table, table=True):
    """A process that claims runs."""

    __tablename__ = "runners"
    __table_args__ = (_check("runners", "kind", ("daemon", "tick", "wait")),)
    id: str = _text(primary_key=True)
    kind: str = _text()
    host: str = _text()
    pid: int
    started_at: int = _big()
    seen_at: int = _big()
    crontab: str = _text(default="")
    lock_path: str = _text(default="")
    stopped_at: int | None = _big(default=None)


class JumpRow(Table, table=True):
    """The clock was set, or the machine was suspended; ``size_us`` is how far or how long."""

    __tablename__ = "jumps"
    __table_args__ = (_check("jumps", "kind", get_args(JumpKind)), Index("jumps_at", "at"))
    id: int | None = Field(default=None, primary_key=True)
    kind: str = _text()
    before: int = _big()
    at: int = _big()
    size_us: int = _big()


class MetaRow(Table, table=True):
    """What is known about the loaded crontab."""

    __tablename__ = "meta"
    key: str = _text(primary_key=True)
    value: str = _text()


jobs = metadata.tables["jobs"]
runs = metadata.tables["runs"]
pins = metadata.tables["pins"]
messages = metadata.tables["messages"]
calls = metadata.tables["calls"]
requests = metadata.tables["requests"]
approvals = metadata.tables["approvals"]
grants = metadata.tables["grants"]
attempts = metadata.tables["attempts"]
wakeups = metadata.tables["wakeups"]
runners = metadata.tables["runners"]
jumps = metadata.tables["jumps"]
meta = metadata.tables["meta"]
