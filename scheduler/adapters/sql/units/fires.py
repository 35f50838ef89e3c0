"""New runs: those that come due, and those that somebody asks for.  Each function is one unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import text

from scheduler.adapters.sql import selects
from scheduler.adapters.sql.backup_mark import restored_from
from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rows.wakeups import woken_text
from scheduler.adapters.sql.rows.work import job_text, maybe_from_us, maybe_us, plain, run_from, to_us
from scheduler.adapters.sql.states import live
from scheduler.adapters.sql.units import records, run_ended
from scheduler.adapters.sql.units.changes import follow_ups
from scheduler.adapters.sql.words import INSERT_PIN, INSERT_RUN, cancel_now, flag_cancel
from scheduler.core.actor import Actor
from scheduler.core.job.firing import Fire, FireFacts
from scheduler.core.job.job import Job
from scheduler.core.run.cause import REBOOT, SCHEDULE, Cause
from scheduler.core.run.run import Move, Run, State, transition
from scheduler.core.run.wakeup import Woken
from scheduler.errors import StoreError
from scheduler.ports.store.calendar import Decide

NewId = Callable[[], str]

_MAX_COLLISIONS = 20

_JOB = text(
    "SELECT state, next_fire, paused_reason, enabled, (SELECT value FROM meta WHERE key = 'restored')"
    " FROM jobs WHERE name = :job"
)
_LIVE = text(
    f"SELECT id, state FROM runs WHERE job = :job AND {live()} ORDER BY fire_time, id",
)
_NEXT = text("UPDATE jobs SET next_fire = :next_fire WHERE name = :job")
_SLOT_TAKEN = text(
    "SELECT 1 FROM runs WHERE job = :job AND fire_time = :fire_time AND cause = 'schedule' LIMIT 1"
)
_CAUSE_TAKEN = text(
    "SELECT 1 FROM runs WHERE job = :job AND cause = :kind AND cause_key = :key AND cause_key <> '' LIMIT 1"
)
_RUN = text(selects.RUN)
_ID_TAKEN = text("SELECT 1 FROM runs WHERE id = :id")


def fire(
    connection: Connection,
    job: Job,
    decide: Decide,
    now: datetime,
    cause: Cause,
    new_id: NewId,
    woken: Woken | None = None,
) -> list[Run]:
    """See ``Store.fire``; ``woken`` is what the agent is told of the event that fires it."""
    # Check, then write: the facts, the slot and the cause are as they were read when the rows are written, as
    # writing units are serialised (see `Connection`).
    row = connection.execute(_JOB, {"job": job.name}).first()
    if row is None or row[0] not in ("active", "paused") or _is_taken(connection, job.name, cause):
        return []
    if follow_ups.has_ended(connection, job.name, now):
        return []
    state, next_fire, paused_reason, enabled, restore = row
    restored = restored_from(restore)
    if cause.kind == REBOOT and restored is not None and restored.boot_id != cause.key:
        restored = None  # the machine came up after the restore
    running = connection.execute(_LIVE, {"job": job.name}).all()
    facts = FireFacts(
        next_fire=maybe_from_us(next_fire),
        live_runs=tuple(run_id for run_id, _ in running),
        parked=tuple(run_id for run_id, run_state in running if run_state == State.PARKED),
        paused_reason=paused_reason if state == "paused" else follow_ups.root_pause(connection, job.name),
        enabled=bool(enabled),
        restored=restored,
    )
    decision = decide(facts)
    made: list[Run] = []
    for planned in decision.fires:
        # Another process, or the same one before its clock was set back, has dealt with this slot.
        slot = {"job": job.name, "fire_time": to_us(planned.fire_time)}
        if cause.kind == SCHEDULE and connection.execute(_SLOT_TAKEN, slot).first() is not None:
            continue
        for run_id in planned.replaces:
            made += _replace(connection, run_id, now)
        made.append(_insert_fire(connection, job, planned, now, cause, new_id, woken))
    fired = sum(run.state is State.QUEUED for run in made)
    following = follow_ups.fired(connection, job.name, fired, decision.next_fire, now)
    if following != facts.next_fire:
        connection.execute(_NEXT, {"job": job.name, "next_fire": maybe_us(following)})
    if following is None:
        run_ended.settle_one_shot(connection, job.name)
    return made


def fire_by(
    connection: Connection, job: Job, cause: Cause, now: datetime, new_id: NewId, actor: Actor
) -> Run | None:
    """See ``Store.fire_by``."""
    # Check, then write: writing units are serialised (see `Connection`).
    if _is_taken(connection, job.name, cause):
        return None
    run = Run(_free_id(connection, new_id), job.name, State.QUEUED, cause, now, now)
    run = replace(run, marks=follow_ups.marks_of(connection, job.name))
    _insert(connection, run, job, serial=job.overlap == "queue", actor=actor)
    return run


def _is_taken(connection: Connection, job: str, cause: Cause) -> bool:
    """Whether a cause has fired this job before, which it may do once."""
    values = {"job": job, "kind": cause.kind, "key": cause.key}
    return bool(cause.key) and connection.execute(_CAUSE_TAKEN, values).first() is not None


def _replace(connection: Connection, run_id: str, now: datetime) -> list[Run]:
    """Cancel a run and return it; one that is running is only told, and nothing is returned."""
    reason = "replaced by a newer run (overlap=replace)"
    if not cancel_now(connection, run_id, now, reason):
        flag_cancel(connection, run_id, reason)
        return []
    run_ended.ended(connection, run_id, Move.CANCEL, now)
    return [run_from(row) for row in connection.execute(_RUN, {"id": run_id})]


def _insert_fire(
    connection: Connection,
    job: Job,
    planned: Fire,
    now: datetime,
    cause: Cause,
    new_id: NewId,
    woken: Woken | None,
) -> Run:
    move = Move.FIRE if planned.action == "fire" else Move.SKIP
    run = Run(
        _free_id(connection, new_id),
        job.name,
        transition(move).target,
        cause,
        planned.fire_time,
        now,
        not_before=planned.not_before,
        ended_at=now if move is Move.SKIP else None,
        reason=plain(planned.detail),
        reason_code=planned.reason,
        missed=planned.missed,
        last_missed=planned.last_missed,
        marks=follow_ups.marks_of(connection, job.name),
    )
    _insert(connection, run, job, serial=planned.serial, woken=woken)
    return run


def _free_id(connection: Connection, new_id: NewId) -> str:
    for _ in range(_MAX_COLLISIONS):
        run_id = new_id()
        if connection.execute(_ID_TAKEN, {"id": run_id}).first() is None:
            return run_id
    raise StoreError(f"no free run id was found in {_MAX_COLLISIONS} tries")


def _insert(
    connection: Connection,
    run: Run,
    job: Job,
    *,
    serial: bool,
    actor: Actor | None = None,
    woken: Woken | None = None,
) -> None:
    values: dict[str, Any] = {
        "id": run.id,
        "job": run.job,
        "state": run.state.value,
        "cause": run.cause.kind,
        "fire_time": to_us(run.fire_time),
        "created_at": to_us(run.created_at),
        "cause_key": plain(run.cause.key),
        "overlap": job.overlap,
        "serial": serial,
        "epoch": 0,
        "attempts": 0,
        "free_claim": False,
        "runner": "",
        "lease_expires_at": None,
        "not_before": maybe_us(run.not_before),
        "started_at": None,
        "ended_at": maybe_us(run.ended_at),
        "slept_since": None,
        "wake_at": None,
        "waiting_for": "",
        "reason": run.reason,
        "reason_code": run.reason_code,
        "outcome": None,
        "summary": "",
        "missed": run.missed,
        "last_missed": maybe_us(run.last_missed),
        "cancel_requested": False,
        "steps": 0,
        "claim_steps": 0,
        "resumed_epoch": 0,
        "last_seq": 0,
        "cost_microusd": 0,
        "unknown_cost_requests": 0,
        "woken": None if woken is None else woken_text(woken),
        "marks": str(run.marks),
        "tokens": 0,
    }
    connection.execute(INSERT_RUN, values)
    move = Move.SKIP if run.state is State.SKIPPED else Move.FIRE
    body = {"cause": run.cause.kind} | ({"code": run.reason_code} if run.reason_code else {})
    if actor is not None:
        body["by"] = str(actor)
    records.append(connection, run.created_at, move.value, run.job, run.id, body)
    connection.execute(INSERT_PIN, {"run_id": run.id, "spec": job_text(job), "frame_hash": None})
