"""Resolve a "sleep until": a text and the present time give one instant, or a refusal.

`when_grammar` parses the text; this file puts it on a calendar. Days and weeks are calendar
days in the job's zone, hours, minutes and seconds elapse. On days on which the clocks change, a
time in the gap means the gap's end, and a time that exists twice means its first pass.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from scheduler.core.time.dst import settle
from scheduler.core.time.durations import Duration, parse_duration
from scheduler.core.time.instants import as_utc, describe_seconds, nearest_zones, zone
from scheduler.core.time.when_grammar import OnClock, Refusal, read_when
from scheduler.errors import ConfigError, WhenError

__all__ = ["echo", "parse_duration", "parse_when"]

_SATURDAY = 5


def parse_when(
    text: str, now: datetime, tz: str = "UTC", *, min_seconds: int = 1, max_days: int = 366
) -> datetime:
    """The instant of a text, in the zone ``tz``; always later than ``now``.

    >>> friday = datetime(2026, 11, 20, 15, tzinfo=UTC)
    >>> parse_when("next monday 9am", now=friday, tz="Europe/Berlin").isoformat()
    '2026-11-23T09:00:00+01:00'

    Args:
        text: as written by the agent; the grammar is in `scheduler.core.time.when_grammar`.
        now: the present moment, with a zone.
        tz: the job's zone, an IANA name; a zone in the text overrides it for parsing, not for the result.
        min_seconds: the shortest sleep.
        max_days: the longest sleep, in calendar days.

    Raises:
        WhenError: with ``code`` ``past``, ``ambiguous``, ``unknown_word``, ``too_far`` or ``too_soon``,
            and with a ``suggestion`` that would be accepted now.
        ConfigError: there is no zone ``tz`` (E11).
    """
    if now.utcoffset() is None:
        why = f"the present moment was given as {now.isoformat()}, which has no time zone"
        raise WhenError(why, code="ambiguous", suggestion="1h")
    frame = _Frame(as_utc(now), zone(tz), min_seconds, max_days)
    try:
        return frame.read(text)
    except Refusal as refusal:
        always = ("1h", "tomorrow 09:00", f"{min_seconds}s")
        suggestion = next((text for text in (*refusal.candidates, *always) if frame.accepts(text)), "")
        raise WhenError(refusal.message, code=refusal.code, suggestion=suggestion) from None


def echo(when: datetime, now: datetime) -> str:
    """The text for the agent: ``2026-11-23T09:00:00+01:00 (in 2d 17h30m)``."""
    return f"{when.isoformat(timespec='seconds')} (in {describe_seconds((when - now).total_seconds())})"


class _Frame:
    """The present time, the zone and the bounds: the context of a text."""

    def __init__(self, now: datetime, home: ZoneInfo, min_seconds: int, max_days: int) -> None:
        self.now = now
        self.home = home
        self.min_seconds = min_seconds
        self.max_days = max_days

    def accepts(self, text: str) -> bool:
        try:
            self.read(text)
        except Refusal:
            return False
        return True

    def read(self, text: str) -> datetime:
        meant = read_when(text)
        if isinstance(meant, OnClock) and isinstance(meant.day, date) and meant.day.year < self.now.year - 1:
            raise Refusal("past", f"the year {meant.day.year} is long past", f"tomorrow {meant.text}")
        try:
            instant = self._after(meant) if isinstance(meant, Duration) else self._at(meant)
            if isinstance(meant, OnClock):
                self._check_past(instant, meant)
            self._check_bounds(instant)
            return instant.astimezone(self.home)
        except OverflowError:  # the calendar ends with the year 9999
            raise self._too_far() from None

    def _after(self, duration: Duration) -> datetime:
        start = self.now
        if duration.days:
            start = self._calendar_days(duration.days)
        return start + timedelta(seconds=duration.seconds)

    def _calendar_days(self, days: int) -> datetime:
        here = self.now.astimezone(self.home).replace(tzinfo=None, fold=0)
        return settle(here + timedelta(days=days), self.home)

    def _at(self, meant: OnClock) -> datetime:
        place = self._place(meant.zone)
        if meant.offset is not None and isinstance(meant.day, date):
            return self._with_offset(meant, datetime.combine(meant.day, meant.clock, meant.offset))
        today = self.now.astimezone(place).date()
        if meant.day is None:
            days = (today + timedelta(days=ahead) for ahead in range(3))
            instants = (settle(datetime.combine(day, meant.clock), place) for day in days)
            return next(instant for instant in instants if instant > self.now)
        return settle(datetime.combine(_day(meant, today), meant.clock), place)

    def _place(self, name: str | None) -> ZoneInfo:
        if name is None:
            return self.home
        try:
            return zone(name)
        except ConfigError as error:
            near = [f"tomorrow 09:00 {other}" for other in nearest_zones(name)]
            raise Refusal("unknown_word", error.message, *near) from None

    def _with_offset(self, meant: OnClock, instant: datetime) -> datetime:
        """An instant with an offset; an additional zone must agree, else one of the two is a mistake."""
        if meant.zone is not None:
            there = instant.astimezone(self._place(meant.zone))
            if there.utcoffset() != instant.utcoffset():
                why = f"{instant.isoformat()} is {there.isoformat()} in {meant.zone}: which one?"
                raise Refusal("ambiguous", why, instant.isoformat(), f"{meant.day} {meant.text}")
        return instant.astimezone(UTC)

    def _check_past(self, instant: datetime, meant: OnClock) -> None:
        if instant < self.now:
            ago = describe_seconds((self.now - instant).total_seconds())
            why = f"{instant.astimezone(self.home).isoformat()} was {ago} ago"
            raise Refusal("past", why, f"tomorrow {meant.text}")

    def _check_bounds(self, instant: datetime) -> None:
        ahead = (instant - self.now).total_seconds()
        if ahead <= 0 or ahead < self.min_seconds:
            least = describe_seconds(max(self.min_seconds, 1))
            why = f"that is {describe_seconds(ahead)} from now, and the shortest sleep is {least}"
            raise Refusal("too_soon", why, f"{max(self.min_seconds, 1)}s")
        if instant > self._calendar_days(self.max_days):
            raise self._too_far()

    def _too_far(self) -> Refusal:
        return Refusal("too_far", f"that is more than {self.max_days} days from now", f"{self.max_days}d")


def _day(meant: OnClock, today: date) -> date:
    """The day of a word, relative to today; always after today, except for "today" and a date."""
    if isinstance(meant.day, date):
        return meant.day
    if meant.day == "today":
        return today
    if isinstance(meant.day, int):
        return today + timedelta(days=(meant.day - today.weekday() - 1) % 7 + 1)
    following = today + timedelta(days=1)
    while meant.day == "working day" and following.weekday() >= _SATURDAY:
        following += timedelta(days=1)
    return following
