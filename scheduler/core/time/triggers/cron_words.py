"""Describe a cron expression in plain words."""

from __future__ import annotations

from itertools import pairwise

from scheduler.core.text.english import MONTHS, WEEKDAYS, even_step, listed, ordinal, ranged
from scheduler.core.time.fields import DAY, HOUR, MINUTE, MONTH, WEEKDAY, DayRule, Reading
from scheduler.core.time.slots import expand

_MAX_TIMES = 6


def explain_reading(reading: Reading, fields: str) -> str:
    """Return the meaning of five fields, without the zone.

    Args:
        fields: how both day fields are joined, ``or`` or ``and``.
    """
    times, every = _times(reading)
    days = _days(reading, fields)
    months = expand(MONTH, reading.fields[MONTH])
    named = f"in {ranged(months, lambda m: MONTHS[m - 1], cycle=12)}" if len(months) < 12 else ""
    if not days and not every:
        days = "every day"
    return " ".join(part for part in (times, days, named) if part)


def _times(reading: Reading) -> tuple[str, bool]:
    """Return the times of day, and whether the words already imply every day."""
    minutes, hours = expand(MINUTE, reading.fields[MINUTE]), expand(HOUR, reading.fields[HOUR])
    if len(hours) == 24:
        return _minutes(minutes), True
    if len(minutes) == 1:
        step = even_step(hours, 24)
        clocks = [f"{hour:02}:{minutes[0]:02}" for hour in hours]
        if step is not None and len(hours) > 2:
            return f"every {step} hours, at {clocks[0]}, {clocks[1]} ... {clocks[-1]}", True
        if len(clocks) <= _MAX_TIMES:
            return f"at {listed(clocks)}", False
        return f"at :{minutes[0]:02} of the hours {ranged(hours, _two_digits)}", False
    if len(minutes) * len(hours) <= _MAX_TIMES:
        return f"at {listed([f'{h:02}:{m:02}' for h in hours for m in minutes])}", False
    noun = "hour" if len(hours) == 1 else "hours"
    return f"{_minutes(minutes)} in the {noun} {ranged(hours, _two_digits)}", False


def _minutes(minutes: tuple[int, ...]) -> str:
    if len(minutes) == 60:
        return "every minute"
    if len(minutes) == 1:
        return f"every hour at :{minutes[0]:02}"
    shown = [f":{minute:02}" for minute in minutes]
    step = even_step(minutes, 60)
    if step is not None:
        at = listed(shown) if len(shown) <= _MAX_TIMES else f"{shown[0]}, {shown[1]} ... {shown[-1]}"
        return f"every {step} minutes, at {at}"
    return f"every hour at {ranged(minutes, lambda minute: f':{minute:02}')}"


def _days(reading: Reading, fields: str) -> str:
    day = _days_of_month(reading) if reading.day_restricted else ""
    weekday = _weekdays(reading) if reading.weekday_restricted else ""
    if day and weekday:
        if fields == "and":
            return f"on {day} and on {weekday} (both must match)"
        return f"on {day} or on {weekday} (either matches)"
    return f"on {day or weekday}" if day or weekday else ""


def _days_of_month(reading: Reading) -> str:
    days = expand(DAY, reading.fields[DAY])
    parts = [_rule(rule) for rule in reading.day_rules]
    if days:
        step = days[1] - days[0] if len(days) > _MAX_TIMES else 1
        if step > 1 and all(b - a == step for a, b in pairwise(days)):
            parts.insert(0, f"every {ordinal(step)} day of the month from day {days[0]}")
        else:
            noun = "day" if len(days) == 1 else "days"
            parts.insert(0, f"{noun} {ranged(days, str)} of the month")
    return listed(parts)


def _weekdays(reading: Reading) -> str:
    weekdays = sorted({day % 7 for day in expand(WEEKDAY, reading.fields[WEEKDAY])})
    parts = [ranged(weekdays, lambda day: WEEKDAYS[day], cycle=7)] if weekdays else []
    return listed([*parts, *(_rule(rule) for rule in reading.weekday_rules)])


def _rule(rule: DayRule) -> str:
    if rule.kind == "last":
        return "the last day of the month"
    if rule.kind == "nearest":
        if rule.day == 0:
            return "the last Monday-to-Friday day of the month"
        return f"the Monday-to-Friday day nearest to day {rule.day} of the month"
    which = "last" if rule.nth < 0 else ordinal(rule.nth)
    return f"the {which} {WEEKDAYS[rule.day]} of the month"


def _two_digits(number: int) -> str:
    return f"{number:02}"
