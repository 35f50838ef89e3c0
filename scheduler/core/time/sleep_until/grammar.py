"""The grammar of "sleep until": from a text to what it says, without the present moment.

::

    when      = length ["from now" | "later"] | "in" length | instant | day-clock
    length    = 1*(number unit) | ISO "P[nY][nM][nW][nD][T[nH][nM][nS]]" | words ("half an hour", "two days")
    instant   = ISO date ("T" | " ") time [offset | "Z"] ["[" zone "]"] [zone]
              | seconds since 1970 (10 digits) | milliseconds (13 digits)
    day-clock = [day] [clock] [zone | offset], in any order; "at", "on" and commas between them
    day       = "today" | "tonight" | "tomorrow" | "day after tomorrow" | ["this" | "next"] weekday
              | "next weekday" | "next business day" | "in" length of days | ISO date
              | [weekday] month day [year] | [weekday] day month [year]
    clock     = H[H]:MM[:SS] | 1-12 [":" MM] ("am" | "pm" | "a.m." | "p.m.") | "noon" | "midnight"

A text with one meaning is accepted.  One with several is refused, with all of them: after a wrong guess an
agent sleeps a month instead of a minute (why #73).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from scheduler.core.time.sleep_until import clock_words, day_words
from scheduler.core.time.sleep_until.cursor import Cursor
from scheduler.core.time.sleep_until.lengths import read_length
from scheduler.core.time.sleep_until.meaning import (
    Ahead,
    Choice,
    Clock,
    Clocked,
    Day,
    EachYear,
    Either,
    Elapsed,
    Exactly,
    Length,
    Meaning,
    OnDate,
    Refusal,
    Tonight,
    certain,
)
from scheduler.core.time.sleep_until.words import (
    END_OF_DAY,
    ENDS_OF_DAY,
    NOW,
    PARTS_OF_A_DAY,
    STRETCHES,
    WEEKDAY_NAMES,
)

MAX_LENGTH = 100

_ECHO = re.compile(
    r"(\d{4}-\d\d-\d\dt\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:z|[+-]\d\d:\d\d))(?=,? )"
    r"(?:,? ([a-z]+day))?(?:,? \(?in ([^()]+)\)?)?",
    re.ASCII,
)
_BASIC = re.compile(r"(\d{4})(\d\d)(\d\d)t(\d\d)(\d\d)(\d\d)?(z|[+-]\d{4})?", re.ASCII)
_HYPHENS = {ord(dash): "-" for dash in "\u2010\u2011\u2212"}
_QUOTED = re.compile(r"""(["'`]?)(.*)\1""")
_FAR = timedelta(days=36_600)
"""A length beyond all bounds, which can be added to the present."""

_HOURS = re.compile(r"(\d{4}) ?(?:h|hrs?|hours?)", re.ASCII)
_HOURS_SPELT = ("h", "hr", "hrs", "hour", "hours")

_LINKS = ("at", "on", "the", "@")


def read_when(text: str) -> Meaning:
    """Return what a text says.

    Raises:
        Refusal: it is not in the grammar.  What has several meanings is returned with all of them.
    """
    clean = _QUOTED.sub(r"\2", " ".join(text.translate(_HYPHENS).split())).removesuffix(".")
    if not clean or len(clean) > MAX_LENGTH:
        what = "nothing was written" if not clean else f"the text is longer than {MAX_LENGTH} characters"
        raise Refusal("unknown_word", what)
    lower = clean.lower()
    if lower in NOW:
        return Elapsed(certain(Length()))
    if lower in STRETCHES:
        return _stretch(lower)
    return _instant(lower) or _elapsed(clean) or _clocked(Cursor(clean))


def _stretch(phrase: str) -> Either:
    clocked = (Clocked(certain(day), certain(clock)) for day, clock in STRETCHES[phrase])
    return Either(tuple(clocked), f"`{phrase}` is not one instant")


def _instant(lower: str) -> Exactly | None:
    if re.fullmatch(r"\d{10}|\d{13}", lower, re.ASCII):
        number = int(lower)
        return Exactly(datetime.fromtimestamp(number if len(lower) == 10 else number / 1000, UTC))
    if echo := _ECHO.fullmatch(lower):
        return _echoed(echo)
    if basic := _BASIC.fullmatch(lower):
        year, month, day, hour, minute, second, offset = basic.groups()
        if offset is None:
            return None
        written = f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}{offset}"
        return Exactly(_from_iso(written, lower))
    return None


def _echoed(echo: re.Match[str]) -> Exactly:
    """Read an instant as suggestions write it: with its weekday and its distance."""
    instant, ahead = _from_iso(echo[1], echo[0]), None
    if echo[3] is not None:
        read = read_length(echo[3])
        if read is None or read[1] != len(echo[3]) or read[0].why or read[0].options[0].months:
            raise Refusal("unknown_word", f"{echo[3]!r} is not a length of time")
        ahead = timedelta(days=read[0].options[0].days) + read[0].options[0].elapsed
    weekday = WEEKDAY_NAMES[instant.weekday()]
    if echo[2] and echo[2] != weekday.lower():
        if echo[2].title() not in WEEKDAY_NAMES:
            raise Refusal("unknown_word", f"{echo[2]!r} is not understood")
        raise Refusal("ambiguous", f"{echo[1].upper()} is a {weekday}, not a {echo[2].title()}", instant)
    return Exactly(instant, ahead)


def _from_iso(text: str, written: str) -> datetime:
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise Refusal("unknown_word", f"{written!r} is no instant: {error}") from None


def _elapsed(text: str) -> Meaning | None:
    """Read a length of time, which is the whole text or is followed by a clock."""
    lower = text.lower()
    lead = re.match(r"in |after |\+ ?", lower)
    start = lead.end() if lead else 0
    if lower[start:].startswith("-") and read_length(lower[start + 1 :].strip()):
        raise Refusal("past", f"{text!r} is over")
    if number := re.fullmatch(r"(\d{1,9})(?: from now| later)?", lower[start:], re.ASCII):
        return _number_alone(number[1])
    read = read_length(text[start:])
    if read is None:
        return None
    lengths, end = read
    rest = lower[start + end :].strip()
    if rest == "ago":
        raise Refusal("past", f"{text!r} is over")
    tail = re.match(r"(?:from now|later|from today)\b", rest)
    after = rest[tail.end() :].strip() if tail else rest
    if not after:
        hours = _HOURS.fullmatch(lower)
        clocks = clock_words.of_number(hours[1]) if hours else None
        if clocks is not None:
            return Either((Clocked(None, clocks), Elapsed(lengths)), f"`{text}` may be a time of day")
        return Elapsed(lengths)
    is_a_day = bool(lead or tail) and all(length.is_of_days for length in lengths.options)
    if not is_a_day:
        return None
    days: Choice[Day] = lengths.map(lambda length: Ahead(length.days))
    return _clocked(Cursor(text[len(text) - len(after) :]), days)


def _number_alone(number: str) -> Elapsed | Clocked:
    if len(number) == 4 and number[0] in "012" and (clocks := clock_words.of_number(number)):
        return Clocked(None, clocks)
    units = (timedelta(minutes=1), timedelta(seconds=1), timedelta(hours=1))
    lengths = tuple(Length(elapsed=min(int(number) * unit, _FAR)) for unit in units)
    return Elapsed(Choice(lengths, f"`{number}` has no unit"))


def _clocked(words: Cursor, days: Choice[Day] | None = None) -> Clocked:
    """Read a day, a clock and a zone, in any order."""
    clocks: Choice[Clock] | None = None
    zones: list[Choice[tzinfo]] = []
    weekday: int | None = None
    while not words.at_end:
        if part := words.take_phrase(PARTS_OF_A_DAY):
            raise Refusal("ambiguous", f"`{part}` is not one time of day")
        if words.take_one(_LINKS):
            continue
        if days is None and (read := day_words.read(words)):
            days, weekday = read
        elif weekday is None and days is not None and _is_date(days) and (named := day_words.weekday(words)):
            weekday = named - 1
        elif clocks is None and (found := _clock(words)):
            clocks, *more = found
            zones += [zone for zone in more if zone is not None]
        elif len(zones) < 2 and (zone := _zone(words)) is not None:
            zones.append(zone)
        elif days is not None and (dated := day_words.trailing_year(words, days)) is not None:
            days = dated
        else:
            raise _unknown(words)
    if words.text.split()[-1].lower() in _LINKS or (days is None and clocks is None):
        raise Refusal("unknown_word", f"{words.text!r} is not understood")
    if days is None and clocks is not None and clocks.options == ENDS_OF_DAY:
        days = certain(Ahead(0))
    if clocks is None:
        whole_days: tuple[Clock, ...] = () if days and days.options == (Tonight(),) else (timedelta(), None)
        clocks = Choice(whole_days, "it names a day, and no time of day")
    elif days is not None and clocks.options == (timedelta(),) and words.has("midnight"):
        clocks = _midnight(days)
    zones.sort(key=lambda zone: bool(zone.why))  # the other one must agree with one that is certain
    if len(zones) > 2 or len([zone for zone in zones if zone.why]) > 1:
        raise Refusal("unknown_word", f"{words.text!r} names several time zones")
    place = zones[0] if zones else None
    return Clocked(days, clocks, place, zones[1] if len(zones) > 1 else None, weekday)


def _is_date(days: Choice[Day]) -> bool:
    return all(isinstance(day, OnDate | EachYear) for day in days.options)


def _midnight(days: Choice[Day]) -> Choice[Clock]:
    """Return the midnight of a day: the one at which it begins, or the one at which it ends."""
    if days.options == (Tonight(),):
        return certain(timedelta(hours=24))
    return Choice((timedelta(), timedelta(hours=24)), "a day begins and ends with a midnight")


def _clock(
    words: Cursor,
) -> tuple[Choice[Clock], Choice[tzinfo] | None, Choice[tzinfo] | None] | None:
    """Read a clock, and the offset and the zone that are written without a blank after it."""
    word = words.word
    if match := clock_words.CLOCK.fullmatch(word):
        words.skip()
        half = match["half"] or words.take_one(clock_words.HALVES) or ""
        place, beside = (
            clock_words.of_zone(match[name]) if match[name] else None for name in ("zone", "place")
        )
        return clock_words.of_match(match, half), place, beside
    if match := clock_words.HOUR.fullmatch(word):
        words.skip()
        return clock_words.of_half(int(match["h"]), timedelta(), match["half"]), None, None
    if word in ("noon", "midday"):
        words.skip()
        return certain(timedelta(hours=12)), None, None
    if word == "midnight":
        words.skip()
        return certain(timedelta()), None, None
    if words.take_phrase(END_OF_DAY):
        return Choice(ENDS_OF_DAY, "the end of a day is not one time"), None, None
    return _bare_number(words) if word[:1].isdecimal() else None


def _bare_number(words: Cursor) -> tuple[Choice[Clock], Choice[tzinfo] | None, None] | None:
    number = re.sub(r"(?<=^\d{4})z$", "", words.word)
    place = clock_words.of_zone("z") if number != words.word else None
    clocks = clock_words.of_number(number)
    if clocks is None:
        return None
    words.skip()
    if half := words.take_one(clock_words.HALVES):
        minutes = timedelta(minutes=int(number[2:])) if len(number) == 4 else timedelta()
        halved = clock_words.of_half(int(number[:2]), minutes, half)
        clocks = Choice(halved.options, clocks.why) if len(number) == 4 else halved
    elif (named := words.word) in ("noon", "midnight") and int(number) == 12:
        words.skip()
        clocks = certain(timedelta(hours=12 if named == "noon" else 0))
    else:
        words.take_one(_HOURS_SPELT if len(number) == 4 else ("o'clock",))
    return clocks, place, None


def _zone(words: Cursor) -> Choice[tzinfo] | None:
    word = words.raw
    if word.lower() in ("utc", "gmt") and re.fullmatch(r"[+-]\d{1,2}(?::?\d\d)?", words.following, re.ASCII):
        words.skip()
        word = words.raw
    bracketed = re.fullmatch(r"[(\[](.+)[)\]]", word)
    zone = clock_words.of_zone(bracketed[1] if bracketed else word)
    if zone is not None:
        words.skip()
        return zone
    for count in (3, 2, 1):
        city = clock_words.of_city(words.next_words(count))
        if city is not None:
            words.skip(count)
            return city
    return None


def _unknown(words: Cursor) -> Refusal:
    return Refusal("unknown_word", f"{words.raw!r} is not understood")
