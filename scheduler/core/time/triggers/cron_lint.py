"""Lint of cron expressions: W01, W02, W03 and W08."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from scheduler.core.text.english import MONTHS, listed
from scheduler.core.time.cron import Cron
from scheduler.core.time.fields import DAY, HOUR, MONTH, MONTH_DAYS, WEEKDAY, FieldProblem
from scheduler.core.time.slots import expand
from scheduler.core.time.triggers.base import place_of
from scheduler.core.time.triggers.clock_changes import changes

_LAST_SURE_DAY = 28

_CLOCK_HINT = "choose another hour, or set dst=once|elapsed|skip"


def lint_cron(cron: Cron, now: datetime, given: Collection[str]) -> Iterator[FieldProblem]:
    """Yield warnings; see ``Trigger.lint``."""
    words = cron.expr.split()
    if len(words) == 5:
        if "fields" not in given:
            yield from _day_fields(cron, words)
        yield from _missing_days(cron, words)
    if "dst" not in given:
        for change in changes(cron, now, 12):
            yield FieldProblem("W03", change.note, _CLOCK_HINT, *place_of(" ".join(words), HOUR))


def _day_fields(cron: Cron, words: list[str]) -> Iterator[FieldProblem]:
    """W01 and W02; an explicit ``fields=`` confirms the meaning."""
    reading = cron.reading
    if cron.fields != "or" or not (reading.day_restricted and reading.weekday_restricted):
        return
    day, weekday = words[DAY], words[WEEKDAY]
    hint = "fields=and requires both, fields=or allows either"
    if day.startswith("*") or weekday.startswith("*"):
        place = place_of(" ".join(words), DAY if day.startswith("*") else WEEKDAY)
        message = (
            f"day of month `{day}` and weekday `{weekday}`: either matches here, other crons require both"
        )
        yield FieldProblem("W02", message, hint, *place)
    else:
        message = f"day of month `{day}` and weekday `{weekday}`: the job runs when either matches"
        yield FieldProblem("W01", message, hint, *place_of(" ".join(words), DAY))


def _missing_days(cron: Cron, words: list[str]) -> Iterator[FieldProblem]:
    """W08, for a day that is named explicitly: not for ``*/2`` or ``1-31``."""
    last = max((_named_day(part) for part in words[DAY].split(",")), default=0)
    if last <= _LAST_SURE_DAY:
        return
    months = expand(MONTH, cron.reading.fields[MONTH])
    short = [MONTHS[month - 1] for month in months if MONTH_DAYS[month] < last]
    if last == 29 and 2 in months:
        message = "day 29 skips February, except in leap years"
    elif short:
        message = f"day {last} skips {listed(short)}"
    else:
        return
    yield FieldProblem("W08", message, "`L` is the last day of every month", *place_of(" ".join(words), DAY))


def _named_day(part: str) -> int:
    """Return the first day of one part of the field, or 0 if it names none."""
    first = part.partition("/")[0].partition("-")[0]
    return int(first) if first.isdecimal() else 0
