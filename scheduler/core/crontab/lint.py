"""Lint: what is legal in a crontab and probably not meant.

The grammar warns of what the text alone shows (W06, W07).  The rest needs a calendar, or the other jobs,
and is found here, apart from reading, so that a daemon need not pay for it at each load.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from math import ceil, floor

from scheduler.core.crontab.clockchange import dst_notes
from scheduler.core.crontab.cost import fires_per_day
from scheduler.core.crontab.problem import Problem
from scheduler.core.crontab.source import Span
from scheduler.core.crontab.table import Place, Table
from scheduler.core.job.job import Budget, Job
from scheduler.core.text.english import MONTHS, listed
from scheduler.core.time.fields import DAY, HOUR, MINUTE, MONTH, MONTH_DAYS, WEEKDAY
from scheduler.core.time.slots import expand
from scheduler.core.time.trigger import At, CronTrigger

CROWD_JOBS = 5
"""From how many jobs in one minute on W05 speaks."""

_MOST_NAMES = 4
_LAST_SURE_DAY = 28

Found = tuple[str, Span, str, str]
"""Code, place, message, help."""


def lint(table: Table, now: datetime) -> tuple[Problem, ...]:
    """Return the warnings W01 to W05 and W08, sorted by place; those of the text are in ``table.problems``.

    Args:
        now: an aware instant; W03 looks 12 months ahead of it.
    """
    problems: list[Problem] = []
    pairs = list(zip(table.jobs, table.places, strict=True))
    for job, place in pairs:
        for code, span, message, hint in _of_one(job, place, now):
            problems.append(_problem(table, place, code, span, message, hint))
    crowd = _crowd(pairs)
    if crowd is not None:
        place, message = crowd
        hint = "spread them: H in the minute field, or jitter=5m"
        problems.append(_problem(table, place, "W05", place.fields[0], message, hint))
    return tuple(sorted(problems))


def all_problems(table: Table, now: datetime) -> tuple[Problem, ...]:
    """Return everything that is wrong or doubtful, sorted by place: what ``check`` prints."""
    return tuple(sorted((*table.problems, *lint(table, now))))


def _problem(table: Table, place: Place, code: str, span: Span, message: str, hint: str) -> Problem:
    return Problem(
        table.file, span.line, span.col, code, message, "warning", span.end_col, hint, place.source
    )


def _of_one(job: Job, place: Place, now: datetime) -> Iterator[Found]:
    trigger = job.trigger
    if isinstance(trigger, CronTrigger) and len(place.fields) == 5:
        yield from _day_fields(trigger, place)
        yield from _missing_days(trigger, place)
    if isinstance(trigger, CronTrigger | At) and "dst" not in place.said:
        for note in dst_notes(trigger, now, tz=job.tz):
            span = place.fields[min(HOUR, len(place.fields) - 1)]
            yield "W03", span, note, "take another time" if isinstance(trigger, At) else _CLOCK_HINT
    yield from _over_budget(job, place, now)


_CLOCK_HINT = "take another hour, or say with dst=once|elapsed|skip which you mean"


def _day_fields(trigger: CronTrigger, place: Place) -> Iterator[Found]:
    """W01 and W02; an explicit ``fields=`` says that it is meant."""
    reading = trigger.cron.reading
    if "fields" in place.said or not (reading.day_restricted and reading.weekday_restricted):
        return
    words = trigger.expr.split()
    day, weekday = words[DAY], words[WEEKDAY]
    hint = "fields=and wants both, fields=or says that either is meant"
    if (day.startswith("*") or weekday.startswith("*")) and trigger.fields == "or":
        span = place.fields[DAY if day.startswith("*") else WEEKDAY]
        message = f"day of month `{day}` and weekday `{weekday}`: either matches here, other crons want both"
        yield "W02", span, message, hint
    elif trigger.fields == "or":
        message = f"day of month `{day}` and weekday `{weekday}`: the job runs when either matches"
        yield "W01", place.fields[DAY], message, hint


def _missing_days(trigger: CronTrigger, place: Place) -> Iterator[Found]:
    """W08, for a day that is named outright: nobody thinks of the 31st in ``*/2`` or ``1-31``."""
    last = max((_named_day(part) for part in trigger.expr.split()[DAY].split(",")), default=0)
    if last <= _LAST_SURE_DAY:
        return
    months = expand(MONTH, trigger.cron.reading.fields[MONTH])
    short = [MONTHS[month - 1] for month in months if MONTH_DAYS[month] < last]
    if last == 29 and 2 in months:
        message = "day 29 skips February, except in leap years"
    elif short:
        message = f"day {last} skips {listed(short)}"
    else:
        return
    yield "W08", place.fields[DAY], message, "`L` is the last day of every month"


def _named_day(part: str) -> int:
    """Return the day that one part of the field begins with, or 0 when it names none."""
    first = part.partition("/")[0].partition("-")[0]
    return int(first) if first.isdecimal() else 0


def _over_budget(job: Job, place: Place, now: datetime) -> Iterator[Found]:
    """W04, when the day's cap does not pay for all runs of a day at the run's cap."""
    runs, budget = fires_per_day(job, now), job.budget
    if not job.enabled:
        return
    yield from _over_tokens(ceil(runs), budget, place)
    if ceil(runs) * budget.run_usd <= budget.day_usd:
        return
    total, paid = ceil(runs) * budget.run_usd, floor(budget.day_usd / budget.run_usd + 1e-9)
    cents = floor(budget.day_usd / ceil(runs) * 100 + 1e-9)
    hint = f', or write budget="{cents / 100:.2f}/run {budget.day_usd:g}/day"' if cents else ""
    yield (
        "W04",
        place.name,
        f"{ceil(runs)} runs/day at ${budget.run_usd:.2f}/run may cost ${total:.2f}/day; "
        f"the cap of ${budget.day_usd:.2f}/day pays for {paid}",
        f"run it less often{hint}",
    )


def _over_tokens(runs: int, budget: Budget, place: Place) -> Iterator[Found]:
    """W04 for tokens, where both the run and the day have a cap on them."""
    run, day = budget.run_tokens, budget.day_tokens
    if run is None or day is None or runs * run <= day:
        return
    yield (
        "W04",
        place.name,
        f"{runs} runs/day at {run:,} tokens/run may use {runs * run:,} tokens/day; "
        f"the cap of {day:,} tokens/day pays for {day // run}",
        "run it less often, or change one of the two caps",
    )


def _crowd(pairs: list[tuple[Job, Place]]) -> tuple[Place, str] | None:
    """Return the first job of the fullest hour that jobs share at :00 without jitter, and the message."""
    hours: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    for index, (job, _) in enumerate(pairs):
        trigger = job.trigger
        if not isinstance(trigger, CronTrigger) or job.jitter_seconds or not job.enabled:
            continue
        fields = trigger.cron.reading.fields
        if 0 not in expand(MINUTE, fields[MINUTE]):
            continue
        weekdays = expand(WEEKDAY, fields[WEEKDAY]) if fields[DAY] == "*" else range(7)
        for hour in expand(HOUR, fields[HOUR]):
            for weekday in {day % 7 for day in weekdays}:
                hours[trigger.tz, hour, weekday].append(index)
    if not hours:
        return None
    (tz, hour, _), crowd = max(hours.items(), key=lambda item: (len(item[1]), -item[0][1], -item[0][2]))
    if len(crowd) < CROWD_JOBS:
        return None
    names = [pairs[index][0].name for index in crowd]
    shown = (
        names if len(names) <= _MOST_NAMES + 1 else [*names[:_MOST_NAMES], f"{len(names) - _MOST_NAMES} more"]
    )
    return pairs[crowd[0]][1], f"{len(crowd)} jobs start together at {hour:02}:00 {tz}: {listed(shown)}"
