"""Events: their record, the runs that wait for one, and the look back of a run that comes to rest.

Each function is part of a unit.  An event that comes while a run goes to rest is found by one of the two:
writing units are serialised (see `Connection`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rows.work import dump, from_us, maybe_from_us, maybe_us, plain, to_us
from scheduler.adapters.sql.states import states
from scheduler.adapters.sql.units import waking
from scheduler.core.run.event import RUN_ENDED, Event
from scheduler.core.run.lease import Lease
from scheduler.core.run.run import FINAL, State, transition
from scheduler.core.run.step import Step
from scheduler.core.run.wakeup import BY_CLOCK, Woken
from scheduler.ports.store.queue import Roused

_RECORD = text(
    "INSERT INTO events (source, kind, key, subject, payload, provenance, at, expires)"
    " VALUES (:source, :kind, :key, :subject, :payload, :provenance, :at, :expires)"
    " ON CONFLICT DO NOTHING RETURNING id"
)
_FREE_KEY = text("UPDATE events SET key = '' WHERE kind = :kind AND key = :key AND key <> ''")
_WAITING = text(
    "SELECT w.id, w.run_id, r.state, r.slept_since, r.woken, r.job FROM wakeups w JOIN runs r"
    " ON r.id = w.run_id WHERE w.state = 'open' AND w.kind = :kind AND w.key IN ('', :key, :subject)"
    " ORDER BY w.id"
)

_SINCE = "(SELECT a.claimed_at FROM attempts a WHERE a.run_id = :run_id AND a.number = :epoch)"
# A clock may show the same instant twice: what woke the run before does not wake it again.
_SEEN = "(SELECT coalesce(max(s.event), 0) FROM wakeups s WHERE s.run_id = :run_id)"
_COLUMNS = "id, kind, at, key, subject, payload, provenance"
# The event of this very key, however long ago; of those about a thing, or of any, the first since the claim.
_EARLIER = text(
    f"SELECT {_COLUMNS} FROM events WHERE kind = :kind AND key = :key AND key <> ''"
    f" UNION ALL SELECT {_COLUMNS} FROM events WHERE kind = :kind AND at >= {_SINCE} AND id > {_SEEN}"
    " AND :key IN ('', subject) ORDER BY id LIMIT 1"
)
_END = "id, job, state, coalesce(outcome, '') AS outcome, reason_code, ended_at"
# A slot that was skipped was no run; one that its gate ended was.
_RAN = "(state <> 'skipped' OR started_at IS NOT NULL)"
_EARLIER_END = text(
    f"SELECT {_END} FROM runs WHERE id = :key AND {states(FINAL)} UNION ALL SELECT {_END} FROM runs"
    f" WHERE job = :key AND ended_at >= {_SINCE} AND {states(FINAL)} AND {_RAN} AND NOT EXISTS (SELECT 1"
    f" FROM events e WHERE e.kind = '{RUN_ENDED}' AND e.key = runs.id AND e.id <= {_SEEN})"
    " ORDER BY ended_at LIMIT 1"
)
_WON = text(
    "SELECT id FROM wakeups WHERE run_id = :run_id AND state = 'open' AND kind = :kind AND key = :key"
)
_RESTING = text("SELECT job, slept_since, woken FROM runs WHERE id = :run_id")


def record(connection: Connection, event: Event) -> int | None:
    """Write an event; return its number, or None when one of its kind with its key is there."""
    values = {
        "source": plain(event.source),
        "kind": plain(event.kind),
        "key": plain(event.key),
        "subject": plain(event.subject),
        "payload": plain(event.payload),
        "provenance": plain(event.provenance),
        "at": to_us(event.at),
        "expires": maybe_us(event.expires),
    }
    number = connection.execute(_RECORD, values).scalar()
    return None if number is None else int(number)


def satisfy(connection: Connection, event: Event, number: int) -> tuple[Roused, ...]:
    """Queue the runs that wait for an event, which has this number."""
    values = {"kind": event.kind, "key": event.key, "subject": event.subject}
    won: dict[str, int] = {}
    wakes: list[waking.Wake] = []
    for wakeup, run_id, state, since, untold, job in connection.execute(_WAITING, values).all():
        if run_id not in won:
            won[run_id] = wakeup
            woken = replace(woken_by(event), slept_since=maybe_from_us(since))
            wakes.append(waking.Wake(run_id, job, State(state), untold, woken))
    if wakes:
        waking.close_wakeups(connection, list(won.values()), list(won), event.at, number)
        waking.wake(connection, wakes, event.at)
    return tuple(Roused(each.run_id, each.job, State.QUEUED, event.kind, event.at) for each in wakes)


def happened(connection: Connection, event: Event) -> None:
    """Record an event of our own, and queue the runs that wait for it."""
    number = record(connection, event)
    if number is not None:
        satisfy(connection, event, number)


def woken_by(event: Event) -> Woken:
    """Return what the agent is told of an event."""
    return Woken(event.kind, event.at, payload=event.payload, key=event.name, provenance=event.provenance)


def end_of(row: Sequence[object], at: datetime) -> Event:
    """Return the end of a run as an event, from its id, job, state, outcome and reason code."""
    run_id, job, state, outcome, code = map(str, row)
    body = {"run": run_id, "job": job, "state": state, "outcome": outcome, "reason_code": code}
    return Event(RUN_ENDED, at, run_id, job, dump(body), provenance="own", source="agentcron")


def goes_on(connection: Connection, run_id: str) -> None:
    """Let the end of a run be an event once more, because it goes on."""
    connection.execute(_FREE_KEY, {"kind": RUN_ENDED, "key": run_id})


def look_back(connection: Connection, lease: Lease, step: Step) -> None:
    """Queue a run at once that comes to rest for what has happened already."""
    for wakeup in step.wakeups:
        if wakeup.kind in BY_CLOCK:
            continue
        values = {"run_id": lease.run_id, "epoch": lease.epoch, "kind": wakeup.kind, "key": wakeup.key}
        number, event = _earlier(connection, values)
        if event is not None and step.move is not None:
            job, since, untold = connection.execute(_RESTING, values).one()
            woken = replace(woken_by(event), at=step.at, slept_since=maybe_from_us(since))
            won = list(connection.execute(_WON, values).scalars())
            waking.close_wakeups(connection, won, [lease.run_id], step.at, number)
            source = transition(step.move).target
            waking.wake(connection, [waking.Wake(lease.run_id, job, source, untold, woken)], step.at)
            return


def _earlier(connection: Connection, values: dict[str, object]) -> tuple[int | None, Event | None]:
    """Return what has happened already, with its number if it is on record as an event."""
    if values["kind"] == RUN_ENDED:  # the runs themselves are the record: nobody may have waited for it
        row = connection.execute(_EARLIER_END, values).first()
        return None, None if row is None else end_of(row[:5], from_us(row[5]))
    row = connection.execute(_EARLIER, values).first()
    return (None, None) if row is None else (row[0], Event(row[1], from_us(row[2]), *row[3:]))
