"""The history of a home, from its database: the reader, and cheap answers about many rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from scheduler.adapters.sql import selects
from scheduler.adapters.sql.history.reader import Reader
from scheduler.adapters.sql.rows import follow_ups as rows_of_follow_ups
from scheduler.adapters.sql.rows import trust as rows_of_trust
from scheduler.adapters.sql.rows import work as rows
from scheduler.adapters.sql.rows.work import from_us, to_us
from scheduler.adapters.sql.states import live
from scheduler.core.changes.follow_up import FollowUp
from scheduler.core.job.job import Job
from scheduler.core.job.standing import RunnerInfo
from scheduler.core.time.clocks import Jump
from scheduler.core.trust.approval import Approval
from scheduler.core.trust.grant import Grant
from scheduler.ports.store.history import LastEnd, Spending, UnknownCall

if TYPE_CHECKING:
    from scheduler.ports.store.backlog import Backlog

_LAST_ENDS = (
    "SELECT r.job, r.id, r.state, r.ended_at, r.reason, r.reason_code FROM jobs j JOIN runs r ON r.id ="
    " (SELECT e.id FROM runs e WHERE e.job = j.name AND e.ended_at IS NOT NULL"
    " ORDER BY e.ended_at DESC, e.id DESC LIMIT 1) WHERE j.state <> 'removed'"
)
# CROSS JOIN keeps SQLite from reading all calls first.
_UNKNOWN = (
    "SELECT c.run_id, c.name, c.effect FROM runs r CROSS JOIN calls c ON c.run_id = r.id"
    f" WHERE c.state = 'unknown' AND {live('r.state')} ORDER BY c.run_id, c.message_seq, c.position"
)
_UNKNOWN_OF_ONE = (
    "SELECT c.run_id, c.name, c.effect FROM calls c WHERE c.state = 'unknown' AND c.run_id = :id"
    " ORDER BY c.message_seq, c.position"
)
_UNSENT = (
    "SELECT o.run_id, o.error FROM outbox o WHERE o.state = 'given_up' AND o.run_id IS NOT NULL ORDER BY o.id"
)
_DAEMONS = (
    f"SELECT {rows.columns('u', rows.RUNNER_COLUMNS)} FROM runners u WHERE u.kind = 'daemon'"
    " AND u.started_at <= :until AND (u.stopped_at IS NULL OR u.stopped_at >= :since)"
    " ORDER BY u.started_at, u.id"
)

_JUMPS = (
    "SELECT j.kind, j.before, j.at, j.size_us FROM jumps j WHERE (j.at >= :since OR j.before >= :since)"
    " ORDER BY j.at, j.id"
)


# By the quarter of an hour: the days of every zone begin at one.
_SPENDING = (
    "SELECT q.job, q.model, q.ended_at / 900000000 * 900000000 AS quarter, count(*),"
    " coalesce(sum(q.cost_microusd), 0), sum(q.cost_assumed), sum(q.input_tokens + q.cache_read_tokens"
    " + q.cache_write_tokens), sum(q.output_tokens), sum(q.tokens) FROM requests q WHERE q.ended_at >= :since"
    " GROUP BY q.job, q.model, quarter ORDER BY quarter"
)


class SqlHistory(Reader):
    """Implements `scheduler.ports.store.history.History`."""

    def jumps(self, since: datetime) -> list[Jump]:
        """Return what happened to the clock from an instant on."""
        return self._all(_JUMPS, {"since": to_us(since)}, _jump_from)

    def last_ends(self) -> dict[str, LastEnd]:
        """Return for each job how its last run ended, skipped ones too; without the rest of the row."""
        return dict(self._all(_LAST_ENDS, {}, _last_end))

    def unknown_calls(self, ended: Sequence[str] = ()) -> list[UnknownCall]:
        """Return the calls of unknown outcome of all runs that are not over, and of those in ``ended``."""
        found = self._all(_UNKNOWN, {}, lambda row: UnknownCall(*row))
        for run_id in ended:
            found += self._all(_UNKNOWN_OF_ONE, {"id": run_id}, lambda row: UnknownCall(*row))
        return found

    def spending(self, since: datetime) -> list[Spending]:
        """Return what was spent from an instant on, the oldest first."""
        return self._all(_SPENDING, {"since": to_us(since)}, _spending_from)

    def unsent(self) -> dict[str, str]:
        """Return the runs whose report was given up, each with the reason."""
        return dict(self._all(_UNSENT, {}, tuple))

    def runners_of(self) -> dict[str, str]:
        """Return for each running run who has it."""
        return dict(self._all("SELECT r.id, r.runner FROM runs r WHERE r.state = 'running'", {}, tuple))

    def daemons(self, since: datetime, until: datetime) -> list[RunnerInfo]:
        """Return the daemons that were up at some time between two instants, as far as they said so."""
        values = {"since": to_us(since), "until": to_us(until)}
        return self._all(_DAEMONS, values, rows.runner_from)

    def job(self, name: str) -> Job | None:
        """Return a job as it was loaded; None when it is unknown, or never was valid."""
        found = self._all("SELECT spec FROM jobs WHERE name = :name", {"name": name}, tuple)
        return rows.job_from(found[0][0]) if found and found[0][0] is not None else None

    def open_approvals(self) -> list[Approval]:
        """Return the questions that wait for an answer, the oldest first."""
        return self._all(selects.OPEN_APPROVALS, {}, rows_of_trust.approval_from)

    def follow_ups(self) -> list[FollowUp]:
        """Return the follow-ups that are not over, the oldest first."""
        return self._all(rows_of_follow_ups.ALL, {}, rows_of_follow_ups.follow_up_from)

    def always_grants(self, job: str) -> list[Grant]:
        """Return the grants of a job that came of approvals."""
        return self._all(selects.GRANTS, {"job": job}, rows_of_trust.grant_from)

    def granted_follow_ups(self, job: str) -> list[str]:
        """Return the names of a job's follow-ups that have such grants, too."""
        return [name for (name,) in self._all(selects.GRANTED_FOLLOW_UPS, {"job": job}, tuple)]

    def backlog(self, now: datetime) -> Backlog:
        """Return how much there is to do and how late it is, all of one moment."""
        # Asked every few seconds by whoever serves figures, and never by a command: imported there alone.
        from scheduler.adapters.sql.history.backlog import read_backlog

        with self.steady():
            return read_backlog(self._connection, now)


def _last_end(row: rows.Row) -> tuple[str, LastEnd]:
    return row[0], LastEnd(*row[1:])


def _spending_from(row: rows.Row) -> Spending:
    job, model, quarter, *sums = row
    return Spending(job, model, from_us(quarter), *sums)


def _jump_from(row: rows.Row) -> Jump:
    kind, before, at, size_us = row
    return Jump(kind, from_us(before), from_us(at), size_us / 1_000_000)
