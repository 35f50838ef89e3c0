"""What a "sleep until" text says, before it is put on a calendar.

Each part of a text is a `Choice`: usually one option, sometimes several. A text with a choice that is not
certain is refused, and every combination of its options is one of its readings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Generic, Literal, TypeAlias, TypeVar

from scheduler.errors import WhenCode

_T = TypeVar("_T")
_U = TypeVar("_U")


@dataclass(frozen=True, slots=True)
class Choice(Generic[_T]):
    """What a part of a text may mean.

    Args:
        options: the likeliest first.
        why: why it does not mean one thing; empty when it does.
    """

    options: tuple[_T, ...]
    why: str = ""

    def map(self, change: Callable[[_T], _U]) -> Choice[_U]:
        """Return the same choice with each option changed."""
        return Choice(tuple(map(change, self.options)), self.why)


def certain(option: _T) -> Choice[_T]:
    """Return a choice of one option."""
    return Choice((option,))


class Refusal(Exception):
    """A text, or an instant, that cannot be accepted.

    Args:
        readings: what the text may mean, the likeliest first.
    """

    def __init__(self, code: WhenCode, message: str, *readings: datetime) -> None:
        super().__init__(message)
        self.code: WhenCode = code
        self.message = message
        self.readings = readings


@dataclass(frozen=True, slots=True)
class Length:
    """How long from now: months and days of the calendar, and time that elapses."""

    months: int = 0
    days: int = 0
    elapsed: timedelta = timedelta()

    @property
    def is_of_days(self) -> bool:
        """Whether it is whole days, so that a clock may follow: ``in 3 days at 9am``."""
        return bool(self.days) and not self.months and not self.elapsed


Which: TypeAlias = Literal["", "this", "next"]


@dataclass(frozen=True, slots=True)
class Ahead:
    """A day so many days after today; negative ones are over."""

    days: int


@dataclass(frozen=True, slots=True)
class Weekday:
    """A day of the week, 0 is Monday; ``which`` is the word before it."""

    number: int
    which: Which = ""


@dataclass(frozen=True, slots=True)
class WorkingDay:
    """The first day from Monday to Friday after today."""


@dataclass(frozen=True, slots=True)
class Tonight:
    """The evening of today and the hours after midnight, from 17:00 to 03:59."""


@dataclass(frozen=True, slots=True)
class OnDate:
    """A date of the calendar."""

    date: date


@dataclass(frozen=True, slots=True)
class EachYear:
    """A month and a day without a year: their next occurrence."""

    month: int
    day: int


@dataclass(frozen=True, slots=True)
class EachMonth:
    """A day of the month without a month: its next occurrence, or a later one, on any weekday or on one."""

    day: int
    later: int = 0
    weekday: int | None = None


@dataclass(frozen=True, slots=True)
class StartOfNext:
    """The first day of the next week (a Monday), month or year."""

    unit: Literal["week", "month", "year"]


@dataclass(frozen=True, slots=True)
class MonthsAhead:
    """The same day of a later month; the last one of a month that is too short."""

    months: int


Day: TypeAlias = (
    Ahead | Weekday | WorkingDay | Tonight | OnDate | EachYear | EachMonth | StartOfNext | MonthsAhead
)

Clock: TypeAlias = timedelta | None
"""Time since the midnight at which a day begins; None: the time of day that it is now."""


@dataclass(frozen=True, slots=True)
class Clocked:
    """A time on a wall clock.

    Args:
        days: None is the next occurrence of the clock.
        places: where the clock hangs; None is the zone of the job.
        zone: a zone next to an offset, which must agree with it.
        weekday: a day of the week next to a date, which must agree with it.
    """

    days: Choice[Day] | None
    clocks: Choice[Clock]
    places: Choice[tzinfo] | None = None
    zone: Choice[tzinfo] | None = None
    weekday: int | None = None


@dataclass(frozen=True, slots=True)
class Elapsed:
    """A length of time from now on."""

    lengths: Choice[Length]


@dataclass(frozen=True, slots=True)
class Exactly:
    """An instant.

    Args:
        ahead: how far away the text says that it is, if it does; it must agree.
    """

    instant: datetime
    ahead: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Either:
    """Several things that a text may mean, whose parts cannot be exchanged.

    Args:
        why: why it does not mean one of them.
    """

    meanings: tuple[Clocked | Elapsed, ...]
    why: str


Meaning: TypeAlias = Clocked | Elapsed | Exactly | Either
