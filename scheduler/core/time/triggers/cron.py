"""Cron expressions: five fields, or an alias such as ``@daily``."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from scheduler.core.time.cron import Cron, DayFields
from scheduler.core.time.dst import Dst
from scheduler.core.time.fields import DAY, HOUR, MINUTE, WEEKDAY, FieldProblem, read_expression
from scheduler.core.time.slots import expand
from scheduler.core.time.triggers.base import Change, Schedule, ScheduleError, Trigger
from scheduler.core.time.triggers.clock_changes import changes
from scheduler.core.time.triggers.cron_lint import lint_cron
from scheduler.core.time.triggers.cron_words import explain_reading
from scheduler.errors import ConfigError


@dataclass(frozen=True, slots=True)
class CronTrigger(Trigger):
    """Fire at the slots of a cron expression; the arguments are those of `scheduler.core.time.cron.Cron`."""

    kind = "cron"

    expr: str
    tz: str = "UTC"
    name: str = "job"
    dst: Dst | None = None
    fields: DayFields = "or"
    cron: Cron = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "cron", Cron(self.expr, self.tz, self.name, dst=self.dst, fields=self.fields)
        )

    @classmethod
    def read(cls, schedule: Schedule) -> Self:
        """Parse the expression; all mistakes in it are reported."""
        text, fields = " ".join(schedule.words), schedule.fields
        try:
            trigger = cls(text, schedule.tz, schedule.name, schedule.dst, fields)
        except ConfigError:
            # Parsed again, for all mistakes and their places: few lines need that.
            reading = read_expression(text, schedule.name, fields=fields)
            if not reading.problems:
                raise
            helped = [
                replace(each, help=_rewritten_help(each, schedule.words) or each.help)
                for each in reading.problems
            ]
            raise ScheduleError((*helped, *reading.notes)) from None
        reading = trigger.cron.reading
        # All other impossible dates are visible in the fields; a search is too slow to be done for every job.
        both = fields == "and" and reading.day_restricted and reading.weekday_restricted
        if both and trigger.next_after(schedule.now) is None:
            message, hint = "no date ever matches this schedule", "check day, month and weekday"
            never = FieldProblem("E06", message, hint, 0, len(schedule.words[0]))
            raise ScheduleError((never, *reading.notes))
        return trigger

    def doubts(self) -> Sequence[FieldProblem]:
        """W06: what other crons interpret differently."""
        return self.cron.reading.notes

    def next_after(self, instant: datetime) -> datetime | None:
        """The first fire (UTC) strictly after an aware instant, or None for never."""
        return self.cron.next_after(instant)

    def before(self, instant: datetime) -> datetime | None:
        """The last fire (UTC) at or before an aware instant, or None for never."""
        return self.cron.before(instant)

    def fires_per_day(self, now: datetime) -> float:
        """The product of the numbers of minutes and hours."""
        fields = self.cron.reading.fields
        return float(len(expand(MINUTE, fields[MINUTE])) * len(expand(HOUR, fields[HOUR])))

    def on_the_hour(self) -> Iterator[tuple[str, int, int]]:
        """The hours at whose :00 it fires, on the weekdays that it certainly includes."""
        fields = self.cron.reading.fields
        if 0 not in expand(MINUTE, fields[MINUTE]):
            return
        weekdays = expand(WEEKDAY, fields[WEEKDAY]) if fields[DAY] == "*" else range(7)
        for hour in expand(HOUR, fields[HOUR]):
            for weekday in {day % 7 for day in weekdays}:
                yield self.tz, hour, weekday

    def clock_changes(self, now: datetime, months: int = 12) -> tuple[Change, ...]:
        """None for one that runs all day long."""
        return changes(self.cron, now, months)

    def describe(self) -> str:
        """The expression as written."""
        return self.expr

    def explain(self, tz: str = "UTC") -> str:
        """In words, in its own zone."""
        return f"{explain_reading(self.cron.reading, self.fields)} ({self.tz})"

    def remarks(self) -> Sequence[str]:
        """Differences from other crons, and dependence on the job."""
        reading = self.cron.reading
        remarks = [note.message for note in reading.notes]
        if reading.day_restricted and reading.weekday_restricted:
            remarks.append("both day fields are restricted, so either matches; fields=and requires both")
        elements = self.expr.lower().replace(",", " ").split()
        if any(element.startswith("h") for element in elements):
            remarks.append("H is derived from the job's name: in the crontab each job gets its own time")
        return remarks

    def lint(self, now: datetime, tz: str, given: Collection[str]) -> Iterator[FieldProblem]:
        """W01, W02, W03 and W08."""
        return lint_cron(self.cron, now, given)

    def to_json(self) -> dict[str, Any]:
        """As the database has it."""
        return {
            "kind": "cron",
            "expr": self.expr,
            "tz": self.tz,
            "name": self.name,
            "dst": self.dst,
            "fields": self.fields,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Back from the database."""
        return cls(data["expr"], data["tz"], data["name"], data["dst"], data["fields"])


def _rewritten_help(problem: FieldProblem, words: Sequence[str]) -> str:
    """Return, for an hour of 24 or more, the whole schedule with the hour that was probably meant."""
    if problem.code != "E02" or len(words) != 5 or not problem.message.startswith("hour "):
        return ""
    offset = len(words[0]) + 1
    number = words[HOUR][problem.start - offset : problem.end - offset]
    if not (number.isdecimal() and len(number) <= 2):
        return ""
    hour = int(number) % 24
    meant = words[HOUR][: problem.start - offset] + str(hour) + words[HOUR][problem.end - offset :]
    clock = f"{hour % 12 or 12} {'am' if hour < 12 else 'pm'}"
    return f"for {clock} write `{' '.join((words[0], meant, *words[2:]))}`"
