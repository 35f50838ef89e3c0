"""Reading jobs, runs and processes, as the store has them.

It never creates, migrates or writes anything.  A test holds its answers equal to the store's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

from scheduler.adapters.sql import selects
from scheduler.adapters.sql.read_connection import Connect
from scheduler.adapters.sql.rows import work as rows
from scheduler.adapters.sql.rows.wakeups import wakeup_from
from scheduler.adapters.sql.rows.work import Row, to_us
from scheduler.adapters.sql.states import live
from scheduler.core.changes.follow_up import root_of
from scheduler.core.job.job import Job
from scheduler.core.job.standing import RunnerInfo, Standing
from scheduler.core.run.budget import day_start
from scheduler.core.run.conversation import Attempt, Call, Message, Request, with_results
from scheduler.core.run.run import Run
from scheduler.core.run.wakeup import WakeUp
from scheduler.core.text.suggest import nearest
from scheduler.errors import NotFoundError

T = TypeVar("T")

_NEWEST_FIRST = "ORDER BY r.fire_time DESC, r.id DESC"
_MAX_SHOWN = 5
_MAX_KNOWN = 1000


class Reader:
    """Reads one database; use it in a ``with`` statement.

    Args:
        connect: opens a connection that only reads.

    Raises:
        StoreError: there is no database, it cannot be read, or its schema is not this version's.
    """

    def __init__(self, connect: Connect) -> None:
        self._connection = connect()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Let all reads inside see one and the same moment."""
        self._connection.begin()
        try:
            yield
        finally:
            self._connection.end()

    # -- jobs -------------------------------------------------------------------------------------
    def standings(self) -> list[Standing]:
        """Return all jobs but the removed ones, by name."""
        return self._all(selects.STANDINGS, {}, rows.standing_from)

    def job_of(self, run_id: str) -> Job:
        """Return the job as it was pinned with a run.

        Raises:
            NotFoundError: there is no such run.
        """
        found = self._all("SELECT spec FROM pins WHERE run_id = :id", {"id": run_id}, tuple)
        if not found:
            raise NotFoundError(f"there is no run {run_id}")
        return rows.job_from(found[0][0])

    def spent_today(self, job: str, now: datetime, tz: str) -> tuple[int, int]:
        """Return what a job and its follow-ups have spent since midnight: microdollars and tokens."""
        values = {"job": root_of(job), "since": to_us(day_start(now, tz))}
        microusd, tokens = self._all(selects.SPENT, values, tuple)[0]
        return int(microusd), int(tokens)

    # -- runs -------------------------------------------------------------------------------------
    def live_runs(self) -> list[Run]:
        """Return all runs that are not final, the oldest first."""
        return self._all(
            f"{selects.RUNS} WHERE {live('r.state')} ORDER BY r.fire_time, r.id", {}, rows.run_from
        )

    def runs(self, job: str | None = None, limit: int = 20) -> list[Run]:
        """Return the newest runs, of one job or of all."""
        where = "" if job is None else "WHERE r.job = :job"
        sql = f"{selects.RUNS} {where} {_NEWEST_FIRST} LIMIT :limit"
        return self._all(sql, {"job": job, "limit": limit}, rows.run_from)

    def runs_around(self, job: str, when: datetime, limit: int = 3) -> list[Run]:
        """Return the runs of a job that were planned nearest to an instant, in the order of their slots.

        Up to ``limit`` at or before it, and up to ``limit`` after it.
        """
        values = {"job": job, "when": to_us(when), "limit": limit}
        before = self._all(
            f"{selects.RUNS} WHERE r.job = :job AND r.fire_time <= :when {_NEWEST_FIRST} LIMIT :limit",
            values,
            rows.run_from,
        )
        following = self._all(
            f"{selects.RUNS} WHERE r.job = :job AND r.fire_time > :when"
            " ORDER BY r.fire_time, r.id LIMIT :limit",
            values,
            rows.run_from,
        )
        return before[::-1] + following

    def run(self, prefix: str) -> Run:
        """Return the one run whose id begins with ``prefix``.

        Raises:
            NotFoundError: no run or more than one begins with it.
        """
        # An id is a range of the primary key; LIKE would read every row, and take % and _ for wildcards.
        found = self._all(
            f"{selects.RUNS} WHERE r.id >= :prefix AND r.id < :end ORDER BY r.id LIMIT :limit",
            {"prefix": prefix, "end": prefix + "\U0010ffff", "limit": _MAX_SHOWN + 1},
            rows.run_from,
        )
        if not prefix or not found:
            raise self._no_run(prefix)
        if len(found) == 1 or found[0].id == prefix:
            return found[0]
        shown = ", ".join(f"{run.id} ({run.job})" for run in found[:_MAX_SHOWN])
        more = ", ..." if len(found) > _MAX_SHOWN else ""
        raise NotFoundError(f'more than one run begins with "{prefix}"', help=f"which one: {shown}{more}")

    def _no_run(self, prefix: str) -> NotFoundError:
        known = [run.id for run in self.runs(limit=_MAX_KNOWN)]
        if not known:
            return NotFoundError(
                f'no run "{prefix}": nothing has run yet', help="fire a job with: agentcron run JOB"
            )
        near = nearest(prefix, known)
        newest = ", ".join(known[:_MAX_SHOWN])
        return NotFoundError(
            f'no run begins with "{prefix}"',
            help=f"did you mean {near}?" if near else f"the newest runs are {newest}",
        )

    # -- one run ----------------------------------------------------------------------------------
    def messages(self, run_id: str, after: int = 0) -> list[Message]:
        """Return the conversation, or what follows its message ``after``."""
        return self._all(selects.MESSAGES, {"id": run_id, "after": after}, rows.message_from)

    def calls(self, run_id: str) -> list[Call]:
        """Return all tool calls, in the order in which they were asked for."""
        calls = self._all(selects.CALLS, {"id": run_id}, rows.call_from)
        if all(call.result is not None for call in calls if call.is_closed):
            return calls
        return list(with_results(calls, self._all(selects.TOLD, {"id": run_id}, rows.message_from)))

    def requests(self, run_id: str) -> list[Request]:
        """Return all calls of the model."""
        return self._all(selects.REQUESTS, {"id": run_id}, rows.request_from)

    def attempts(self, run_id: str) -> list[Attempt]:
        """Return all stretches between a claim and a release."""
        return self._all(selects.ATTEMPTS, {"id": run_id}, rows.attempt_from)

    def wakeups(self, run_id: str) -> list[WakeUp]:
        """Return what the run waits for now, the earliest first."""
        return self._all(selects.WAKEUPS, {"id": run_id}, wakeup_from)

    # -- processes --------------------------------------------------------------------------------
    def runners(self) -> list[RunnerInfo]:
        """Return the runners that have not left."""
        return self._all(selects.RUNNERS, {}, rows.runner_from)

    def meta(self) -> dict[str, str]:
        """Return what is known about the loaded crontab."""
        return dict(self._all(selects.META, {}, tuple))

    def _all(self, sql: str, values: dict[str, Any], make: Callable[[Row], T]) -> list[T]:
        return self._connection.fetch(sql, values, make)
