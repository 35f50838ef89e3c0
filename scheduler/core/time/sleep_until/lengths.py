"""Lengths of time as people and models write them: ``2h30m``, ``an hour and a half``, ``P1DT2H``.

It reads more than `scheduler.core.time.durations`, which the crontab uses: words, fractions, months.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

from scheduler.core.time.durations import UNITS
from scheduler.core.time.sleep_until.meaning import Choice, Length, certain
from scheduler.core.time.sleep_until.words import NUMBERS

_MONTHS = dict.fromkeys(("month", "months", "mo", "mos"), 1)
_MONTHS |= dict.fromkeys(("year", "years", "y", "yr", "yrs"), 12)
_DAYS = {"d": 1, "w": 7}
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_SMALLER = {"h": ("m", "s"), "m": ("s",)}

_WORD = "|".join(NUMBERS)
_UNIT = "|".join(sorted({*UNITS, *_MONTHS}, key=len, reverse=True))
_PART = (
    rf"(?:(?P<half_a>half)(?:\s+an?)?\s+"
    rf"|(?P<number>\d{{1,9}}(?:\.\d{{1,3}})?)(?P<half>\s+1/2|\s+and\s+a\s+half)?\s*"
    rf"|(?P<word>{_WORD})(?P<word_half>\s+and\s+a\s+half)?\s+)"
    rf"(?P<unit>{_UNIT})(?![a-z])(?P<tail>\s+and\s+a\s+half)?"
)
_FIRST = re.compile(_PART, re.ASCII)
_FOLLOWING = re.compile(rf",?\s*(?:and\s+)?{_PART}", re.ASCII)
_LEFT_OVER = re.compile(r"(\d{1,9})(?![\w:.])", re.ASCII)
_ISO = re.compile(
    r"p(?=\d|t\d)(?:(\d{1,9})y)?(?:(\d{1,9})m)?(?:(\d{1,9})w)?(?:(\d{1,9})d)?"
    r"(?:t(?=\d)(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?)?(?!\w)",
    re.ASCII,
)
_CAPITAL_M = re.compile(r"\d\s*M(?![A-Za-z])", re.ASCII)

_MAX_NUMBER = 999_999_999


def read_length(text: str) -> tuple[Choice[Length], int] | None:
    """Read the length of time with which a text begins.

    Args:
        text: as it was written: ``M`` and ``m`` differ.

    Returns:
        What it may mean, and how many characters it takes; None: the text begins with no length.
    """
    lower = text.lower()
    if iso := _ISO.match(lower):
        years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in iso.groups())
        elapsed = _elapsed(hours * 3600 + minutes * 60 + seconds)
        return _judged(Length(years * 12 + months, weeks * 7 + days, elapsed), ""), iso.end()
    part = _FIRST.match(lower)
    if part is None:
        return None
    total, position, why = Length(), 0, ""
    smaller: tuple[str, ...] = ()
    while part is not None:
        number, unit = _number(part), part["unit"]
        smaller = _SMALLER.get(UNITS.get(unit, ""), ())
        length, fault = _length(number, unit)
        total, why = _sum(total, length), why or fault
        position = part.end()
        part = _FOLLOWING.match(lower, position)
    left = _LEFT_OVER.match(lower, position)
    if left and smaller:
        number = Fraction(left[1])
        options = tuple(_sum(total, _length(number, unit)[0]) for unit in smaller)
        return Choice(options, f"{left[0]!r} has no unit"), left.end()
    if _CAPITAL_M.search(text[:position]):
        return _of_capital_m(text[:position], total), position
    return _judged(total, why), position


def _number(part: re.Match[str]) -> Fraction:
    half = Fraction(1, 2)
    if part["half_a"]:
        number = half
    elif part["number"]:
        number = Fraction(part["number"])
    else:
        number = Fraction(NUMBERS[part["word"]])
    return number + half * sum(bool(part[name]) for name in ("half", "word_half", "tail"))


def _length(number: Fraction, unit: str) -> tuple[Length, str]:
    """Return a length, and why it is none that means one thing."""
    if unit in _MONTHS:
        return Length(months=int(number * _MONTHS[unit])), ""
    short = UNITS[unit]
    if short in _SECONDS:
        return Length(elapsed=_elapsed(number * _SECONDS[short])), ""
    days = number * _DAYS[short]
    rest = days - int(days)
    why = "a part of a day may be hours that elapse, or of the calendar" if rest else ""
    return Length(days=int(days), elapsed=_elapsed(rest * 86_400)), why


def _elapsed(seconds: Fraction | int) -> timedelta:
    return timedelta(seconds=min(round(seconds), _MAX_NUMBER))


def _sum(one: Length, other: Length) -> Length:
    return Length(
        min(one.months + other.months, _MAX_NUMBER),
        min(one.days + other.days, _MAX_NUMBER),
        min(one.elapsed + other.elapsed, _elapsed(_MAX_NUMBER)),
    )


def _judged(length: Length, why: str) -> Choice[Length]:
    if length.months:
        why = why or "months and years differ in length"
    return Choice((length,), why) if why else certain(length)


def _of_capital_m(text: str, minutes: Length) -> Choice[Length]:
    """Return both meanings of ``1M``: of all places where it stands, either all are months or none is."""
    months = sum(int(number) for number in re.findall(r"(\d{1,9})\s*M(?![A-Za-z])", text, re.ASCII))
    as_months = replace(
        minutes,
        months=minutes.months + months,
        elapsed=minutes.elapsed - _elapsed(months * 60),
    )
    return Choice((minutes, as_months), "`M` may be minutes or months")
