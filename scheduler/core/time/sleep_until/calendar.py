"""From what a text says to the instants that it may mean, at one moment and in one zone.

Days and weeks are days of the calendar in the job's zone; hours, minutes and seconds elapse.  On the days on
which the clocks change, a time in the gap means the gap's end, and a time that comes twice its first pass, or
the second when the first is over.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice, product
from zoneinfo import ZoneInfo

from scheduler.core.time.dst import instant_of, settle, shift_at
from scheduler.core.time.sleep_until.meaning import (
    Ahead,
    Choice,
    Clock,
    Clocked,
    Day,
    EachMonth,
    EachYear,
    Either,
    Elapsed,
    Exactly,
    Length,
    Meaning,
    MonthsAhead,
    OnDate,
    Refusal,
    StartOfNext,
    Tonight,
    Weekday,
    WorkingDay,
    certain,
)
from scheduler.core.time.sleep_until.words import WEEKDAY_NAMES

_SATURDAY = 5
_EVENING, _NIGHT_ENDS = timedelta(hours=17), timedelta(hours=4)
_DAY = timedelta(days=1)
_TOLERANCE = timedelta(hours=1)
"""How far the distance in an echoed instant may be off: it was written a while ago."""

_YEARS_AHEAD = 9
"""29 February comes again after eight years at most (around 2100)."""


class Calendar:
    """The present moment and the zone of the job.

    Args:
        now: aware UTC.
    """

    def __init__(self, now: datetime, home: ZoneInfo) -> None:
        self.now = now
        self.home = home

    def instants(self, meaning: Meaning) -> Choice[datetime]:
        """Return the instants (aware UTC) that a text may mean, the likeliest first.

        Raises:
            OverflowError: one is beyond the calendar, which ends with the year 9999.
            Refusal: its parts contradict each other.
        """
        match meaning:
            case Exactly(instant, ahead):
                return self._exactly(instant.astimezone(UTC), ahead)
            case Elapsed(lengths):
                return lengths.map(self.after)
            case Either(meanings, why):
                return Choice(_flat(self.instants(each) for each in meanings), why)
            case Clocked():
                return self._clocked(meaning)

    def after(self, length: Length) -> datetime:
        """Return the instant that is so far from now."""
        start = self.now
        if length.days or length.months:
            here = self._here(self.home)
            day = months_after(here.date(), length.months) + timedelta(days=length.days)
            start = settle(datetime.combine(day, here.time()), self.home)
        return start + length.elapsed

    def _here(self, place: tzinfo) -> datetime:
        """Return the wall clock of a place."""
        return self.now.astimezone(place).replace(tzinfo=None, fold=0)

    def _exactly(self, instant: datetime, ahead: timedelta | None) -> Choice[datetime]:
        if ahead is None or abs(self.now + ahead - instant) <= _TOLERANCE:
            return certain(instant)
        return Choice((instant, self.now + ahead), "the instant and the distance next to it differ")

    def _clocked(self, said: Clocked) -> Choice[datetime]:
        here: tzinfo = self.home
        places = said.places or certain(here)
        days: Choice[Day] | Choice[None] = said.days or certain(None)
        whys = [part.why for part in (days, said.clocks, places) if part.why]
        found: list[datetime] = []
        for place, day, clock in product(places.options, days.options, said.clocks.options):
            choice = self._one(day, clock, place)
            whys += [choice.why] if choice.why else []
            found += choice.options
            if said.zone is not None and (other := self._beside(day, clock, place, said.zone)):
                whys.append("the offset and the zone next to it differ")
                found.append(other)
            if said.weekday is not None and (near := self._near(day, clock, place, said.weekday)):
                whys.append(f"{near[0]} is a {WEEKDAY_NAMES[near[0].weekday()]}")
                found.append(near[1])
        return Choice(tuple(dict.fromkeys(found)), "; ".join(dict.fromkeys(whys)))

    def _one(self, day: Day | None, clock: Clock, place: tzinfo) -> Choice[datetime]:
        """Return the instants of a day and a clock without further options."""
        here = self._here(place)
        if clock is None:
            clock = here - datetime.combine(here.date(), datetime.min.time())
        if day is None:
            return certain(self._next(clock, place))
        # A day word is one of the job's zone.  The reader of a text with another zone may mean a day there.
        todays = dict.fromkeys((self._here(self.home).date(), here.date()))
        choices = [self._on(day, clock, place, today) for today in todays]
        instants = _flat(choices)
        why = next((choice.why for choice in choices if choice.why), "")
        if not why and len(instants) > 1:
            why = "the day begins at another time in that zone than in the job's"
        return Choice(instants, why)

    def _on(self, day: Day, clock: timedelta, place: tzinfo, today: date) -> Choice[datetime]:
        """Return the instants of a day, seen from today."""
        match day:
            case Weekday(number, which):
                return self._weekday(number, which, clock, place, today)
            case Tonight():
                return self._tonight(clock, place, today)
            case EachYear():
                return certain(self._first_ahead(_of_each_year(day, today), clock, place))
            case EachMonth():
                return certain(self._of_month(day, clock, place, today))
            case _:
                return certain(self._at(_date(day, today), clock, place))

    def _weekday(
        self, number: int, which: str, clock: timedelta, place: tzinfo, today: date
    ) -> Choice[datetime]:
        this_week = today + timedelta(days=number - today.weekday())
        this, *later = (self._at(this_week + n * 7 * _DAY, clock, place) for n in range(3))
        following = next(instant for instant in later if instant > self.now)
        name = WEEKDAY_NAMES[number]
        if which == "this":
            over = this <= self.now
            return Choice((following,), f"this week's {name} is over") if over else certain(this)
        if this <= self.now or this_week < today:
            return certain(following)
        if which == "next":
            return Choice((this, following), f"`next {name}` may be this week's or the one after it")
        return certain(this)

    def _tonight(self, clock: timedelta, place: tzinfo, today: date) -> Choice[datetime]:
        if clock < _NIGHT_ENDS:
            return certain(self._next(clock, place))
        if clock < _EVENING:
            return Choice((), "tonight is from 17:00 to 03:59")
        return certain(self._at(today, clock, place))

    def _of_month(self, day: EachMonth, clock: timedelta, place: tzinfo, today: date) -> datetime:
        first = today.replace(day=1)
        months = (months_after(first, n) for n in range(12 * (_YEARS_AHEAD + 1)))
        dates = (m.replace(day=day.day) for m in months if _exists(m.year, m.month, day.day))
        fitting = (each for each in dates if day.weekday in (None, each.weekday()))
        ahead = (instant for instant in (self._at(d, clock, place) for d in fitting) if instant > self.now)
        return next(islice(ahead, day.later, None))

    def _next(self, clock: timedelta, place: tzinfo) -> datetime:
        today = self._here(place).date()
        return self._first_ahead((today + n * _DAY for n in range(-1, 4)), clock, place)

    def _first_ahead(self, dates: Iterable[date], clock: timedelta, place: tzinfo) -> datetime:
        instants = (self._at(each, clock, place) for each in dates)
        return next(instant for instant in instants if instant > self.now)

    def _at(self, day: date, clock: timedelta, place: tzinfo) -> datetime:
        """Return the instant of a wall clock: of two passes the first that is still ahead."""
        if day.year < self.now.year - 1:  # the first years cannot be moved to another zone
            raise Refusal("past", f"the year {day.year} is over; this is {self.now.year}")
        wall = datetime.combine(day, datetime.min.time()) + clock
        if not isinstance(place, ZoneInfo):
            return wall.replace(tzinfo=place).astimezone(UTC)
        first = settle(wall, place)
        shift = shift_at(wall, place)
        if first <= self.now and shift is not None and not shift.is_gap:
            second = instant_of(wall, place, fold=1)
            return second if second > self.now else first
        return first

    def _beside(self, day: Day | None, clock: Clock, place: tzinfo, zones: Choice[tzinfo]) -> datetime | None:
        """Return what a zone next to an offset makes of the same clock, if the two do not agree."""
        here = self._one(day, clock, place).options
        offsets = {here[0].astimezone(zone).utcoffset() for zone in zones.options} if here else set()
        if not here or here[0].astimezone(place).utcoffset() in offsets:
            return None
        other = self._one(day, clock, zones.options[0]).options
        return other[0] if other else None

    def _near(
        self, day: Day | None, clock: Clock, place: tzinfo, weekday: int
    ) -> tuple[date, datetime] | None:
        """Return a date that falls on another weekday, and its clock on the nearest day that does not."""
        if isinstance(day, EachYear):
            dates = map(OnDate, _of_each_year(day, self._here(self.home).date()))
            day = next(each for each in dates if self._one(each, clock, place).options[0] > self.now)
        if not isinstance(day, OnDate) or day.date.weekday() == weekday:
            return None
        off = (weekday - day.date.weekday() + 3) % 7 - 3
        return day.date, self._one(OnDate(day.date + off * _DAY), clock, place).options[0]


def _of_each_year(day: EachYear, today: date) -> Iterator[date]:
    for year in range(today.year, today.year + _YEARS_AHEAD):
        if _exists(year, day.month, day.day):
            yield date(year, day.month, day.day)


def months_after(day: date, months: int) -> date:
    """Return the same day so many months later; the last one of a month that is too short."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    if year > 9999:
        raise OverflowError("the calendar ends with the year 9999")
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _date(day: Day, today: date) -> date:
    match day:
        case OnDate(fixed):
            return fixed
        case Ahead(days):
            return today + timedelta(days=days)
        case MonthsAhead(months):
            return months_after(today, months)
        case StartOfNext("week"):
            return today + timedelta(days=7 - today.weekday())
        case StartOfNext("month"):
            return months_after(today.replace(day=1), 1)
        case StartOfNext():
            return date(today.year + 1, 1, 1)
        case WorkingDay():
            following = today + _DAY
            while following.weekday() >= _SATURDAY:
                following += _DAY
            return following
    raise AssertionError(f"{day} is not seen from one day")


def _exists(year: int, month: int, day: int) -> bool:
    return day <= calendar.monthrange(year, month)[1]


def _flat(choices: Iterable[Choice[datetime]]) -> tuple[datetime, ...]:
    return tuple(dict.fromkeys(instant for choice in choices for instant in choice.options))
