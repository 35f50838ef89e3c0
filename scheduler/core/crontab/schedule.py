"""From the words of a schedule to a trigger, with every problem at its place in the file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from scheduler.core.crontab.jobline import JobLine
from scheduler.core.crontab.problem import Report
from scheduler.core.crontab.source import Span
from scheduler.core.job.job import DayFields, Dst
from scheduler.core.text.suggest import did_you_mean
from scheduler.core.time.dst import settle
from scheduler.core.time.fields import ALIASES, HOUR, FieldProblem, read_expression
from scheduler.core.time.instants import zone
from scheduler.core.time.trigger import At, CronTrigger, Every, Manual, Reboot, Trigger
from scheduler.errors import ConfigError

NOT_BUILT_SCHEDULES = frozenset({"@event", "@heartbeat", "@dream", "@idle", "@webhook", "@file"})

KNOWN_SCHEDULES = (*ALIASES, "@every", "@at", "@reboot", "@manual")

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(Z|[+-]\d\d:?\d\d)?\Z")
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a schedule depends on beside its own words."""

    name: str
    tz: str
    dst: Dst | None
    fields: DayFields


def read_trigger(line: JobLine, terms: Terms, report: Report, now: datetime) -> Trigger | None:
    """Return the trigger of a job's line; errors E02 to E07 and E11, and W06, go to ``report``.

    Args:
        now: an expression that fires at no time after it is E06.
    """
    word = line.schedule[0].lower()
    argument = " ".join(line.schedule[1:])
    if not word.startswith("@") or word in ALIASES:
        return _cron(line, terms, report, now)
    if word == "@reboot":
        return Reboot()
    if word == "@manual":
        return Manual()
    if word == "@every":
        return _every(argument, line.fields, terms, report)
    if word == "@at":
        return _at(argument, line.fields, terms, report)
    if word in NOT_BUILT_SCHEDULES:
        report.error(
            "E07", line.fields[0], f"{word} is not built yet", f"there are {', '.join(KNOWN_SCHEDULES)}"
        )
    else:
        hint = did_you_mean(word, KNOWN_SCHEDULES) or f"there are {', '.join(KNOWN_SCHEDULES)}"
        report.error("E07", line.fields[0], f"there is no schedule {word}", hint)
    return None


def _cron(line: JobLine, terms: Terms, report: Report, now: datetime) -> Trigger | None:
    text = " ".join(line.schedule)
    reading = read_expression(text, terms.name, fields=terms.fields)
    for problem in reading.problems:
        hint = _rewritten_help(problem, line.schedule) or problem.help
        report.error(problem.code, _placed(problem, line), problem.message, hint)
    for note in reading.notes:
        report.warning(note.code, _placed(note, line), note.message, note.help)
    if reading.problems:
        return None
    trigger = CronTrigger(text, terms.tz, terms.name, terms.dst, terms.fields)
    # All other impossible dates show in the fields; a search costs too much to be done for every job.
    both = terms.fields == "and" and reading.day_restricted and reading.weekday_restricted
    if both and trigger.next_after(now) is None:
        report.error(
            "E06", line.fields[0], "no date ever matches this schedule", "look at day, month and weekday"
        )
        return None
    return trigger


def _placed(problem: FieldProblem, line: JobLine) -> Span:
    """Return the place in the file of a place in the words joined by single blanks."""
    start = 0
    for word, span in zip(line.schedule, line.fields, strict=True):
        if problem.start <= start + len(word):
            col = span.col + max(problem.start - start, 0)
            end = span.col + min(problem.end - start, len(word))
            return Span(span.line, col, max(end, col + 1))
        start += len(word) + 1
    return line.fields[-1]


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


def _every(text: str, spans: tuple[Span, ...], terms: Terms, report: Report) -> Trigger | None:
    try:
        return Every(text, terms.name)
    except ConfigError as error:
        report.error("E11", _argument(spans), f"@every: {error.message}", error.help)
        return None


def _at(text: str, spans: tuple[Span, ...], terms: Terms, report: Report) -> Trigger | None:
    match = _INSTANT.match(text)
    try:
        if not match:
            hint = (
                f"for example @at {text}T09:00" if _DATE.match(text) else "for example @at 2026-12-01T09:00"
            )
            what = "has no time of day" if _DATE.match(text) else "is not a date and a time"
            raise ConfigError(f'"{text}" {what}', help=hint)
        wall = datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3] or ''}")
        instant = wall.astimezone(UTC) if wall.tzinfo else settle(wall, zone(terms.tz))
    except ConfigError as error:
        report.error("E11", _argument(spans), f"@at: {error.message}", error.help)
    except (ValueError, OverflowError):
        report.error("E11", _argument(spans), f'@at: there is no such day or time as "{text}"')
    else:
        return At(instant, text)
    return None


def _argument(spans: tuple[Span, ...]) -> Span:
    if len(spans) == 1:
        return spans[0]
    same_line = [span for span in spans[1:] if span.line == spans[1].line]
    return Span(spans[1].line, spans[1].col, same_line[-1].end_col)
