"""What is asked for a job or a run, besides waking it.  Each function is one unit of the committer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rows.work import job_from, job_text, maybe_us, plain, to_us
from scheduler.adapters.sql.units import records, run_ended
from scheduler.adapters.sql.units.changes import follow_ups
from scheduler.adapters.sql.words import cancel_now, flag_cancel
from scheduler.core.actor import Actor
from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.run import Move, State, after
from scheduler.errors import NotFoundError, RefusedError
from scheduler.ports.store.people import NewCaps

_JOB_STATE = text("SELECT state FROM jobs WHERE name = :job")
_PAUSE = text(
    "UPDATE jobs SET state = 'paused', paused_reason = :reason, paused_at = :now"
    " WHERE name = :job AND state = 'active' RETURNING name"
)
_UNPAUSE = text(
    "UPDATE jobs SET state = 'active', paused_reason = '', paused_at = NULL, failures = 0,"
    " next_fire = :next_fire WHERE name = :job AND state = 'paused' RETURNING name"
)
_RUN_STATE = text("SELECT state, job FROM runs WHERE id = :id")
_PINNED = text(
    "SELECT p.spec, r.cost_microusd, r.tokens, r.reason_code, r.job"
    " FROM runs r JOIN pins p ON p.run_id = r.id WHERE r.id = :id"
)
_PIN = text("UPDATE pins SET spec = :spec WHERE run_id = :id")


def pause(connection: Connection, job: str, reason: str, now: datetime, actor: Actor) -> bool:
    """See ``Store.pause``."""
    values = {"job": job, "reason": plain(reason), "now": to_us(now)}
    if connection.execute(_PAUSE, values).first() is not None:
        records.append(connection, now, "pause", job, "", {"by": str(actor), "reason": plain(reason)})
        return True
    state = _job_state(connection, job)
    if state != "paused":
        raise RefusedError(f"job {job} is {state}, so there is nothing to pause")
    return False


def unpause(
    connection: Connection, job: str, now: datetime, next_fire: datetime | None, actor: Actor
) -> bool:
    """See ``Store.unpause``."""
    follow_ups.require_confirmed(connection, job)
    values = {"job": job, "next_fire": maybe_us(next_fire)}
    if connection.execute(_UNPAUSE, values).first() is not None:
        records.append(connection, now, "unpause", job, "", {"by": str(actor)})
        return True
    _job_state(connection, job)
    return False


def cancel(connection: Connection, run_id: str, now: datetime, reason: str, actor: Actor) -> State:
    """See ``Store.cancel``."""
    row = connection.execute(_RUN_STATE, {"id": run_id}).first()
    if row is None:
        raise NotFoundError(f"there is no run {run_id}")
    state = State(row[0])
    try:
        after(state, Move.CANCEL)
    except RefusedError:
        raise RefusedError(f"run {run_id} is over already: {state}") from None
    asked = {"by": str(actor), "reason": plain(reason)}
    records.append(connection, now, "ask cancel", row[1], run_id, asked)
    if cancel_now(connection, run_id, now, reason):
        run_ended.ended(connection, run_id, Move.CANCEL, now)
        return State.CANCELLED
    flag_cancel(connection, run_id, reason)
    return State.RUNNING


def raise_budget(connection: Connection, run_id: str, now: datetime, caps: NewCaps, actor: Actor) -> None:
    """See ``Store.raise_budget``.  Only the pinned job of this run changes."""
    row = connection.execute(_PINNED, {"id": run_id}).first()
    if row is None:
        raise NotFoundError(f"there is no run {run_id}")
    spec, cost_microusd, tokens, reason_code, name = row
    job = job_from(spec)
    # Where the day's cap is used up: without room beside it the run would be parked again at once.
    is_day = reason_code in (ReasonCode.BUDGET_DAY, ReasonCode.BUDGET_DAY_TOKENS)
    budget = replace(job.budget, default=False)
    if (microusd := caps.get("run_microusd")) is not None:
        more = max(0, microusd - cost_microusd) / 1_000_000 if is_day else 0
        budget = replace(budget, run_usd=microusd / 1_000_000, day_usd=budget.day_usd + more)
    if (run_tokens := caps.get("run_tokens")) is not None:
        day_tokens = budget.day_tokens
        if is_day and day_tokens is not None:
            day_tokens += max(0, run_tokens - tokens)
        budget = replace(budget, run_tokens=run_tokens, day_tokens=day_tokens)
    if (day_effects := caps.get("day_effects")) is not None:
        budget = replace(budget, day_effects=day_effects)
    connection.execute(_PIN, {"id": run_id, "spec": job_text(replace(job, budget=budget))})
    records.append(connection, now, "budget", name, run_id, {"by": str(actor), **caps})


def _job_state(connection: Connection, job: str) -> str:
    row = connection.execute(_JOB_STATE, {"job": job}).first()
    if row is None or row[0] == "removed":
        raise NotFoundError(f"there is no job {job}")
    return str(row[0])
