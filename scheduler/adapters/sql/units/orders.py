"""Write a loaded crontab to the database.  ``write`` is one unit of the committer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rows.work import dump, job_text, maybe_us, slots_text, to_us
from scheduler.adapters.sql.states import live
from scheduler.adapters.sql.units.changes import follow_ups
from scheduler.adapters.sql.words import INSERT_JOB
from scheduler.core.changes.follow_up import is_follow_up
from scheduler.core.job.firing import first_fire
from scheduler.core.job.job import Job
from scheduler.core.job.standing import BrokenJob, LoadReport, StandingOrders
from scheduler.core.run.event import event_of
from scheduler.core.time.instants import to_iso

_STORED = text("SELECT name, state, slots, spec, paused_reason, problem FROM jobs")

_UPDATE = text(
    "UPDATE jobs SET state = :state, schedule = :schedule, zone = :zone, enabled = :enabled,"
    " one_shot = :one_shot, problem = '', slots = :slots, spec = :spec, event = :event WHERE name = :name"
)
_NEW_SLOT = text("UPDATE jobs SET next_fire = :next_fire WHERE name = :name")
_BEGIN_AGAIN = text(
    "UPDATE jobs SET first_loaded_at = :now, failures = 0, paused_reason = '', paused_at = NULL"
    " WHERE name = :name"
)
_BREAK = text("UPDATE jobs SET state = 'invalid', problem = :problem WHERE name = :name")
_REMOVE = text("UPDATE jobs SET state = 'removed', next_fire = NULL WHERE name = :name")
_ORPHANS = text(
    "SELECT r.job, r.id FROM runs r JOIN jobs j ON j.name = r.job"
    f" WHERE j.state = 'removed' AND j.name NOT LIKE '%/%' AND {live('r.state')} ORDER BY r.job, r.id"
)
_FORGET_FLEET = text("DELETE FROM meta WHERE key IN ('fleet', 'fleet_tokens')")
_FORGET_META = text(
    "DELETE FROM meta WHERE key IN ('file', 'digest', 'loaded_at', 'problems', 'keep', 'zone')"
)
_ZONE = text("SELECT value FROM meta WHERE key = 'zone'")
_FORGET_ZONE_CHANGE = text("DELETE FROM meta WHERE key = 'zone_change'")
_META = text("INSERT INTO meta (key, value) VALUES (:key, :value)")


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database knew about a job before the load."""

    state: str
    slots: str
    spec: str | None
    paused_reason: str
    problem: str


def stored_jobs(connection: Connection) -> dict[str, Stored]:
    """Return all jobs of the database, removed ones too."""
    return {row[0]: Stored(*row[1:]) for row in connection.execute(_STORED)}


def first_slots(
    jobs: Iterable[Job], stored: Mapping[str, Stored], now: datetime
) -> dict[str, datetime | None]:
    """Return the first slot of every job that needs one; a cron search is slow, so do this beforehand."""
    return {job.name: first_fire(job.trigger, now) for job in jobs if _moved(job, stored.get(job.name))}


def write(
    connection: Connection, orders: StandingOrders, slots: Mapping[str, datetime | None], now: datetime
) -> LoadReport:
    """See ``Store.load_orders``.

    Args:
        slots: from ``first_slots``; what another process changed since then is computed here.
    """
    # Check, then write: what is compared here is what gets changed, as writing units are serialised (see
    # `Connection`).
    stored = stored_jobs(connection)
    changes = _Changes(now)
    for job in orders.jobs:
        changes.take(job, stored.get(job.name), slots)
    valid = {job.name for job in orders.jobs}
    broken = {job.name: job for job in orders.broken if job.name and job.name not in valid}
    changes.take_broken(broken.values(), stored)
    gone = sorted(
        name
        for name, known in stored.items()
        if known.state != "removed" and name not in valid and name not in broken and not is_follow_up(name)
    )
    changes.write(connection)
    follow_ups.tidy(connection, orders.jobs, list(broken), now)
    if gone:
        connection.execute(_REMOVE, [{"name": name} for name in gone])
    _write_meta(connection, orders, now)
    return LoadReport(
        added=tuple(sorted(changes.added)),
        changed=tuple(sorted(changes.changed)),
        removed=tuple(gone),
        orphans=_orphans(connection),
    )


def _moved(job: Job, known: Stored | None) -> bool:
    """Whether a job's next slot must be looked for: it is new, is back, works again, or moved."""
    return known is None or known.state in ("removed", "invalid") or known.slots != slots_text(job)


class _Changes:
    """Collects rows, so that ten thousand jobs are a few statements."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.added: list[str] = []
        self.changed: list[str] = []
        self._inserts: list[dict[str, Any]] = []
        self._updates: list[dict[str, Any]] = []
        self._slots: list[dict[str, Any]] = []
        self._again: list[dict[str, Any]] = []
        self._broken: list[dict[str, Any]] = []

    def take(self, job: Job, known: Stored | None, slots: Mapping[str, datetime | None]) -> None:
        """Note what a valid job of the crontab changes."""
        spec = job_text(job)
        moved = _moved(job, known)
        if known is not None and not moved and known.spec is not None and _same(known.spec, spec):
            return
        values = {
            "name": job.name,
            "state": _state(known, moved),
            "schedule": job.trigger.describe(),
            "zone": job.tz,
            "enabled": job.enabled,
            "one_shot": job.trigger.once,
            "slots": slots_text(job),
            "spec": spec,
            "event": event_of(job.trigger.to_json()),
        }
        slot = None
        if moved:
            slot = slots[job.name] if job.name in slots else first_fire(job.trigger, self.now)
        if known is None:
            self.added.append(job.name)
            self._inserts.append({**self._blank(), **values, "next_fire": maybe_us(slot)})
            return
        if known.state == "removed":
            self.added.append(job.name)
            self._again.append({"name": job.name, "now": to_us(self.now)})
        else:
            self.changed.append(job.name)
        self._updates.append(values)
        if moved:
            self._slots.append({"name": job.name, "next_fire": maybe_us(slot)})

    def take_broken(self, broken: Iterable[BrokenJob], stored: Mapping[str, Stored]) -> None:
        """Note the jobs that cannot run."""
        for job in broken:
            known = stored.get(job.name)
            if known is None:
                self.added.append(job.name)
                values = {"name": job.name, "state": "invalid", "problem": job.problem}
                self._inserts.append({**self._blank(), **values})
                continue
            if known.state == "invalid" and known.problem == job.problem:
                continue
            if known.state == "removed":
                self.added.append(job.name)
                self._again.append({"name": job.name, "now": to_us(self.now)})
            else:
                self.changed.append(job.name)
            self._broken.append({"name": job.name, "problem": job.problem})

    def write(self, connection: Connection) -> None:
        """Write all of it."""
        for statement, values in (
            (INSERT_JOB, self._inserts),
            (_UPDATE, self._updates),
            (_NEW_SLOT, self._slots),
            (_BEGIN_AGAIN, self._again),
            (_BREAK, self._broken),
        ):
            if values:
                connection.execute(statement, values)

    def _blank(self) -> dict[str, Any]:
        return {
            "schedule": "",
            "zone": "UTC",
            "enabled": True,
            "one_shot": False,
            "next_fire": None,
            "first_loaded_at": to_us(self.now),
            "problem": "",
            "paused_reason": "",
            "paused_at": None,
            "failures": 0,
            "slots": "",
            "spec": None,
            "event": "",
        }


def _state(known: Stored | None, moved: bool) -> str:
    if known is None or known.state == "removed":
        return "active"
    if known.state == "invalid":
        # It was paused before its line was broken; fixing the line is no consent to run it.
        return "paused" if known.paused_reason else "active"
    return "active" if known.state == "done" and moved else known.state


def _same(one: str, other: str) -> bool:
    """Whether two stored jobs differ in nothing but the line they stand on."""
    return one == other or _without_line(one) == _without_line(other)


def _without_line(spec: str) -> str:
    head, _, tail = spec.rpartition('"line":')
    return head + tail.lstrip("0123456789")


def _orphans(connection: Connection) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: dict[str, list[str]] = {}
    for job, run_id in connection.execute(_ORPHANS):
        found.setdefault(job, []).append(run_id)
    return tuple((job, tuple(ids)) for job, ids in found.items())


def _write_meta(connection: Connection, orders: StandingOrders, now: datetime) -> None:
    zone_before = connection.execute(_ZONE).scalar() or orders.zone
    connection.execute(_FORGET_META)
    values = {
        "file": orders.file,
        "digest": orders.digest,
        "loaded_at": to_iso(now),
        "problems": dump(list(orders.problems)),
        "keep": str(orders.keep_seconds),
    }
    if orders.zone:
        values["zone"] = orders.zone
    if orders.zone and zone_before != orders.zone:
        connection.execute(_FORGET_ZONE_CHANGE)
        values["zone_change"] = f"{zone_before} {orders.zone} {to_iso(now)}"
    if orders.fleet_usd is not None:
        # A cap that cannot be read is kept as it was: a misspelt line must not lift it.
        connection.execute(_FORGET_FLEET)
        if orders.fleet_usd:
            values["fleet"] = str(round(orders.fleet_usd * 1_000_000))
        if orders.fleet_tokens:
            values["fleet_tokens"] = str(orders.fleet_tokens)
    connection.execute(_META, [{"key": key, "value": value} for key, value in values.items()])
