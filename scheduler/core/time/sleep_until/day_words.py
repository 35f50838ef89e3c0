"""Days in a "sleep until": ``tomorrow``, ``next friday``, ``2026-12-01``, ``December 1st``, ``03/04``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import cast

from scheduler.core.time.sleep_until.cursor import Cursor
from scheduler.core.time.sleep_until.meaning import (
    Choice,
    Day,
    EachMonth,
    EachYear,
    OnDate,
    Refusal,
    Tonight,
    Weekday,
    Which,
    certain,
)
from scheduler.core.time.sleep_until.words import DAYS, MONTHS, STRETCHES, WEEKDAYS

_ISO_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_SLASHED = re.compile(r"(\d{1,4})([/.])(\d{1,2})(?:\2(\d{2,4}))?\.?", re.ASCII)
_ORDINAL = re.compile(r"(\d{1,2})(?:st|nd|rd|th)", re.ASCII)
_DAY_NUMBER = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?", re.ASCII)
_YEAR = re.compile(r"(?:19|20|21)\d\d", re.ASCII)
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def read(words: Cursor) -> tuple[Choice[Day], int | None] | None:
    """Read the day that comes next; return it with the weekday that is named next to it, or None.

    Raises:
        Refusal: it is written as a day, and there is none such.
    """
    if phrase := words.take_phrase(DAYS):
        return certain(DAYS[phrase]), None
    if words.take_one(("tonight",)):
        return certain(Tonight()), None
    if phrase := words.take_phrase(STRETCHES):
        return Choice((), f"`{phrase}` is more than one day"), None
    which = words.word if words.word in ("this", "next") else ""
    if which and words.following in WEEKDAYS:
        words.skip()
        number = WEEKDAYS[words.word]
        words.skip()
        return certain(Weekday(number, cast(Which, which))), None
    if named := weekday(words):
        words.take_one(("the",))
        dated = _date(words)
        if dated and isinstance(dated.options[0], EachMonth):
            number = dated.options[0].day
            return Choice(tuple(EachMonth(number, n, named - 1) for n in (0, 1)), dated.why), None
        return (dated, named - 1) if dated else (certain(Weekday(named - 1)), None)
    dated = _date(words)
    return (dated, None) if dated else None


def weekday(words: Cursor) -> int:
    """Read the name of a weekday: 1 is Monday, 0 is none."""
    number = WEEKDAYS.get(words.word.strip("(.)"))
    if number is None:
        return 0
    words.skip()
    return number + 1


def trailing_year(words: Cursor, days: Choice[Day]) -> Choice[Day] | None:
    """Read a year that comes after the clock, as in ``Tue Dec 1 09:00:00 UTC 2026``; None: there is none."""
    if not _YEAR.fullmatch(words.word) or len(days.options) != 1 or not isinstance(days.options[0], EachYear):
        return None
    year = int(words.word)
    words.skip()
    return certain(OnDate(_of(year, days.options[0].month, days.options[0].day)))


def _date(words: Cursor) -> Choice[Day] | None:
    word = words.word
    if iso := _ISO_DATE.fullmatch(word):
        words.skip()
        return certain(OnDate(_of(*map(int, iso.groups()))))
    if slashed := _SLASHED.fullmatch(word):
        words.skip()
        return _of_slashes(slashed)
    month = MONTHS.get(word.rstrip("."))
    day = _DAY_NUMBER.fullmatch(word)
    if month is not None and (number := _DAY_NUMBER.fullmatch(words.following)):
        words.skip(2)
        return _in_month(words, month, int(number[1]))
    if day is not None:
        count = 3 if words.following == "of" else 2
        month = MONTHS.get(words.next_words(count).rpartition(" ")[2].rstrip("."))
        if month is not None:
            words.skip(count)
            return _in_month(words, month, int(day[1]))
    if (ordinal := _ORDINAL.fullmatch(word)) and 1 <= int(ordinal[1]) <= 31:
        words.skip()
        of_month = int(ordinal[1])
        return Choice((EachMonth(of_month), EachMonth(of_month, 1)), f"`{word}` names no month")
    return None


def _in_month(words: Cursor, month: int, day: int) -> Choice[Day]:
    if _YEAR.fullmatch(words.word):
        year = int(words.word)
        words.skip()
        return certain(OnDate(_of(year, month, day)))
    if not 1 <= day <= _MONTH_DAYS[month - 1]:
        raise Refusal("unknown_word", f"there is no day {day} in month {month}")
    return certain(EachYear(month, day))


def _of_slashes(written: re.Match[str]) -> Choice[Day]:
    """``12/01/2026`` is December in one half of the world and January in the other."""
    one, two = int(written[1]), int(written[3])
    three = None if written[4] is None else int(written[4])
    why = f"`{written[0]}` does not say which number is the month"
    if len(written[1]) == 4 and three is not None:
        return _dates(written[0], [OnDate(d) for d in _valid((one, two, three), (one, three, two))], why)
    month_first, day_first = (one, two), (two, one)
    dotted = written[2] == "."  # where dates have dots, the day comes first
    orders = tuple(dict.fromkeys((day_first, month_first) if dotted else (month_first, day_first)))
    if three is None:
        days = [EachYear(m, d) for m, d in orders if 1 <= m <= 12 and 1 <= d <= _MONTH_DAYS[m - 1]]
        return _dates(written[0], days, why)
    year = three if three > 99 else 2000 + three
    return _dates(written[0], [OnDate(d) for d in _valid(*((year, m, d) for m, d in orders))], why)


def _dates(written: str, days: Sequence[Day], why: str) -> Choice[Day]:
    if not days:
        raise Refusal("unknown_word", f"there is no day {written}")
    return Choice(tuple(days), why)


def _valid(*dates: tuple[int, int, int]) -> list[date]:
    found = []
    for year, month, day in dict.fromkeys(dates):
        try:
            found.append(date(year, month, day))
        except ValueError:
            continue
    return found


def _of(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise Refusal("unknown_word", f"there is no day {year:04}-{month:02}-{day:02}") from None
