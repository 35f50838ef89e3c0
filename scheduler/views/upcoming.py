"""Upcoming fires and wake-ups, in order of time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from scheduler.core.job.job import Job
from scheduler.core.job.standing import Standing
from scheduler.core.run.run import Run, State
from scheduler.errors import RefusedError
from scheduler.views.clock import iso
from scheduler.views.forecast import forecast
from scheduler.views.jobs import Facts, find_standing, job_reader

if TYPE_CHECKING:
    from scheduler.views.home import Home


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One upcoming fire or wake-up."""

    at: datetime
    job: str
    kind: Literal["fire", "wake", "start", "skip"]
    run: str = ""
    what: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        return {
            "at": iso(self.at),
            "kind": self.kind,
            "job": self.job,
            "run": self.run or None,
            "what": self.what,
        }


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The next fires and wake-ups, in order.

    Args:
        notes: the clock changes that affect the fires.
        standings: the jobs that were selected.
    """

    entries: Sequence[Entry]
    notes: Sequence[str]
    standings: Sequence[Standing]

    @property
    def paused(self) -> list[str]:
        """The names of the jobs that are paused."""
        return [standing.name for standing in self.standings if standing.state == "paused"]


def read_upcoming(home: Home, facts: Facts, job: str | None, count: int, after: datetime | None) -> Upcoming:
    """Return the next ``count`` fires and wake-ups after an instant (None: now), of one job or of all.

    Raises:
        NotFoundError: there is no such job.
        RefusedError: its line in the crontab is broken.
        StoreError: the database cannot be read.
    """
    start = facts.now if after is None else after
    standings = _chosen(facts, job)
    runs = [run for run in facts.runs if job is None or run.job == job]
    with job_reader(home, facts) as job_of:
        jobs: dict[str, Job | None] = {}

        def read(name: str) -> Job | None:
            if name not in jobs:
                jobs[name] = job_of(name)
            return jobs[name]

        timeline = _Timeline(facts, standings, runs, read, start, from_now=after is None)
        entries = timeline.first(count)
        until = entries[-1].at if entries else start
        notes = _clock_notes([jobs.get(entry.job) for entry in entries], start, until, job)
    return Upcoming(entries, notes, standings)


def _chosen(facts: Facts, job: str | None) -> Sequence[Standing]:
    if job is None:
        return facts.standings
    standing = find_standing(facts, job)
    if standing.state == "invalid":
        raise RefusedError(f"job {job} cannot run: {standing.problem}", help="fix it with: agentcron edit")
    return [standing]


class _Timeline:
    """Merge the next slots of all jobs; only jobs that are shown have their schedule searched."""

    def __init__(
        self,
        facts: Facts,
        standings: Sequence[Standing],
        runs: Sequence[Run],
        read: Any,
        start: datetime,
        *,
        from_now: bool,
    ) -> None:
        self._facts = facts
        self._read = read
        self._start = start
        self._from_now = from_now
        self._heap: list[Entry] = [entry for run in runs if (entry := self._of_run(run)) is not None]
        self._heap += [entry for standing in standings for entry in self._of_job(standing)]
        heapq.heapify(self._heap)

    def first(self, count: int) -> list[Entry]:
        """Return the first ``count`` entries."""
        return [entry for entry, _ in zip(self._all(), range(count), strict=False)]

    def _all(self) -> Iterator[Entry]:
        while self._heap:
            entry = heapq.heappop(self._heap)
            yield entry
            if entry.kind == "fire" and entry.what != "overdue":
                self._push(entry.job, entry.at)

    def _push(self, name: str, after: datetime) -> None:
        job = self._read(name)
        fire = None if job is None else job.trigger.next_after(after)
        if fire is not None:
            heapq.heappush(self._heap, self._fire(name, fire))

    def _fire(self, name: str, at: datetime) -> Entry:
        return Entry(at, name, "fire", what="fires")

    def _of_job(self, standing: Standing) -> Iterator[Entry]:
        due = standing.next_fire
        if standing.state != "active" or due is None:
            return
        if due <= self._start and not (self._from_now and due <= self._facts.now):
            job = self._read(standing.name)
            fire = None if job is None else job.trigger.next_after(self._start)
            if fire is not None:
                yield self._fire(standing.name, fire)
        elif due <= self._facts.now:
            yield from self._overdue(standing)
            self._push(standing.name, self._facts.now)
        else:
            yield self._fire(standing.name, due)

    def _overdue(self, standing: Standing) -> Iterator[Entry]:
        job = self._read(standing.name)
        for row in () if job is None else forecast(self._facts, standing, job):
            if row.action == "fire":
                yield Entry(row.fire_time, standing.name, "fire", what="overdue")
            else:
                yield Entry(row.fire_time, standing.name, "skip", what=f"will be skipped: {row.detail}")

    def _of_run(self, run: Run) -> Entry | None:
        at = run.not_before if run.state is State.QUEUED else run.wake_at
        if at is None or (at <= self._start and not self._from_now):
            return None
        if run.state is State.QUEUED:
            return Entry(at, run.job, "start", run.id, f"run {run.id} starts")
        verb = {State.RETRYING: "retries", State.PARKED: "is checked again"}.get(run.state, "wakes")
        because = run.waiting_for or run.reason
        return Entry(
            at, run.job, "wake", run.id, f"run {run.id} {verb}" + (f": {because}" if because else "")
        )


def _clock_notes(jobs: Sequence[Job | None], start: datetime, until: datetime, only: str | None) -> list[str]:
    """Note the clock changes that affect the shown fires; for a single job also the next one of the year."""
    notes = []
    for job in {job.name: job for job in jobs if job is not None}.values():
        met = job.trigger.clock_changes(start)
        # A fire that moves to the gap's end comes at the change, one that comes twice shortly after it.
        shown = [change for change in met if change.shift.instant <= until + timedelta(hours=3)]
        if only is not None:
            shown = shown or list(met[:1])
        notes += [f"{job.name}: {change.note}" for change in shown]
    return notes
