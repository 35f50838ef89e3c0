"""Follow-ups in the database: made and cancelled within a step, confirmed by a person, ended by what fires.

Each has a row of its own and one among the jobs, which fires and is shown like any other.  A pending one
stands there as paused and has no slot: nothing fires it before a person has confirmed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import insert, text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rows.follow_ups import OF_JOB, ONE, follow_up_from, follow_up_values
from scheduler.adapters.sql.rows.work import from_us, job_from, job_text, maybe_us, slots_text, to_us
from scheduler.adapters.sql.tables.follow_ups import follow_ups
from scheduler.adapters.sql.units import records
from scheduler.adapters.sql.words import INSERT_JOB
from scheduler.core.actor import Actor
from scheduler.core.changes.follow_up import (
    MAX_A_DAY,
    MAX_OPEN,
    CancelFollowUp,
    Family,
    FollowUp,
    MakeFollowUp,
    is_follow_up,
    root_of,
    slot_within,
)
from scheduler.core.job.firing import GRACE_SECONDS, first_fire
from scheduler.core.job.job import Job
from scheduler.core.record import digest
from scheduler.core.run.budget import day_start
from scheduler.core.run.event import event_of
from scheduler.core.run.run import Run
from scheduler.core.time.instants import to_iso
from scheduler.core.trust.marks import Marks
from scheduler.errors import FactsChangedError, NotFoundError, RefusedError
from scheduler.ports.room import Room, StepContext

PENDING = "a person must confirm it: agentcron confirm"

LATE = timedelta(seconds=GRACE_SECONDS)
"""A slot just before the end of a follow-up still fires when somebody looks a little later."""

SHOWN = timedelta(days=1)
"""How long a follow-up that has fired for the last time is still listed."""

_INSERT = insert(follow_ups)
_OF_JOB = text(OF_JOB)
_ONE = text(ONE)
_MADE_SINCE = text("SELECT count(*) FROM follow_ups WHERE root = :root AND made_at >= :since")
_OPEN_OF_RUN = text(
    "SELECT count(*) FROM follow_ups WHERE root = :root AND run_id = :run_id AND state <> 'over'"
)
_FORGET_JOB = text("DELETE FROM jobs WHERE name = :name")
_CONFIRM = text(
    "UPDATE follow_ups SET state = 'open' WHERE name = :name AND state = 'pending' RETURNING name"
)
_OPEN_JOB = text(
    "UPDATE jobs SET state = 'active', paused_reason = '', paused_at = NULL, next_fire = :next_fire"
    " WHERE name = :name"
)
_OPEN = text("SELECT name FROM follow_ups WHERE state = 'open' ORDER BY name")
_DOUBT = text("UPDATE follow_ups SET state = 'pending' WHERE name = :name AND state = 'open'")
_DOUBT_JOB = text(
    "UPDATE jobs SET state = 'paused', paused_reason = :reason, paused_at = :now, next_fire = NULL"
    " WHERE name = :name"
)
_END = text(
    "UPDATE follow_ups SET state = 'over', ended_at = :now, reason = :reason"
    " WHERE name = :name AND state <> 'over' RETURNING root"
)
_END_JOB = text("UPDATE jobs SET state = :state, next_fire = NULL WHERE name = :name")
_REVOKE = text("UPDATE grants SET revoked_at = :now WHERE job = :name AND revoked_at IS NULL")
_COUNT_DOWN = text(
    "UPDATE follow_ups SET fires_left = fires_left - :fires WHERE name = :name AND state = 'open'"
    " RETURNING fires_left, expires_at"
)
_EVERY = text("SELECT name, root, spec, expires_at FROM follow_ups WHERE state <> 'over'")
_FORGET_DONE = text(
    "UPDATE jobs SET state = 'removed' WHERE state = 'done' AND name IN"
    " (SELECT name FROM follow_ups WHERE ended_at < :before)"
)
_PAUSED = text("SELECT paused_reason FROM jobs WHERE name = :root AND state = 'paused'")
_SPEC = text("SELECT spec FROM follow_ups WHERE name = :name AND state = 'open'")
_MARKS = text("SELECT marks FROM follow_ups WHERE name = :name AND state = 'open'")


def load(connection: Connection, run: Run, job: Job, now: datetime) -> Family:
    """Return the follow-ups of a job that are not over, and how many were made on its present local day."""
    return family(connection, root_of(run.job), day_start(now, job.tz))


def family(connection: Connection, root: str, since: datetime) -> Family:
    """Return the follow-ups of a job that are not over, and how many it has made since an instant."""
    members = tuple(map(follow_up_from, connection.execute(_OF_JOB, {"root": root})))
    made = connection.execute(_MADE_SINCE, {"root": root, "since": to_us(since)}).scalar_one()
    return Family(members, int(made))


def write(connection: Connection, context: StepContext, change: MakeFollowUp | CancelFollowUp) -> None:
    """Make a follow-up, or cancel one.

    Raises:
        FactsChangedError: another run of the job was quicker; look again, and decide again.
    """
    if isinstance(change, MakeFollowUp):
        make(connection, change.follow_up, context.at)
    else:
        end(connection, change.name, context.at, f"cancelled by run {context.run_id}", context.run_id)


def make(connection: Connection, made: FollowUp, now: datetime) -> None:
    """Write a follow-up; call it in the transaction of the call's result.

    Raises:
        FactsChangedError: another run of the job was quicker; look again, and decide again.
    """
    root = root_of(made.name)
    since = to_us(day_start(now, made.job.tz))
    # Check, then write: writing units are serialised (see `Connection`).
    is_taken = connection.execute(_ONE, {"name": made.name}).first() is not None
    today = connection.execute(_MADE_SINCE, {"root": root, "since": since}).scalar_one()
    by_run = connection.execute(_OPEN_OF_RUN, {"root": root, "run_id": made.run_id}).scalar_one()
    if is_taken or int(today) >= MAX_A_DAY or int(by_run) >= MAX_OPEN:
        raise FactsChangedError(f"there is no room for {made.name} any more")
    connection.execute(_INSERT, follow_up_values(made))
    is_pending = made.state == "pending"
    # One of this name that is over leaves its runs; its row begins anew, and so does what it was granted.
    connection.execute(_REVOKE, {"name": made.name, "now": to_us(now)})
    connection.execute(_FORGET_JOB, {"name": made.name})
    connection.execute(
        INSERT_JOB,
        {
            "name": made.name,
            "state": "paused" if is_pending else "active",
            "schedule": made.job.trigger.describe(),
            "zone": made.job.tz,
            "enabled": True,
            "one_shot": False,
            "next_fire": maybe_us(made.next_fire),
            "first_loaded_at": to_us(now),
            "problem": "",
            "paused_reason": f"{PENDING} {made.name}" if is_pending else "",
            "paused_at": to_us(now) if is_pending else None,
            "failures": 0,
            "slots": slots_text(made.job),
            "spec": job_text(made.job),
            "event": event_of(made.job.trigger.to_json()),
        },
    )
    body = {
        "call": made.call_id,
        "state": made.state,
        "schedule": made.job.trigger.describe(),
        "prompt": digest(made.job.prompt),
        "fires": made.fires_left,
        "expires_at": to_iso(made.expires_at),
    }
    records.append(connection, now, "schedule", made.name, made.run_id, body)


def confirm(connection: Connection, name: str, code: str, now: datetime, actor: Actor) -> datetime | None:
    """See ``Store.confirm``."""
    found = _find(connection, name)
    if found.state != "pending":
        raise RefusedError(f"{name} is already confirmed", help=f"when it fires: agentcron next {name}")
    if found.code != code:
        raise RefusedError(
            f"{name} is not what was shown under the code {code}",
            help=f"see what it is: agentcron confirm {name}",
        )
    slot = slot_within(first_fire(found.job.trigger, now), found.expires_at, found.fires_left)
    if slot is None or slot < now:
        raise RefusedError(
            f"the time of {name} is over; it can fire no more", help=f"agentcron cancel {name}"
        )
    connection.execute(_CONFIRM, {"name": name})
    connection.execute(_OPEN_JOB, {"name": name, "next_fire": maybe_us(slot)})
    records.append(connection, now, "confirm", name, "", {"by": str(actor), "code": code})
    return slot


def doubt(connection: Connection, now: datetime) -> None:
    """Let a person look again at all that may fire: the database was a backup, and some may be over since."""
    for name in connection.execute(_OPEN, {}).scalars():
        connection.execute(_DOUBT, {"name": name})
        values = {"name": name, "reason": f"{PENDING} {name}", "now": to_us(now)}
        connection.execute(_DOUBT_JOB, values)


def cancel(connection: Connection, name: str, now: datetime, actor: Actor) -> None:
    """See ``Store.cancel_follow_up``."""
    _find(connection, name)
    end(connection, name, now, f"cancelled by {actor.words}", actor=actor)


def require_confirmed(connection: Connection, name: str) -> None:
    """Refuse to let a follow-up fire that a person has not seen yet."""
    if is_follow_up(name) and _find(connection, name).state == "pending":
        raise RefusedError(f"{name} was not confirmed yet", help=f"look at it: agentcron confirm {name}")


def end(
    connection: Connection,
    name: str,
    now: datetime,
    reason: str,
    run_id: str = "",
    *,
    actor: Actor | None = None,
) -> None:
    """End a follow-up: it fires no more, and what a person granted it is taken back."""
    values = {"name": name, "now": to_us(now), "reason": reason}
    if connection.execute(_END, values).first() is None:
        return
    connection.execute(_END_JOB, {"name": name, "state": "removed"})
    connection.execute(_REVOKE, {"name": name, "now": to_us(now)})
    body = {"reason": reason} | ({"by": str(actor)} if actor else {})
    records.append(connection, now, "unschedule", name, run_id, body)


def has_ended(connection: Connection, name: str, now: datetime) -> bool:
    """Whether a job that comes due is a follow-up that may fire no more; it is ended then."""
    if not is_follow_up(name):
        return False
    row = connection.execute(_ONE, {"name": name}).first()
    if row is None:
        return True
    if follow_up_from(row).expires_at >= now - LATE:
        return False
    end(connection, name, now, "its time is over")
    return True


def root_pause(connection: Connection, name: str) -> str | None:
    """Return why a follow-up is held although it is not paused itself: its job is."""
    if not is_follow_up(name):
        return None
    row = connection.execute(_PAUSED, {"root": root_of(name)}).first()
    return None if row is None else f"{root_of(name)} is paused: {row[0]}"


def fired(
    connection: Connection, name: str, fires: int, next_fire: datetime | None, now: datetime
) -> datetime | None:
    """Count fires of a job that may be a follow-up; return its next slot, which may be none for that."""
    if not is_follow_up(name):
        return next_fire
    row = connection.execute(_COUNT_DOWN, {"name": name, "fires": fires}).first()
    following = None if row is None else slot_within(next_fire, from_us(row[1]), int(row[0]))
    if following is None:
        connection.execute(
            _END, {"name": name, "now": to_us(now), "reason": "it has fired for the last time"}
        )
        connection.execute(_END_JOB, {"name": name, "state": "done"})
    return following


def tidy(connection: Connection, jobs: Iterable[Job], broken: Sequence[str], now: datetime) -> None:
    """End what has lost its ground: its time is over, or its job is gone or has another trust profile."""
    trust = {job.name: job.trust for job in jobs}
    connection.execute(_FORGET_DONE, {"before": to_us(now - SHOWN)})
    for name, root, spec, expires_at in connection.execute(_EVERY).all():
        if from_us(expires_at) < now:
            end(connection, name, now, "its time is over")
        elif root in broken:
            continue  # a mistake in its line: nothing fires until it is mended
        elif root not in trust:
            end(connection, name, now, f"{root} is not in the crontab any more")
        elif trust[root] != job_from(spec).trust:
            end(connection, name, now, f"{root} has another trust profile now")


def job_of(connection: Connection, name: str) -> Job | None:
    """See ``Store.follow_up_job``."""
    spec = connection.execute(_SPEC, {"name": name}).scalar()
    return None if spec is None else job_from(spec)


def marks_of(connection: Connection, name: str) -> Marks:
    """Return what a run of this job begins with: nothing, unless an agent made the job."""
    if not is_follow_up(name):
        return Marks()
    marks = connection.execute(_MARKS, {"name": name}).scalar()
    return Marks.of_label("") if marks is None else Marks.parse(str(marks))


def _find(connection: Connection, name: str) -> FollowUp:
    row = connection.execute(_ONE, {"name": name}).first()
    if row is None:
        raise NotFoundError(f"no follow-up {name}", help="see: agentcron list")
    return follow_up_from(row)


ROOM = Room(write, load)
