"""Parse lengths of time: ``45m``, ``1h30m``, ``2 days``, ``PT20M``.

One grammar for the crontab and for "sleep until". They differ in one point, which is why parsing and
adding up are two steps: in the crontab a day is 24 hours, in "sleep until" it is a calendar day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from scheduler.core.time.instants import DAY_SECONDS
from scheduler.errors import ConfigError

MAX_DURATION_SECONDS = 366 * DAY_SECONDS

_SPELLINGS = {
    "s": "s sec secs second seconds",
    "m": "m min mins minute minutes",
    "h": "h hr hrs hour hours",
    "d": "d day days",
    "w": "w week weeks",
}
UNITS = {word: unit for unit, words in _SPELLINGS.items() for word in words.split()}
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600}
_UNIT_DAYS = {"d": 1, "w": 7}

_PART = re.compile(r"(\d{1,9})\s*([a-z]+)\s*", re.ASCII)
_ISO = re.compile(
    r"p(?=\d|t\d)(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:t(?=\d)(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Duration:
    """Calendar days, and seconds that elapse."""

    days: int
    seconds: int


@lru_cache(maxsize=1024)
def read_duration(text: str) -> Duration | None:
    """Parse ``1*(number unit)`` or the ISO form; None if it is neither.

    ``1M`` is refused: it may be a minute or a month.
    """
    if re.search(r"\d\s*M(?![A-Za-z])", text) and not text.startswith(("P", "p")):
        return None
    lower = text.strip().lower()
    if iso := _ISO.fullmatch(lower):
        weeks, days, hours, minutes, seconds = (int(part or 0) for part in iso.groups())
        return Duration(weeks * 7 + days, hours * 3600 + minutes * 60 + seconds)
    days = seconds = position = 0
    while position < len(lower):
        part = _PART.match(lower, position)
        if part is None or part[2] not in UNITS:
            return None
        number, unit = int(part[1]), UNITS[part[2]]
        days += number * _UNIT_DAYS.get(unit, 0)
        seconds += number * _UNIT_SECONDS.get(unit, 0)
        position = part.end()
    return Duration(days, seconds) if lower else None


def parse_duration(text: str) -> int:
    """Seconds of a duration in the crontab: ``45m``, ``1h30m``, ``90s``; a day is 24 hours here.

    Raises:
        ConfigError: it cannot be read, or is longer than 366 days (E11).
    """
    read = read_duration(text)
    if read is None:
        number = text.strip()
        what = f"`{number}m` or `{number}s`" if number.isdecimal() else "such as 45m, 1h30m, 90s or 2d"
        raise ConfigError(
            f"{text!r} is not a duration", code="E11", help=f"write a number with its unit, {what}"
        )
    seconds = read.days * DAY_SECONDS + read.seconds
    if seconds > MAX_DURATION_SECONDS:
        raise ConfigError(f"{text!r} is longer than 366 days", code="E11", help="write at most 366d")
    return seconds


def write_duration(seconds: int) -> str:
    """The shortest text that `parse_duration` parses to these seconds: 5400 gives ``1h30m``."""
    days, rest = divmod(seconds, DAY_SECONDS)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    parts = ((days, "d"), (hours, "h"), (minutes, "m"), (left, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
