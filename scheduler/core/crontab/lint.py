"""Lint: what is legal in a crontab and probably a mistake.

The grammar reports warnings that need only the text (W06, W07).  The others need a calendar, or the other
jobs.  They are computed here, separately, so that a load by the daemon does not pay for them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from scheduler.core.crontab.problem import WARNINGS, Problem
from scheduler.core.crontab.schedule import placed
from scheduler.core.crontab.source import Span
from scheduler.core.crontab.table import Place, Table
from scheduler.core.job.job import Job
from scheduler.core.job.option import Option
from scheduler.core.text.english import listed

CROWD_JOBS = 5
"""The number of jobs in one minute from which W05 is reported."""

_MAX_NAMES = 4

Found = tuple[str, Span, str, str]
"""Code, place, message, help."""


def lint(table: Table, now: datetime) -> tuple[Problem, ...]:
    """Return the warnings that need more than the text, sorted by place; the others are in the table.

    Args:
        now: an aware instant; W03 checks the 12 months after it.
    """
    problems: list[Problem] = []
    pairs = list(zip(table.jobs, table.places, strict=True))
    for job, place in pairs:
        for code, span, message, hint in _of_one(job, place, table.linted, now):
            problems.append(_problem(table, place, code, span, message, hint))
    crowd = _crowd(pairs)
    if crowd is not None:
        place, message = crowd
        hint = "spread them: H in the minute field, or jitter=5m"
        problems.append(_problem(table, place, "W05", place.fields[0], message, hint))
    return tuple(sorted(problems))


def all_problems(table: Table, now: datetime) -> tuple[Problem, ...]:
    """Return all errors and warnings, sorted by place: the output of ``check``."""
    return tuple(sorted((*table.problems, *lint(table, now))))


def _problem(table: Table, place: Place, code: str, span: Span, message: str, hint: str) -> Problem:
    return Problem(
        table.file, span.line, span.col, code, message, "warning", span.end_col, hint, place.source
    )


def _of_one(job: Job, place: Place, options: Sequence[Option], now: datetime) -> Iterator[Found]:
    for note in job.trigger.lint(now, job.tz, place.given):
        code = note.code if note.code in WARNINGS else "W16"
        yield code, placed(note, place.fields), note.message, note.help
    for option in options:
        if option.lint is not None and (option.field or option.name in job.extra):
            for doubt in option.lint(job, now):
                code = doubt.code if doubt.code in WARNINGS else "W16"
                yield code, dict(place.spans).get(option.name, place.name), doubt.message, doubt.help


def _crowd(pairs: list[tuple[Job, Place]]) -> tuple[Place, str] | None:
    """Return the first job of the hour with the most jobs at :00 without jitter, and the message."""
    hours: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    for index, (job, _) in enumerate(pairs):
        if job.enabled and not job.jitter_seconds:
            for hour_of_week in job.trigger.on_the_hour():
                hours[hour_of_week].append(index)
    if not hours:
        return None
    (tz, hour, _), crowd = max(hours.items(), key=lambda item: (len(item[1]), -item[0][1], -item[0][2]))
    if len(crowd) < CROWD_JOBS:
        return None
    names = [pairs[index][0].name for index in crowd]
    shown = (
        names if len(names) <= _MAX_NAMES + 1 else [*names[:_MAX_NAMES], f"{len(names) - _MAX_NAMES} more"]
    )
    return pairs[crowd[0]][1], f"{len(crowd)} jobs start together at {hour:02}:00 {tz}: {listed(shown)}"
