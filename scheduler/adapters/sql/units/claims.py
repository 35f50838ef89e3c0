"""Who may work on a run: claims, renewals, rescues.  Each function is one unit of the committer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import TextClause, text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rows.work import from_us, to_us
from scheduler.adapters.sql.states import live, one_of, sources
from scheduler.adapters.sql.units import records, run_ended
from scheduler.adapters.sql.words import INSERT_ATTEMPT, close_attempts, lose_requests, many
from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.lease import SUSPECT_CRASHES, Lease
from scheduler.core.run.run import Move, State, transition
from scheduler.ports.store.queue import Rescued

_READY = "(r.not_before IS NULL OR r.not_before <= :now)"
_QUEUED = sources(Move.CLAIM, "r.state")
_EARLIER = "e.job = r.job AND (e.fire_time, e.id) < (r.fire_time, r.id)"

UNBLOCKED = (
    "NOT EXISTS (SELECT 1 FROM runs b WHERE b.job = r.job AND b.state = 'running')"
    f" AND (NOT r.serial OR NOT EXISTS (SELECT 1 FROM runs e WHERE {_EARLIER} AND {live('e.state')}))"
)
"""A queued run ``r`` whose job runs nothing now, and which need not wait for an earlier run's end."""

_SUSPECT = f"(r.attempts + CASE WHEN r.free_claim THEN 0 ELSE 1 END > {SUSPECT_CRASHES})"
_NOT_BESIDE = (
    f"(NOT {_SUSPECT} OR NOT EXISTS (SELECT 1 FROM runs s WHERE s.state = 'running'"
    f" AND s.runner = :runner AND s.attempts > {SUSPECT_CRASHES}))"
)

_ALLOW_WINDOW = 256
"""How many of the oldest runs of ``overlap=allow`` jobs are looked at, so that a flood costs no more."""


def _first_of_each(only: str) -> TextClause:
    """Return the query for the oldest ready run of every job that runs nothing."""
    return text(
        f"SELECT r.id, {_SUSPECT} FROM runs r WHERE {_QUEUED} AND {_READY} AND {_NOT_BESIDE}"
        f" AND {UNBLOCKED}{only.format(t='r')}"
        f" AND NOT EXISTS (SELECT 1 FROM runs e WHERE {_EARLIER} AND {sources(Move.CLAIM, 'e.state')}"
        f" AND (e.not_before IS NULL OR e.not_before <= :now){only.format(t='e')})"
        " ORDER BY r.fire_time, r.id LIMIT :limit"
    )


def _more_of_allowed(only: str) -> TextClause:
    """Return the query for further runs of jobs that may run more than once at a time, fewest first."""
    return text(
        "SELECT id, suspect FROM (SELECT o.id, o.fire_time, o.suspect, row_number() OVER (PARTITION BY o.job"
        " ORDER BY o.fire_time, o.id) + (SELECT count(*) FROM runs b WHERE b.job = o.job"
        f" AND b.state = 'running') AS place FROM (SELECT r.id, r.fire_time, r.job, {_SUSPECT} AS suspect"
        f" FROM runs r WHERE {_QUEUED} AND r.overlap = 'allow' AND {_READY} AND {_NOT_BESIDE}"
        f"{only.format(t='r')}"
        " ORDER BY r.fire_time, r.id LIMIT :window) AS o) AS placed"
        " ORDER BY place, fire_time, id LIMIT :limit"
    )


_ONLY = " AND {t}.id IN :only"
_FIRST, _MORE = _first_of_each(""), _more_of_allowed("")
_FIRST_ONLY = _first_of_each(_ONLY).bindparams(many("only"))
_MORE_ONLY = _more_of_allowed(_ONLY).bindparams(many("only"))

_CLAIM = text(
    "UPDATE runs SET state = 'running', epoch = epoch + 1,"
    " attempts = attempts + CASE WHEN free_claim THEN 0 ELSE 1 END, free_claim = false,"
    " runner = :runner, lease_expires_at = :expires, started_at = coalesce(started_at, :now),"
    " claim_steps = 0, reason = CASE WHEN cancel_requested THEN reason ELSE '' END,"
    " reason_code = CASE WHEN cancel_requested THEN reason_code ELSE '' END"
    f" WHERE id IN :ids AND {sources(Move.CLAIM)} RETURNING id, job, epoch"
).bindparams(many("ids"))

_RENEW = text(
    "UPDATE runs SET lease_expires_at = :expires WHERE id = :id AND epoch = :epoch AND state = 'running'"
    " RETURNING id"
)

_GONE = "(lease_expires_at <= :lapsed OR runner IN :dead)"
_RESCUE_RETURNS = (
    " RETURNING id, job, runner, epoch, created_at, coalesce((SELECT a.claimed_at FROM attempts a"
    " WHERE a.run_id = runs.id AND a.number = runs.epoch), created_at)"
)

_CANCEL = text(
    "UPDATE runs SET state = 'cancelled', ended_at = :now, lease_expires_at = NULL, cancel_requested = false"
    f" WHERE {sources(Move.RESCUE)} AND cancel_requested AND {_GONE}{_RESCUE_RETURNS}"
).bindparams(many("dead"))

_BURY = text(
    "UPDATE runs SET state = 'failed', ended_at = :now, lease_expires_at = NULL,"
    f" reason_code = '{ReasonCode.CRASHED}',"
    " reason = 'its runner died ' || attempts || ' times'"
    f" WHERE {sources(Move.BURY)} AND attempts >= :most AND {_GONE}{_RESCUE_RETURNS}"
).bindparams(many("dead"))

_RESCUE = text(
    "UPDATE runs SET state = 'queued', lease_expires_at = NULL"
    f" WHERE {sources(Move.RESCUE)} AND {_GONE}{_RESCUE_RETURNS}"
).bindparams(many("dead"))

_FREE_NOTICES = text(
    "UPDATE outbox SET state = 'waiting', due_at = :now"
    f" WHERE {one_of('state', ('waiting', 'taken'))} AND state = 'taken' AND runner IN :dead"
).bindparams(many("dead"))

# It lived until it was last heard of, at least; whoever looks for the living need not ask for it again.
_FOUND_DEAD = text(
    "UPDATE runners SET stopped_at = seen_at WHERE id IN :dead AND stopped_at IS NULL"
).bindparams(many("dead"))


def claim(
    connection: Connection,
    runner: str,
    now: datetime,
    limit: int,
    lease_seconds: float,
    only: Sequence[str] | None,
) -> list[Lease]:
    """See ``Store.claim``.  First one run for every job that runs nothing, then more where allowed."""
    values: dict[str, Any] = {"now": to_us(now), "limit": limit, "runner": runner}
    if only is not None:
        values["only"] = list(only)
    expires = now + timedelta(seconds=lease_seconds)
    leases: list[Lease] = []
    # Check, then write: no other process claims a run of the same job in between, as writing units are
    # serialised (see `Connection`).
    for query in (_FIRST, _MORE) if only is None else (_FIRST_ONLY, _MORE_ONLY):
        values["limit"] = limit - len(leases)
        values["window"] = max(_ALLOW_WINDOW, 4 * limit)
        if values["limit"] > 0:
            ids = _one_suspect(connection.execute(query, values).all())
            leases += _take(connection, ids, runner, now, expires)
    return leases


def _one_suspect(found: Sequence[Any]) -> list[str]:
    """Return the ids without the suspects after the first one; they wait for its end."""
    suspects = [run_id for run_id, suspect in found if suspect]
    return [run_id for run_id, _ in found if run_id not in suspects[1:]]


def _take(
    connection: Connection, ids: list[str], runner: str, now: datetime, expires: datetime
) -> list[Lease]:
    if not ids:
        return []
    instant, until = to_us(now), to_us(expires)
    taken = {"ids": ids, "runner": runner, "now": instant, "expires": until}
    rows = {row[0]: row for row in connection.execute(_CLAIM, taken)}
    leases = [
        Lease(run_id, rows[run_id][1], rows[run_id][2], runner, from_us(until))
        for run_id in ids
        if run_id in rows
    ]
    for lease in leases:
        body = {"epoch": lease.epoch, "runner": runner}
        records.append(connection, now, Move.CLAIM.value, lease.job, lease.run_id, body)
    connection.execute(
        INSERT_ATTEMPT,
        [
            {
                "run_id": lease.run_id,
                "number": lease.epoch,
                "epoch": lease.epoch,
                "runner": runner,
                "claimed_at": instant,
                "released_at": None,
                "ended_as": "",
            }
            for lease in leases
        ],
    )
    return leases


def renew(connection: Connection, leases: Sequence[Lease], now: datetime, lease_seconds: float) -> set[str]:
    """See ``Store.renew``."""
    expires = to_us(now + timedelta(seconds=lease_seconds))
    lost = set()
    for lease in leases:
        values = {"id": lease.run_id, "epoch": lease.epoch, "expires": expires}
        if connection.execute(_RENEW, values).first() is None:
            lost.add(lease.run_id)
    return lost


def rescue(
    connection: Connection,
    now: datetime,
    dead_runners: Sequence[str],
    max_attempts: int,
    *,
    by_lease: bool = True,
) -> list[Rescued]:
    """See ``Store.rescue``.  A run that somebody wanted cancelled is not begun again: it ends here."""
    values = {"now": to_us(now), "dead": list(dead_runners), "most": max_attempts}
    values["lapsed"] = values["now"] if by_lease else -1
    found: list[Rescued] = []
    for statement, move in ((_CANCEL, Move.CANCEL), (_BURY, Move.BURY), (_RESCUE, Move.RESCUE)):
        target = transition(move).target
        rows = connection.execute(statement, values).all()
        taken = [
            Rescued(run_id, job, target, runner, epoch, from_us(created_at), from_us(claimed_at))
            for run_id, job, runner, epoch, created_at, claimed_at in rows
        ]
        if not taken:
            continue
        ids = [rescued.run_id for rescued in taken]
        close_attempts(connection, ids, now, move.value)
        # A request that was out when the runner died may have been billed; nobody will ever know.
        lose_requests(connection, ids, now)
        if target is not State.QUEUED:
            for run_id in ids:
                run_ended.ended(connection, run_id, move, now)
        else:
            for each in taken:
                records.append(connection, now, move.value, each.job, each.run_id, {"runner": each.runner})
        found += taken
    if dead_runners:
        connection.execute(_FREE_NOTICES, values)
        connection.execute(_FOUND_DEAD, values)
    return found
