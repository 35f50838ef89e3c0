"""Clocks and zones in a "sleep until": ``17:30``, ``9 a.m.``, ``noon``; ``UTC+2``, ``Asia/Tokyo``, ``ET``."""

from __future__ import annotations

import re
from datetime import UTC, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from scheduler.core.time.instants import zone
from scheduler.core.time.sleep_until.meaning import Choice, Clock, Refusal, certain
from scheduler.core.time.sleep_until.words import ABBREVIATIONS

NO_HALF = "`{}` has no am or pm"

_HALF = {"am": 0, "a.m.": 0, "a.m": 0, "pm": 12, "p.m.": 12, "p.m": 12}
HALVES = tuple(_HALF)

CLOCK = re.compile(
    r"(?P<h>\d{1,2}):(?P<m>\d\d)(?::(?P<s>\d\d)(?:[.,](?P<f>\d{1,9}))?)?(?P<half>[ap]m|[ap]\.m\.?)?"
    r"(?P<zone>z|utc|gmt|[+-]\d\d(?::?\d\d)?)?(?:\[(?P<place>[\w/+-]+)\])?",
    re.ASCII,
)
HOUR = re.compile(r"(?P<h>\d{1,2})(?P<half>[ap]m|[ap]\.m\.?)", re.ASCII)
_DIGITS = re.compile(r"(\d\d)(\d\d)", re.ASCII)
_OFFSET = re.compile(r"(?:utc|gmt)?([+-])(\d{1,2})(?::?(\d\d))?", re.ASCII)
_POSIX = re.compile(r"etc/gmt([+-])(\d{1,2})", re.ASCII)
_MAX_OFFSET_HOURS = 14


def at(hour: int, minute: int = 0, second: int = 0, fraction: str = "") -> timedelta:
    """Return the time since midnight; 24:00 is the end of the day.

    Raises:
        Refusal: no clock shows it.
    """
    microseconds = int((fraction + "000000")[:6]) if fraction else 0
    clock = timedelta(hours=hour, minutes=minute, seconds=second, microseconds=microseconds)
    if minute > 59 or second > 59 or clock > timedelta(hours=24):
        raise Refusal(
            "unknown_word", f"there is no time {hour:02}:{minute:02}:{second:02}".removesuffix(":00")
        )
    return clock


def of_half(hour: int, rest: timedelta, half: str) -> Choice[Clock]:
    """Return what an hour with am or pm means.

    An hour of 24 with pm says the same twice; with am it contradicts itself.
    """
    plus = _HALF[half]
    if 1 <= hour <= 12:
        return certain(timedelta(hours=hour % 12 + plus) + rest)
    if hour == 0 and plus == 0:
        return certain(rest)
    if hour == 0:
        return Choice((rest, timedelta(hours=12) + rest), f"hour 0 is not {half}")
    if hour > 23:
        raise Refusal("unknown_word", f"there is no {hour} {half}")
    if plus:
        return certain(timedelta(hours=hour) + rest)
    return Choice(
        (timedelta(hours=hour) + rest, timedelta(hours=hour - 12) + rest), f"hour {hour} is not {half}"
    )


def of_match(match: re.Match[str], half: str) -> Choice[Clock]:
    """Return the clock of ``H:MM[:SS[.fraction]]``, with the ``half`` that stands in it or after it."""
    hour, minute, second = (int(match[name] or 0) for name in ("h", "m", "s"))
    clock = at(hour, minute, second, match["f"] or "")
    return of_half(hour, clock - timedelta(hours=hour), half) if half else certain(clock)


def of_number(word: str) -> Choice[Clock] | None:
    """Return what a number may mean where a clock is expected: ``9``, ``0900``."""
    if digits := _DIGITS.fullmatch(word):
        hour, minute = int(digits[1]), int(digits[2])
        if hour > 23 or minute > 59:
            return None
        return Choice((at(hour, minute),), f"write `{word}` with a colon")
    if not word.isdecimal() or len(word) > 2 or int(word) > 24:
        return None
    hour = int(word)
    hours = (hour, hour % 12 + 12 if hour < 12 else 0) if 1 <= hour <= 12 else (hour,)
    return Choice(tuple(at(each) for each in hours), NO_HALF.format(word))


def of_zone(word: str) -> Choice[tzinfo] | None:
    """Return the zone that a word names, or None.

    ``UTC+2`` and ``GMT+1`` are offsets east of Greenwich (as RFC 3339 counts); POSIX counts the other way, so
    its ``Etc/GMT+1`` is refused with both.

    Raises:
        Refusal: it looks like a zone, and there is none.
    """
    lower = word.lower()
    if lower in ("utc", "gmt", "z", "zulu"):
        return certain(UTC)
    if posix := _POSIX.fullmatch(lower):
        hours = int(posix[2]) * (1 if posix[1] == "+" else -1)
        if abs(hours) > _MAX_OFFSET_HOURS:
            raise Refusal("unknown_word", f"there is no time zone {word!r}")
        options = (timezone(timedelta(hours=-hours)), timezone(timedelta(hours=hours)))
        return Choice(options, f"{word} is {_name(options[0])} by POSIX, and looks like {_name(options[1])}")
    if lower in ABBREVIATIONS:
        names = ABBREVIATIONS[lower]
        why = f"{word.upper()} names no one place: " + " or ".join(names)
        return Choice(tuple(zone(name) for name in names), why)
    if offset := _OFFSET.fullmatch(lower):
        return certain(offset_of(offset[1], offset[2], offset[3], word))
    if "/" in word and word[0].isalpha():
        name = _known_zones().get(lower)
        if name is None:
            raise Refusal("unknown_word", f"there is no time zone {word!r}")
        return certain(ZoneInfo(name))
    return None


def of_city(words: str) -> Choice[tzinfo] | None:
    """Return the zone of a city that has one of its own, by its bare name."""
    if len(words) < 4 or not words[0].isalpha():
        return None
    names = _cities().get(words.replace(" ", "_"), ())
    return Choice(tuple(zone(name) for name in names), f"`{words}` is no zone") if names else None


def offset_of(sign: str, hours: str, minutes: str | None, word: str) -> timezone:
    """Return a fixed offset from UTC.

    Raises:
        Refusal: no place has it.
    """
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    if int(minutes or 0) > 59 or offset > timedelta(hours=_MAX_OFFSET_HOURS):
        raise Refusal("unknown_word", f"no place has the offset {word!r}")
    return timezone(-offset if sign == "-" else offset)


def _name(offset: timezone) -> str:
    return offset.tzname(None)


@lru_cache(maxsize=1)
def _known_zones() -> dict[str, str]:
    return {name.lower(): name for name in sorted(available_timezones())}


@lru_cache(maxsize=1)
def _cities() -> dict[str, tuple[str, ...]]:
    cities: dict[str, tuple[str, ...]] = {}
    for name in sorted(available_timezones()):
        region, _, city = name.lower().rpartition("/")
        if region and not region.startswith(("etc", "systemv", "us", "canada", "brazil", "chile", "mexico")):
            cities[city] = (*cities.get(city, ()), name)
    return cities
