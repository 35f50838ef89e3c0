"""The verb ``next``: upcoming fires and wake-ups on one line of time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import click

from scheduler.config import Config
from scheduler.core.job.job import Job
from scheduler.core.job.standing import Standing
from scheduler.core.run.run import Run, State
from scheduler.doors.cli.text import out
from scheduler.doors.cli.text.params import JOB
from scheduler.doors.cli.text.wrap import WIDTH, cut, fold, pad
from scheduler.errors import RefusedError
from scheduler.views.clock import Wall, wall
from scheduler.views.jobs import NOBODY, Facts, find_standing, gather, job_reader

MOST_ENTRIES = 1000
_MOST_NOTES = 4
_NAME_WIDTH = 20


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One thing that will happen."""

    at: datetime
    job: str
    kind: Literal["fire", "wake", "start"]
    run: str = ""
    what: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        return {
            "at": out.iso(self.at),
            "kind": self.kind,
            "job": self.job,
            "run": self.run or None,
            "what": self.what,
        }


@click.command("next", short_help="Show upcoming fires and wake-ups.")
@click.argument("job", type=JOB, required=False)
@click.option(
    "-n", "count", metavar="N", type=click.IntRange(0, MOST_ENTRIES), default=10, help="How many [10]."
)
@click.option("--after", metavar="TIME", help="Show what comes after this [now].")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def next_command(config: Config, job: str | None, count: int, after: str | None, as_json: bool) -> None:
    """Show upcoming fires and wake-ups on one line of time, of JOB or of all.

    Example:  agentcron next digest -n 3
    """
    clock = wall()
    start = clock.read_after(after) if after is not None else clock.now
    facts = gather(config, clock.now)
    standings = _chosen(facts, job)
    runs = [run for run in facts.runs if job is None or run.job == job]
    with job_reader(config, facts) as job_of:
        jobs: dict[str, Job | None] = {}

        def read(name: str) -> Job | None:
            if name not in jobs:
                jobs[name] = job_of(name)
            return jobs[name]

        timeline = _Timeline(facts, standings, runs, read, start, from_now=after is None)
        entries = timeline.first(count)
        until = entries[-1].at if entries else start
        notes = _clock_notes([jobs.get(entry.job) for entry in entries], start, until, job)
    if as_json:
        values = {"zone": clock.name, "next": [entry.as_json() for entry in entries], "notes": notes}
        out.print_json({**values, "paused": [s.name for s in standings if s.state == "paused"]})
    else:
        _say(entries, notes, standings, clock, job)
    for text in facts.hints:
        out.hint(text)
    if facts.daemon is None and facts.from_database and not as_json:
        out.hint(NOBODY)


def _chosen(facts: Facts, job: str | None) -> Sequence[Standing]:
    if job is None:
        return facts.standings
    standing = find_standing(facts, job)
    if standing.state == "invalid":
        raise RefusedError(f"job {job} cannot run: {standing.problem}", help="mend it with: agentcron edit")
    return [standing]


class _Timeline:
    """Merges the next slot of each job; only jobs that are shown have their schedule searched."""

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
        self._heap += [entry for s in standings if (entry := self._of_job(s)) is not None]
        heapq.heapify(self._heap)

    def first(self, count: int) -> list[Entry]:
        """Return the first ``count`` entries."""
        return [entry for entry, _ in zip(self._all(), range(count), strict=False)]

    def _all(self) -> Iterator[Entry]:
        while self._heap:
            entry = heapq.heappop(self._heap)
            yield entry
            if entry.kind == "fire":
                # What is overdue fires now, and goes on after now.
                self._push(entry.job, max(entry.at, self._facts.now))

    def _push(self, name: str, after: datetime) -> None:
        job = self._read(name)
        fire = None if job is None else job.trigger.next_after(after)
        if fire is not None:
            heapq.heappush(self._heap, self._fire(name, fire))

    def _fire(self, name: str, at: datetime) -> Entry:
        return Entry(at, name, "fire", what="fires")

    def _of_job(self, standing: Standing) -> Entry | None:
        due = standing.next_fire
        if standing.state != "active" or due is None:
            return None
        if due <= self._start and not (self._from_now and due <= self._facts.now):
            job = self._read(standing.name)
            fire = None if job is None else job.trigger.next_after(self._start)
            return None if fire is None else self._fire(standing.name, fire)
        if due <= self._facts.now:
            return Entry(due, standing.name, "fire", what="overdue")
        return self._fire(standing.name, due)

    def _of_run(self, run: Run) -> Entry | None:
        at = run.not_before if run.state is State.QUEUED else run.wake_at
        if at is None or (at <= self._start and not self._from_now):
            return None
        if run.state is State.QUEUED:
            return Entry(at, run.job, "start", run.id, f"run {run.id} starts")
        verb = {State.RETRYING: "tries again", State.PARKED: "is looked at again"}.get(run.state, "wakes")
        because = run.waiting_for or run.reason
        return Entry(
            at, run.job, "wake", run.id, f"run {run.id} {verb}" + (f": {because}" if because else "")
        )


def _clock_notes(jobs: Sequence[Job | None], start: datetime, until: datetime, only: str | None) -> list[str]:
    """Say which clock changes meet the shown fires; for a single job also the next one of the year."""
    notes = []
    for job in {job.name: job for job in jobs if job is not None}.values():
        met = job.trigger.clock_changes(start)
        # A fire that moves to the gap's end comes at the change, one that comes twice shortly after it.
        shown = [change for change in met if change.shift.instant <= until + timedelta(hours=3)]
        if only is not None:
            shown = shown or list(met[:1])
        notes += [f"{job.name}: {change.note}" for change in shown]
    return notes


def _say(
    entries: Sequence[Entry],
    notes: Sequence[str],
    standings: Sequence[Standing],
    clock: Wall,
    job: str | None,
) -> None:
    lines = []
    if entries:
        lines += _table(entries, clock)
    elif job is not None:
        lines.append(_never(standings[0]))
    else:
        lines.append("nothing is due: no job has a time, and no run waits for one")
    for note in notes[:_MOST_NOTES]:
        lines += fold(f"note: {note}", indent="      ")
    if len(notes) > _MOST_NOTES:
        lines.append(f"note: {len(notes) - _MOST_NOTES} more clock changes: agentcron check")
    paused = [standing for standing in standings if standing.state == "paused"]
    if job is None and paused:
        lines += fold(f"paused: {', '.join(standing.name for standing in paused[:20])}", indent="  ")
    click.echo("\n".join(lines))


def _table(entries: Sequence[Entry], clock: Wall) -> list[str]:
    seconds = any(entry.at.second for entry in entries)
    width = min(max(len(entry.job) for entry in entries), _NAME_WIDTH)
    when = 19 if seconds else 16
    lines = [f"{f'WHEN ({clock.name})':{when + 12}.{when + 12}}  JOB"]
    for entry in entries:
        away = "overdue" if entry.what == "overdue" else clock.away(entry.at)
        what = "fires" if entry.kind == "fire" else entry.what
        start = f"{clock(entry.at, seconds=seconds):{when}}  {away:10}  {pad(cut(entry.job, width), width)}  "
        lines.append(start + cut(what, WIDTH - when - 16 - width))
    return lines


def _never(standing: Standing) -> str:
    if standing.paused_reason.startswith("enabled="):
        return f"{standing.name} is switched off in the crontab: agentcron edit"
    if standing.state == "paused" and "agentcron confirm" in standing.paused_reason:
        return cut(f"{standing.name} waits: {standing.paused_reason}", WIDTH)
    if standing.state == "paused":
        return cut(
            f"{standing.name} is paused ({standing.paused_reason}): agentcron unpause {standing.name}", WIDTH
        )
    if standing.schedule == "@manual":
        return f"{standing.name} fires only by hand: agentcron run {standing.name}"
    if standing.schedule == "@reboot":
        return f"{standing.name} fires once after each boot of the machine"
    return f"{standing.name} fires no more"
