"""Find the slots of a cron expression on a plain calendar: no zone, no daylight saving, only dates.

croniter expands the fields. Its search is not used: it joins ``13 * FRI#2`` by AND and costs half a
millisecond per expression. This search works in both directions, so that the last missed slot is as cheap
as the next one. A test compares the two on random expressions. Days are searched month by
month with bit masks: bit 5 is the 5th.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Literal

from scheduler.core.time.fields import FIELDS, DayRule, Reading

HORIZON_YEARS = 100
"""How far a search goes before it gives up: 29 February on a Monday can be 40 years away."""

_MONTH_DAYS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@lru_cache(maxsize=8192)
def expand(index: int, text: str) -> tuple[int, ...]:
    """The values of one rewritten field, ascending; cached, since fields repeat from job to job."""
    if not text:
        return ()
    # Imported here because it takes 117 ms, and most commands never search.
    from croniter import croniter

    fields = ["*"] * len(FIELDS)
    fields[index] = text
    values = croniter.expand(" ".join(fields))[0][index]
    low = FIELDS[index].low
    if values == ["*"]:
        return tuple(range(low, low + FIELDS[index].cycle))
    return tuple(sorted(map(int, values)))


@dataclass(frozen=True, slots=True)
class CronSlots:
    """The slots of an expression; implements `dst.Slots`.

    ``days`` is a mask of days of the month. ``weekdays`` is a mask of weekdays (bit 0 = Sunday), repeated
    for six weeks, so that shifting it by the weekday of the first gives a whole month.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: tuple[int, ...]
    days: int
    weekdays: int
    day_rules: tuple[DayRule, ...]
    weekday_rules: tuple[DayRule, ...]
    either: bool

    @classmethod
    def of(cls, reading: Reading, fields: Literal["or", "and"] = "or") -> CronSlots:
        """Expand a parsed expression without problems.

        If both day fields are restricted, one match is enough; with ``fields="and"`` both must match.
        """
        minutes, hours, days, months, weekdays = (expand(i, text) for i, text in enumerate(reading.fields))
        week = sum(1 << weekday for weekday in weekdays)
        return cls(
            minutes=minutes,
            hours=hours,
            months=months,
            days=sum(1 << day for day in days),
            weekdays=sum(week << shift for shift in range(0, 42, 7)),
            day_rules=reading.day_rules,
            weekday_rules=reading.weekday_rules,
            either=fields == "or" and reading.day_restricted and reading.weekday_restricted,
        )

    def first_from(self, wall: datetime) -> datetime | None:
        """The first slot at or after a naive wall clock, or None if there is none within a century."""
        minute = wall.hour * 60 + wall.minute + (1 if wall.second or wall.microsecond else 0)
        clock = self._clock_from(minute)
        month_mask = self._month(wall.year, wall.month)
        if clock is not None and month_mask >> wall.day & 1:
            return wall.replace(hour=clock // 60, minute=clock % 60, second=0, microsecond=0, fold=0)
        mask = month_mask >> (wall.day + 1) << (wall.day + 1)
        year, month = wall.year, wall.month
        while not mask:
            year, month = self._month_after(year, month)
            if year > min(wall.year + HORIZON_YEARS, 9999):
                return None
            mask = self._month(year, month)
        day = (mask & -mask).bit_length() - 1  # the lowest bit
        return datetime(year, month, day, self.hours[0], self.minutes[0])  # noqa: DTZ001 - naive on purpose

    def last_until(self, wall: datetime) -> datetime | None:
        """The last slot at or before a naive wall clock, or None if there was none within a century."""
        clock = self._clock_until(wall.hour * 60 + wall.minute)
        month_mask = self._month(wall.year, wall.month)
        if clock is not None and month_mask >> wall.day & 1:
            return wall.replace(hour=clock // 60, minute=clock % 60, second=0, microsecond=0, fold=0)
        mask = month_mask & ((1 << wall.day) - 1)
        year, month = wall.year, wall.month
        while not mask:
            year, month = self._month_before(year, month)
            if year < max(wall.year - HORIZON_YEARS, 1):
                return None
            mask = self._month(year, month)
        day = mask.bit_length() - 1  # the highest bit
        return datetime(year, month, day, self.hours[-1], self.minutes[-1])  # noqa: DTZ001 - naive on purpose

    def _clock_from(self, minute_of_day: int) -> int | None:
        """The first minute of the day at or after this one that is in the hour and minute fields."""
        hour, minute = divmod(minute_of_day, 60)
        at = bisect_left(self.hours, hour)
        if at < len(self.hours) and self.hours[at] == hour:
            found = bisect_left(self.minutes, minute)
            if found < len(self.minutes):
                return hour * 60 + self.minutes[found]
            at += 1
        return self.hours[at] * 60 + self.minutes[0] if at < len(self.hours) else None

    def _clock_until(self, minute_of_day: int) -> int | None:
        """The last minute of the day at or before this one that is in the hour and minute fields."""
        hour, minute = divmod(minute_of_day, 60)
        at = bisect_right(self.hours, hour) - 1
        if at >= 0 and self.hours[at] == hour:
            found = bisect_right(self.minutes, minute) - 1
            if found >= 0:
                return hour * 60 + self.minutes[found]
            at -= 1
        return self.hours[at] * 60 + self.minutes[-1] if at >= 0 else None

    def _month_after(self, year: int, month: int) -> tuple[int, int]:
        at = bisect_right(self.months, month)
        return (year, self.months[at]) if at < len(self.months) else (year + 1, self.months[0])

    def _month_before(self, year: int, month: int) -> tuple[int, int]:
        at = bisect_left(self.months, month) - 1
        return (year, self.months[at]) if at >= 0 else (year - 1, self.months[-1])

    def _month(self, year: int, month: int) -> int:
        """The mask of the days of one month that match."""
        if month not in self.months:
            return 0
        length = month_length(year, month)
        first = date(year, month, 1).isoweekday() % 7
        days, weekdays = self.days, self.weekdays >> first << 1
        for rule in self.day_rules:
            days |= 1 << rule_day(rule, length, first)
        for rule in self.weekday_rules:
            weekdays |= 1 << rule_day(rule, length, first)
        mask = days | weekdays if self.either else days & weekdays
        return mask & ((2 << length) - 2)  # bits 1 to length; bit 0 is where a rule puts "not in this month"


def month_length(year: int, month: int) -> int:
    """How many days a month has."""
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _MONTH_DAYS[month] + leap


def rule_day(rule: DayRule, length: int, first: int) -> int:
    """The day of a month that a rule selects, or 0; ``first`` is the weekday of the 1st (0 = Sunday)."""
    if rule.kind == "last":
        return length
    if rule.kind == "nth":
        day = 1 + (rule.day - first) % 7
        if rule.nth == -1:
            return day + (length - day) // 7 * 7
        day += (rule.nth - 1) * 7
        return day if day <= length else 0
    day = rule.day or length
    if day > length:
        return 0  # like a plain 31 in April: this month has none
    weekday = (first + day - 1) % 7
    if weekday == 6:
        return day - 1 if day > 1 else 3
    if weekday == 0:
        return day + 1 if day < length else day - 2
    return day
