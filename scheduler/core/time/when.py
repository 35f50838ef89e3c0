"""Resolve a "sleep until": a text and the present time give one instant, or a refusal.

`scheduler.core.time.sleep_until` has the grammar and the calendar.  A refusal names all instants that the
text may mean, and suggests nothing else: a model obeys a suggestion, so one that means another time is worse
than none (the law of hints, why #73).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from scheduler.core.time.instants import as_utc, describe_seconds, zone
from scheduler.core.time.sleep_until.calendar import Calendar
from scheduler.core.time.sleep_until.grammar import read_when
from scheduler.core.time.sleep_until.meaning import Length, Refusal
from scheduler.core.time.sleep_until.words import WEEKDAY_NAMES
from scheduler.errors import WhenError

__all__ = ["parse_when", "written"]

_MAX_READINGS = 3


def parse_when(
    text: str, now: datetime, tz: str = "UTC", *, min_seconds: int = 1, max_days: int = 366
) -> datetime:
    """Return the instant that a text means, with the offset of the zone ``tz``; always later than ``now``.

    >>> friday = datetime.fromisoformat("2026-11-20T15:00Z")
    >>> parse_when("monday 9am", now=friday, tz="Europe/Berlin").isoformat()
    '2026-11-23T09:00:00+01:00'

    The offset is fixed: instants in one zone with two passes of an hour compare wrongly in Python (PEP 495).

    Args:
        text: what the agent wrote; the grammar is in `scheduler.core.time.sleep_until.grammar`.
        now: the present moment, with a zone.
        tz: the job's zone, an IANA name; a zone in the text overrules it for reading, not for the answer.
        min_seconds: the shortest sleep.
        max_days: the longest sleep, in days of the calendar.

    Raises:
        WhenError: with ``code`` ``past``, ``ambiguous``, ``unknown_word``, ``too_far`` or ``too_soon``; its
            ``readings`` are up to three instants that the text may mean, each within the bounds.
        ConfigError: there is no zone ``tz`` (E11).
    """
    if now.utcoffset() is None:
        why = f"the present moment was given as {now.isoformat()}, which has no time zone"
        raise WhenError(why, code="ambiguous")
    home = zone(tz)
    bounds = _Bounds(as_utc(now), home, min_seconds, max_days)
    try:
        return _fixed(bounds.one_of(text), home)
    except Refusal as refusal:
        readings = bounds.within(refusal.readings)[:_MAX_READINGS]
        fixed = tuple(_fixed(reading, home) for reading in readings)
        raise WhenError(
            refusal.message,
            code=refusal.code,
            readings=fixed,
            suggestions=tuple(written(reading, bounds.now) for reading in fixed),
        ) from None


def written(when: datetime, now: datetime) -> str:
    """Return a reading as `parse_when` accepts it: ``2026-11-23T09:00:00+01:00, Monday, in 2d 17h30m``."""
    precision = "microseconds" if when.microsecond else "seconds"
    ahead = describe_seconds((when - now).total_seconds())
    return f"{when.isoformat(timespec=precision)}, {WEEKDAY_NAMES[when.weekday()]}, in {ahead}"


def _fixed(instant: datetime, home: ZoneInfo) -> datetime:
    here = instant.astimezone(home)
    offset = here.utcoffset()
    assert offset is not None
    return here.replace(tzinfo=timezone(offset), fold=0)


class _Bounds:
    """The present moment, the zone and the limits that a text is read against."""

    def __init__(self, now: datetime, home: ZoneInfo, min_seconds: int, max_days: int) -> None:
        self.now = now
        self.home = home
        self._calendar = Calendar(now, home)
        self._min_seconds = max(min_seconds, 1)
        self._max_days = max_days
        self._latest = self._calendar.after(Length(days=max_days))

    def one_of(self, text: str) -> datetime:
        """Return the instant that a text means.

        Raises:
            Refusal: it means none, or several; or one that is over, too soon or too far.
        """
        try:
            found = self._calendar.instants(read_when(text))
        except OverflowError:
            raise self._too_far() from None
        faults = [self._fault(instant) for instant in found.options]
        if not found.why and len(found.options) == 1 and faults[0] is None:
            return found.options[0]
        codes = {fault.code if fault else None for fault in faults}
        if len(codes) == 1 and faults[-1] is not None:  # whatever it means, it is over, too soon or too far
            raise faults[-1]
        raise Refusal("ambiguous", found.why or "it may mean several instants", *found.options)

    def within(self, instants: Sequence[datetime]) -> list[datetime]:
        """Return those of the instants that a run may sleep until, each once."""
        return [instant for instant in dict.fromkeys(instants) if self._fault(instant) is None]

    def _fault(self, instant: datetime) -> Refusal | None:
        """Return why a run cannot sleep until an instant, or None if it can."""
        ahead = (instant - self.now).total_seconds()
        if ahead < 0:
            here = instant.astimezone(self.home)
            this_year = self.now.astimezone(self.home).year
            year = f"; the year is {this_year}" if here.year < this_year else ""
            why = f"{here.isoformat()} was {describe_seconds(-ahead)} ago{year}"
            return Refusal("past", why)
        if ahead < self._min_seconds:
            shortest = describe_seconds(self._min_seconds)
            why = f"that is {describe_seconds(ahead)} from now, and the shortest sleep is {shortest}"
            return Refusal("too_soon", why)
        return self._too_far() if instant > self._latest else None

    def _too_far(self) -> Refusal:
        return Refusal("too_far", f"that is more than {self._max_days} days from now")
