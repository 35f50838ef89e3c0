"""Wake-ups that came due, and runs that a person wakes.  Each function is one unit of the committer."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rows.wakeups import woken_from, woken_text
from scheduler.adapters.sql.rows.work import from_us, maybe_from_us, plain, to_us
from scheduler.adapters.sql.states import sources
from scheduler.adapters.sql.tables.work import ENDS_SLEEP
from scheduler.adapters.sql.units import events, records, run_ended, waking
from scheduler.core.actor import Actor
from scheduler.core.changes.follow_up import SEPARATOR
from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.event import Event
from scheduler.core.run.run import ACTIVE, RESUMABLE, Move, State, after, transition
from scheduler.core.run.wakeup import Waking, Woken
from scheduler.errors import NotFoundError, RefusedError
from scheduler.ports.store.queue import Roused

_GIVES_UP = "(w.kind = 'deadline' OR coalesce(w.deadline = w.due, false))"
# At one instant a deadline comes last: whoever can still wake the run wins.
_DUE = text(
    f"SELECT w.id, w.run_id, w.kind, w.key, w.due, {_GIVES_UP}, r.state, r.slept_since, r.woken, r.reason,"
    " r.job FROM wakeups w JOIN runs r ON r.id = w.run_id"
    f" WHERE w.state = 'open' AND w.due <= :now ORDER BY w.due, {_GIVES_UP}, w.id LIMIT :limit"
)

_EXPIRE = text(
    "UPDATE runs SET state = 'failed', ended_at = :now, wake_at = NULL, waiting_for = '', reason = :reason,"
    f" reason_code = '{ReasonCode.DEADLINE}' WHERE id = :id AND {sources(Move.EXPIRE)}"
)

_STATE = text("SELECT state, slept_since, woken, wake_at, job FROM runs WHERE id = :id")

_RETRY = text(
    "UPDATE runs SET state = 'queued', woken = :woken, free_claim = false, attempts = 0, ended_at = NULL,"
    " outcome = NULL, summary = '', cancel_requested = false, reason = '', reason_code = '',"
    " resumed_epoch = epoch,"
    f" not_before = NULL WHERE id = :id AND {sources(Move.RETRY)}"
)

_ENDED_SLEEPS = text(
    "SELECT w.closed_at FROM wakeups w JOIN runs r ON r.id = w.run_id"
    f" WHERE w.state = 'won' AND w.{ENDS_SLEEP} AND w.closed_at > :since"
    f" AND (r.job = :job OR substr(r.job, 1, length(:job) + 1) = :job || '{SEPARATOR}')"
    " ORDER BY w.closed_at DESC LIMIT :most"
)


def wake_due(connection: Connection, now: datetime, limit: int) -> list[Roused]:
    """See ``Store.wake_due``."""
    instant = to_us(now)
    won: dict[str, int] = {}
    roused: list[Roused] = []
    wakes: list[waking.Wake] = []
    expired: list[tuple[str, str]] = []
    for number, run_id, kind, key, due, gives_up, state, since, woken, reason, job in connection.execute(
        _DUE, {"now": instant, "limit": limit}
    ).all():
        if run_id in won:
            continue
        won[run_id] = number
        source = State(state)
        if gives_up and source in transition(Move.EXPIRE).sources:
            why = "nobody came before the deadline" + (f"; it was parked: {reason}" if reason else "")
            expired.append((run_id, why))
            roused.append(Roused(run_id, job, State.FAILED, kind, from_us(due), why))
        elif source in transition(Move.WAKE).sources:
            told = Woken(kind, now, from_us(due), maybe_from_us(since), key=key)
            roused.append(Roused(run_id, job, State.QUEUED, kind, from_us(due)))
            wakes.append(waking.Wake(run_id, job, source, woken, told))
    if not won:
        return []
    waking.close_wakeups(connection, list(won.values()), list(won), now)
    waking.wake(connection, wakes, now)
    for run_id, why in expired:
        connection.execute(_EXPIRE, {"id": run_id, "now": instant, "reason": why})
        run_ended.ended(connection, run_id, Move.EXPIRE, now)
    return roused


def wakes_since(connection: Connection, job: str, since: datetime, most: int) -> list[datetime]:
    """See ``Store.wakes_since``."""
    values = {"job": job, "since": to_us(since), "most": most}
    return [from_us(at) for at in connection.execute(_ENDED_SLEEPS, values).scalars()]


def resume(connection: Connection, run_id: str, now: datetime, words: str, actor: Actor) -> State:
    """See ``Store.resume``."""
    row = connection.execute(_STATE, {"id": run_id}).first()
    if row is None:
        raise NotFoundError(f"there is no run {run_id}")
    state, since, woken, wake_at = State(row[0]), maybe_from_us(row[1]), woken_from(row[2]), row[3]
    retry = state in RESUMABLE
    try:
        after(state, Move.RETRY if retry else Move.WAKE)
    except RefusedError:
        raise _cannot_resume(run_id, state) from None
    planned = maybe_from_us(wake_at)
    if state is State.PARKED and woken is not None and woken.restored_from is not None:
        planned = None  # that is when it is given up; what it had planned was kept with the restore
    told = Woken(
        Waking.PERSON,
        now,
        planned or (woken.planned if woken else None),
        since or (woken.slept_since if woken else None),
        plain(words),
        provenance="owner",
    )
    if retry:
        told = waking.keep_untold(woken, told)
        connection.execute(_RETRY, {"id": run_id, "woken": woken_text(told)})
        events.goes_on(connection, run_id)
    else:
        waking.wake_by_hand(connection, waking.Wake(run_id, row[4], state, row[2], told), now)
    event = Event(Waking.PERSON, now, "", run_id, told.payload, "owner", str(actor))
    events.happened(connection, event)  # others may wait for a word
    records.append(connection, now, "resume", row[4], run_id, {"by": str(actor), "was": state.value})
    return state


def _cannot_resume(run_id: str, state: State) -> RefusedError:
    if state in ACTIVE:
        return RefusedError(f"run {run_id} is {state} already", help=f"see it with: agentcron show {run_id}")
    return RefusedError(
        f"run {run_id} {'has ' if state is State.SUCCEEDED else 'was '}{state}; it cannot go on"
    )
