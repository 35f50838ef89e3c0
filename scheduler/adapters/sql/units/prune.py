"""Select and delete runs that are no longer kept.  ``prune`` is one unit of the committer.

What is never deleted, however old: a run that is live; one whose report was not sent yet; one that ended on
the present day, whose cost counts towards the day's budget; the run of a job that ended last; and the rows
that keep a slot from firing twice, should the clock be set back or a line of the crontab come back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import LargeBinary, Table, Text, text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rooms import Rooms
from scheduler.adapters.sql.rows.work import load, to_us
from scheduler.adapters.sql.states import states
from scheduler.adapters.sql.tables import work as tables
from scheduler.adapters.sql.tables.sessions import sessions
from scheduler.adapters.sql.words import many
from scheduler.core.run.budget import day_start
from scheduler.core.run.run import FINAL
from scheduler.ports.store.upkeep import Pruned

MAX_MESSAGES = 2_000
"""About how many messages one unit deletes at most: others want to write too."""

MAX_JOBS = 500
"""How many jobs one unit looks at."""

RUNNERS_DAYS = 31
"""How long processes are remembered that were not heard of since: ``why`` looks no further back.

So long, too, are notices kept that are about no run, and events that name no end of their own.
"""

DOUBT = timedelta(days=2)
"""How long nothing is deleted after the clock was set forward by more than a day."""

_ALL = 1_000_000_000
_DAY_US = 86_400_000_000

ROW_BYTES = 60
"""The approximate size of a row without its texts."""

_JOBS = text(
    "SELECT name, state, zone, next_fire, spec FROM jobs WHERE name >= :start AND state <> 'invalid'"
    " AND spec IS NOT NULL ORDER BY name"
)
_KEEP = text("SELECT value FROM meta WHERE key = 'keep'")

_LAST_ENDED = (
    "SELECT e.id FROM runs e WHERE e.job = :job AND e.ended_at IS NOT NULL"
    " ORDER BY e.ended_at DESC, e.id DESC LIMIT 1"
)
# The last row of each cause: an `@at` job has one slot, an `@reboot` job one row for this boot.
_LAST_OF = (
    "SELECT e.id FROM runs e WHERE e.job = :job AND e.cause = '{cause}' ORDER BY e.fire_time DESC LIMIT 1"
)
_OLD = text(
    "SELECT r.id, r.last_seq FROM runs r WHERE r.job = :job AND r.ended_at < :ended_before"
    f" AND {states(FINAL, 'r.state')} AND (r.cause = 'person' OR r.fire_time < :fired_before)"
    f" AND r.id NOT IN ({_LAST_ENDED})"
    f" AND coalesce(r.id <> ({_LAST_OF.format(cause='schedule')}), true)"
    f" AND coalesce(r.id <> ({_LAST_OF.format(cause='reboot')}), true)"
    " AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.run_id = r.id AND o.state IN ('waiting', 'taken'))"
    " ORDER BY r.ended_at, r.id LIMIT :limit"
)
_JUMPED = text("SELECT 1 FROM jumps WHERE kind = 'set_forward' AND size_us > :size AND at > :since LIMIT 1")

# Notices about runs go with their runs.
_OF_NO_RUN = (
    "FROM outbox WHERE run_id IS NULL AND state IN ('sent', 'given_up') AND created_at < :before"
    " AND coalesce(dedupe_until, 0) < :before"
)
# The newest event stays: a number that came again would stand for two of them.
_EVENTS = "FROM events WHERE coalesce(expires < :now, at < :before) AND id < (SELECT max(id) FROM events)"
_OLD_ROWS = ("FROM runners WHERE seen_at < :before", _OF_NO_RUN, _EVENTS)
_APART = [text(f"SELECT count(*) {rows}") for rows in _OLD_ROWS]
_FORGET = [text(f"DELETE {rows}") for rows in _OLD_ROWS]

_FRAMES_OF = text(
    "SELECT DISTINCT frame_hash FROM pins WHERE run_id IN :ids AND frame_hash IS NOT NULL"
).bindparams(many("ids"))
_FORGET_FRAMES = text(
    "DELETE FROM frames WHERE hash IN :hashes"
    " AND NOT EXISTS (SELECT 1 FROM pins p WHERE p.frame_hash = frames.hash)"
).bindparams(many("hashes"))


@dataclass(frozen=True, slots=True)
class _Cut:
    """Before which instants the runs of a job may go."""

    job: str
    ended_before: int
    fired_before: int


def prunable(connection: Connection, now: datetime, older_than_seconds: int | None, rooms: Rooms) -> Pruned:
    """See ``Store.prunable``."""
    total = Pruned(rows=_apart(connection, now))
    for cut in _cuts(connection, now, older_than_seconds, ""):
        ids = [run_id for run_id, _ in _old(connection, cut, _ALL)]
        for begin in range(0, len(ids), 500):
            total = total.plus(_weigh(connection, ids[begin : begin + 500], rooms))
    return total


def first_due(
    connection: Connection, now: datetime, older_than_seconds: int | None, start: str
) -> str | None:
    """Return the first job from ``start`` on with something to prune: a look that locks nobody out."""
    if _apart(connection, now):
        return start
    for cut in _cuts(connection, now, older_than_seconds, start):
        if _old(connection, cut, 1):
            return cut.job
    return None


def prune(
    connection: Connection,
    now: datetime,
    older_than_seconds: int | None,
    limit: int,
    start: str,
    rooms: Rooms,
) -> Pruned:
    """See ``Store.prune``."""
    rows = sum(connection.execute(each, _ages(now)).rowcount for each in _FORGET)
    ids: list[str] = []
    weight, next_job = 0, ""
    for number, cut in enumerate(_cuts(connection, now, older_than_seconds, start)):
        if number >= MAX_JOBS:
            next_job = cut.job
            break
        for run_id, messages in _old(connection, cut, limit - len(ids)):
            ids.append(run_id)
            weight += messages
            if len(ids) >= limit or weight >= MAX_MESSAGES:
                next_job = cut.job
                break
        if next_job:
            break
    gone = _weigh(connection, ids, rooms) if ids else Pruned()
    if ids:
        frames = list(connection.execute(_FRAMES_OF, {"ids": ids}).scalars())
        for statement in (*(_deleting(*each) for each in rooms.rows_of_runs()), *_DELETE):
            connection.execute(statement, {"ids": ids})
        connection.execute(_FORGET_FRAMES, {"hashes": frames})
    return Pruned(gone.runs, gone.rows + rows, gone.bytes, next_job)


def _cuts(
    connection: Connection, now: datetime, older_than_seconds: int | None, start: str
) -> Iterator[_Cut]:
    """Yield for each job with a limit, from ``start`` on, what lies before it.

    A job that is not in the crontab any more goes by what the caller says, by what it said last, or by the
    crontab's last ``KEEP``.  One whose line is broken keeps everything until it is fixed.  A clock that was
    just set forward by days may be wrong, and makes everything look old.
    """
    if connection.execute(_JUMPED, {"size": _DAY_US, "since": to_us(now - DOUBT)}).first() is not None:
        return
    default = int(connection.execute(_KEEP).scalar() or 0)
    for name, state, zone, next_fire, spec in connection.execute(_JOBS, {"start": start}).all():
        values = load(spec)
        keep = values.get("keep_seconds", 0)
        if state == "removed":
            keep = older_than_seconds or keep or default
        else:
            keep = keep or older_than_seconds or 0
        if not keep:
            continue
        before = now - timedelta(seconds=keep)
        fired = to_us(min(before, now - timedelta(seconds=values["window_seconds"])))
        yield _Cut(
            name,
            # What was spent today counts until midnight, and a day may be longer than 24 hours.
            to_us(min(before, day_start(now, zone))),
            fired if next_fire is None else min(fired, next_fire),
        )


def _old(connection: Connection, cut: _Cut, limit: int) -> list[tuple[str, int]]:
    values = {
        "job": cut.job,
        "ended_before": cut.ended_before,
        "fired_before": cut.fired_before,
        "limit": limit,
    }
    return [(row[0], row[1]) for row in connection.execute(_OLD, values)]


def _apart(connection: Connection, now: datetime) -> int:
    """Return how many rows may go that belong to no run."""
    return sum(int(connection.execute(each, _ages(now)).scalar_one()) for each in _APART)


def _ages(now: datetime) -> dict[str, int]:
    return {"now": to_us(now), "before": to_us(now - timedelta(days=RUNNERS_DAYS))}


# -- the rows of a run ----------------------------------------------------------------------------
def _of_runs() -> list[tuple[Table, str]]:
    """Return every table with rows of runs, and the column that says whose; ``runs`` itself comes last."""
    found = [
        (table, column.name)
        for table in sessions.metadata.sorted_tables  # of all tables, this one too
        for column in table.columns
        if any(key.column is tables.runs.c.id for key in column.foreign_keys)
    ]
    return [*found, (tables.runs, "id")]


def _weighing(table: Table, column: str) -> Any:
    texts = [
        f"coalesce(length({c.name}), 0)" for c in table.columns if isinstance(c.type, Text | LargeBinary)
    ]
    size = " + ".join([str(ROW_BYTES), *texts])
    return text(
        f"SELECT count(*), coalesce(sum({size}), 0) FROM {table.name} WHERE {column} IN :ids"
    ).bindparams(many("ids"))


@cache
def _weighing_of_a_plug_in(table: str, column: str) -> Any:
    return text(f"SELECT count(*), {ROW_BYTES} * count(*) FROM {table} WHERE {column} IN :ids").bindparams(
        many("ids")
    )


@cache
def _deleting(table: str, column: str) -> Any:
    return text(f"DELETE FROM {table} WHERE {column} IN :ids").bindparams(many("ids"))


_WEIGH = [_weighing(table, column) for table, column in _of_runs()]
_DELETE = [_deleting(table.name, column) for table, column in _of_runs()]


def _weigh(connection: Connection, ids: list[str], rooms: Rooms) -> Pruned:
    rows = bytes_ = 0
    for statement in (*_WEIGH, *(_weighing_of_a_plug_in(*each) for each in rooms.rows_of_runs())):
        count, size = connection.execute(statement, {"ids": ids}).one()
        rows += count
        bytes_ += size
    return Pruned(len(ids), rows, bytes_)
