"""The grammar of "sleep until": from a text to what it says, without any clock or zone.

::

    when     = duration | "in" duration | instant | [day] clock [zone]
    duration = 1*(number unit) | ISO "P[nW][nD][T[nH][nM][nS]]"
    instant  = ISO date "T"|" " time [offset|"Z"] [zone]
    day      = "today" | "tomorrow" | ["next"] weekday-name | "next weekday" | "next business day" | ISO date
    clock    = HH:MM[:SS] | 1-12 [":" MM] "am"|"pm" | "noon" | "midnight"      optional "at" before it

Whatever has two readings is refused, and both are named: a wrong guess here is an agent that sleeps a
month instead of a minute. General date parsers were tried and each guessed: one reads ``tomorrow at 9``
as 15:30, one ``2h30m`` as 02:30, one ``09:00`` as nine minutes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, time, timedelta, timezone
from typing import Literal

from scheduler.core.text.suggest import nearest
from scheduler.core.time.durations import UNITS, Duration, read_duration
from scheduler.core.time.instants import nearest_zones
from scheduler.errors import WhenCode

MAX_LENGTH = 100

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DayWord = Literal["today", "tomorrow", "working day"]

_DAY_WORDS: dict[str, DayWord] = {
    "today": "today",
    "tomorrow": "tomorrow",
    "next weekday": "working day",
    "next business day": "working day",
}
_WEEKDAY_NUMBERS = {spelling: n for n, word in enumerate(WEEKDAYS) for spelling in (word, word[:3])}
_ZONES_WITHOUT_PLACE = ("UTC", "GMT", "Z")
_VOCABULARY = (
    *WEEKDAYS,
    *UNITS,
    "today",
    "tomorrow",
    "next",
    "business",
    "weekday",
    "at",
    "in",
    "noon",
    "midnight",
)

# What people and models write although it is not in the grammar.
_HABITS = {
    "a": "1",
    "an": "1",
    "tonight": "today 21:00",
    "evening": "18:00",
    "morning": "09:00",
    "eod": "18:00",
}

# Two places each that use the letters for different clocks: the reason why such zones are refused.
_ABBREVIATIONS = {
    "PST": ("America/Los_Angeles", "Asia/Manila"),
    "PDT": ("America/Los_Angeles", "America/Tijuana"),
    "MST": ("America/Denver", "America/Phoenix"),
    "MDT": ("America/Denver", "America/Edmonton"),
    "CST": ("America/Chicago", "Asia/Shanghai"),
    "CDT": ("America/Chicago", "America/Havana"),
    "EST": ("America/New_York", "America/Panama"),
    "EDT": ("America/New_York", "America/Port-au-Prince"),
    "AST": ("America/Halifax", "Asia/Riyadh"),
    "BST": ("Europe/London", "Asia/Dhaka"),
    "IST": ("Asia/Kolkata", "Europe/Dublin"),
    "WET": ("Europe/Lisbon", "Atlantic/Canary"),
    "CET": ("Europe/Berlin", "Africa/Algiers"),
    "CEST": ("Europe/Berlin", "Europe/Warsaw"),
    "EET": ("Europe/Helsinki", "Africa/Tripoli"),
    "EEST": ("Europe/Helsinki", "Asia/Beirut"),
    "MSK": ("Europe/Moscow", "Europe/Simferopol"),
    "SST": ("Asia/Singapore", "Pacific/Pago_Pago"),
    "JST": ("Asia/Tokyo", "Asia/Jerusalem"),
    "AEST": ("Australia/Sydney", "Australia/Brisbane"),
    "AEDT": ("Australia/Sydney", "Australia/Hobart"),
}

_ZONE = re.compile(r"(?:(.*\S)\s+)?([A-Za-z][\w+-]*(?:/[\w+-]+)+|utc|gmt|z)", re.ASCII | re.IGNORECASE)
_CLOCK = re.compile(
    r"(?:(?P<day>\S.*?)\s+)??(?:at\s+)?(?:(?P<h>\d\d):(?P<m>\d\d)(?::(?P<s>\d\d))?"
    r"|(?P<h12>\d{1,2})(?::(?P<m12>\d\d))?\s?(?P<half>am|pm)|(?P<word>noon|midnight))",
    re.ASCII,
)
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d)?)(?:\.0+)?\s?(?:(z)|([+-])(\d\d)(?::?(\d\d))?)", re.ASCII
)


class Refusal(Exception):
    """A text that cannot be accepted.

    ``candidates`` are texts that were probably meant, the best first; the caller tries them before it
    suggests one.
    """

    def __init__(self, code: WhenCode, message: str, *candidates: str) -> None:
        super().__init__(message)
        self.code: WhenCode = code
        self.message = message
        self.candidates = candidates


@dataclass(frozen=True, slots=True)
class OnClock:
    """A time on some wall clock.

    ``day`` None is the next occurrence; a number is a weekday (0 = Monday). ``zone`` None is the job's
    own zone. ``text`` is the clock and zone as written, for messages.
    """

    day: date | DayWord | int | None
    clock: time
    offset: timezone | None
    zone: str | None
    text: str


def read_when(text: str) -> Duration | OnClock:
    """What a "sleep until" says.

    Raises:
        Refusal: it is not in the grammar, or has two readings.
    """
    clean = " ".join(text.split())
    if not clean or len(clean) > MAX_LENGTH:
        what = "nothing was written" if not clean else f"the text is longer than {MAX_LENGTH} characters"
        raise Refusal("unknown_word", what)
    if clean[:3].lower() == "in ":
        duration = read_duration(clean[3:])
        if duration is None:
            raise _refuse_duration(clean[3:])
        return duration
    duration = read_duration(clean)
    if duration is not None:
        return duration
    return _read_clock(clean)


def _read_clock(text: str) -> OnClock:
    zone: str | None = None
    rest = text
    if found := _ZONE.fullmatch(text):
        rest, zone = found[1] or "", found[2]
        zone = "UTC" if zone.upper() in _ZONES_WITHOUT_PLACE else zone
    lower = re.sub(r"^(\d{4}-\d\d-\d\d)t", r"\1 ", rest.lower())
    if found := _INSTANT.fullmatch(lower):
        sign = -1 if found[4] == "-" else 1
        hours, minutes = int(found[5] or 0), int(found[6] or 0)
        if hours > 14 or minutes > 59:
            raise Refusal(
                "unknown_word", f"no time zone has the offset of {rest!r}", f"{found[1]} {found[2]}"
            )
        offset = timezone(sign * timedelta(hours=hours, minutes=minutes))
        clock = _clock(found[2])
        return OnClock(_date(found[1]), clock, offset, zone, _written(clock, zone))
    match = _CLOCK.fullmatch(lower)
    if match is None:
        raise _refuse_clock(text, lower)
    day_text = match["day"]
    if match["word"]:
        clock = time(12 if match["word"] == "noon" else 0)
    elif match["half"]:
        clock = _clock_of_half_day(int(match["h12"]), match["m12"] or "00", match["half"])
    else:
        clock = _clock(":".join(part for part in (match["h"], match["m"], match["s"]) if part))
    written = _written(clock, zone)
    day = None if day_text is None else _read_day(day_text, text, written)
    return OnClock(day, clock, None, zone, written)


def _written(clock: time, zone: str | None) -> str:
    return f"{clock:%H:%M}" + (f":{clock:%S}" if clock.second else "") + (f" {zone}" if zone else "")


def _read_day(day: str, text: str, clock: str) -> date | DayWord | int:
    if day in _DAY_WORDS:
        return _DAY_WORDS[day]
    weekday = _WEEKDAY_NUMBERS.get(day.removeprefix("next "))
    if weekday is not None:
        return weekday
    if re.fullmatch(r"\d{4}-\d\d-\d\d", day, re.ASCII):
        return _date(day)
    raise _refuse_slash_date(day, clock) or _refuse_words(text)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        year_month = text[:8]
        days = [f"{year_month}{day} 09:00" for day in (30, 29, 28)]
        raise Refusal("unknown_word", f"there is no day {text}", *days) from None


def _clock(text: str) -> time:
    hour, minute, second = (*map(int, text.split(":")), 0)[:3]
    if hour > 23 or minute > 59 or second > 59:
        raise Refusal(
            "unknown_word", f"there is no time {text}", "tomorrow 00:00" if hour == 24 else "tomorrow 09:00"
        )
    return time(hour, minute, second)


def _clock_of_half_day(hour: int, minute: str, half: str) -> time:
    if not 1 <= hour <= 12 or int(minute) > 59:
        right = f"{hour:02}:{minute}" if hour <= 23 else "09:00"
        raise Refusal("unknown_word", f"there is no {hour}:{minute} {half}", right)
    return time(hour % 12 + (12 if half == "pm" else 0), int(minute))


def _refuse_clock(text: str, lower: str) -> Refusal:
    """Why a text that is neither a duration nor ends in a clock is refused."""
    day, _, last = lower.rpartition(" ")
    if lower in _DAY_WORDS or lower.removeprefix("next ") in _WEEKDAY_NUMBERS:
        return Refusal("ambiguous", f"{lower} at what time? e.g. {lower} 09:00", f"{lower} 09:00")
    if re.fullmatch(r"\d{4}-\d\d-\d\d", lower, re.ASCII):
        return Refusal(
            "ambiguous", f"{lower} at what time? e.g. {lower} 09:00", f"{lower} 09:00", "tomorrow 09:00"
        )
    if last.upper() in _ABBREVIATIONS and day:
        one, other = _ABBREVIATIONS[last.upper()]
        why = f"{last.upper()} is used in {one} and in {other}, whose clocks differ"
        return Refusal("ambiguous", why, f"{text[: -len(last)]}{one}", f"{text[: -len(last)]}{other}")
    if re.fullmatch(r"\d{1,2}:\d\d", last, re.ASCII):
        hour, minute = last.split(":")
        before = day.removesuffix("at").strip()
        readings = [
            f"{before} {int(hour):02}:{minute}".strip(),
            f"{before} {(int(hour) + 12) % 24:02}:{minute}".strip(),
        ]
        return Refusal("ambiguous", f"{last} could be {' or '.join(readings)}", *readings)
    if re.fullmatch(r"\d+", last, re.ASCII):
        return _refuse_number(day, last)
    slash = _refuse_slash_date(lower, "09:00")
    if slash is not None:
        return slash
    if re.match(r"\d|p\d", lower, re.ASCII):
        return _refuse_duration(text)
    return _refuse_words(text)


def _refuse_number(day: str, number: str) -> Refusal:
    """``9``, ``at 9``, ``tomorrow at 9``: no unit, or no half of the day."""
    if not day:
        other = f"{number} o'clock" if len(number) < 3 and int(number) < 24 else f"{number} seconds"
        return Refusal("ambiguous", f"{number} could be {number} minutes or {other}", f"{number}m")
    hour = int(number[:4])
    before = day.removesuffix("at").strip()
    morning, evening = f"{before} {hour:02}:00".strip(), f"{before} {(hour + 12) % 24:02}:00".strip()
    return Refusal("ambiguous", f"{number} could be {morning} or {evening}", morning, evening)


def _refuse_slash_date(text: str, clock: str) -> Refusal | None:
    """``12/01/2026`` is December in one half of the world and January in the other."""
    found = re.match(r"(\d{1,4})[/.](\d{1,2})[/.](\d{1,4})\b", text, re.ASCII)
    if found is None:
        return None
    one, two, three = (int(part) for part in found.groups())
    if one > 31:
        orders = [(one, two, three), (one, three, two)]
    else:
        year = three if three > 99 else 2000 + three
        orders = [(year, one, two), (year, two, one)]
    readings = [f"{y:04}-{m:02}-{d:02}" for y, m, d in orders if 1 <= m <= 12 and 1 <= d <= 31]
    why = (
        f"{found[0]} could be {' or '.join(dict.fromkeys(readings))}"
        if readings
        else f"{found[0]} is no date"
    )
    return Refusal("ambiguous", why, *(f"{reading} {clock}" for reading in readings), f"tomorrow {clock}")


def _refuse_duration(text: str) -> Refusal:
    """Why something after a number, or after "in", is no duration."""
    lower = text.strip().lower()
    if re.fullmatch(r"\d+", lower, re.ASCII):
        return Refusal(
            "ambiguous", f"{lower} could be {lower} minutes or {lower} seconds", f"{lower}m", f"{lower}s"
        )
    if lower[0] != "p" and (found := re.search(r"(\d{1,9})\s?M(?![A-Za-z])", text, re.ASCII)):
        return Refusal("ambiguous", f"{found[0]} could be minutes or months", lower, f"{found[1]}m")
    if found := re.match(r"p?(\d{1,4})\s?(m|mo|mon|months?|y|yr|yrs|years?)\b", lower, re.ASCII):
        number, year = int(found[1]), found[2].startswith("y")
        least, most = (365, 366) if year else (28, 31)
        why = f"{text.strip()} could be {number * least} or {number * most} days"
        return Refusal("ambiguous", why, f"{number * (365 if year else 30)}d", "365d")
    if found := re.fullmatch(r"(\d{0,6})[.,](\d{1,3})\s?([a-z]+)", lower, re.ASCII):
        smaller = {"w": (7, "d"), "d": (24, "h"), "h": (60, "m"), "m": (60, "s")}.get(UNITS.get(found[3], ""))
        if smaller is not None:
            whole = round(float(f"{found[1] or 0}.{found[2]}") * smaller[0])
            return Refusal("unknown_word", f"{lower} is not a whole number", f"{whole}{smaller[1]}")
    return _refuse_words(text)


def _refuse_words(text: str) -> Refusal:
    """Name the first word that is not known, and guess what was meant."""
    words = text.split()
    if (
        len(words) > 1
        and re.match(r"\d", words[0])
        and words[-1].lower() in {**_DAY_WORDS, **_WEEKDAY_NUMBERS}
    ):
        return Refusal("unknown_word", "the day comes before the time", f"{words[-1]} {' '.join(words[:-1])}")
    for index, word in enumerate(words):
        letters = re.sub(r"^[\d:.,+-]+", "", word.lower())
        if not letters or letters in _VOCABULARY or letters in _WEEKDAY_NUMBERS or letters in ("am", "pm"):
            continue
        guesses = [guess for guess in (_HABITS.get(letters), nearest(letters, _VOCABULARY)) if guess]
        guesses += nearest_zones(word)
        fixed = [" ".join([*words[:index], guess, *words[index + 1 :]]) for guess in guesses]
        without = " ".join(words[:index] + words[index + 1 :])
        fixed.append(re.sub(r"(\d)z$", r"\1 UTC", text.lower()))
        return Refusal(
            "unknown_word", f"{word!r} is not understood", *fixed, without, *_with_clock(fixed, without)
        )
    plain = text.lstrip("+-").replace(".", ":")
    return Refusal("unknown_word", f"{text!r} is not understood", plain, *_with_clock([text]))


def _with_clock(texts: list[str], *more: str) -> list[str]:
    return [f"{text} 09:00" for text in (*texts, *more) if text]
