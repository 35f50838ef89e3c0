"""Format times for people: a wall clock in one zone, and the distance of an instant.

Text shows local time and "in 2d 3h"; JSON shows UTC with Z.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from scheduler.core.time.instants import as_utc, to_iso, zone
from scheduler.errors import AgentcronError, UsageError

_DAY_SECONDS = 86_400
_UNITS = ((_DAY_SECONDS, "d"), (3600, "h"), (60, "m"), (1, "s"))
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FULL_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?\Z", re.ASCII)
_UTC_NAMES = ("Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu")
_DAYS_AWAY = {"today": 0, "yesterday": -1, "tomorrow": 1}


@dataclass(frozen=True, slots=True)
class Wall:
    """A wall clock: the present instant and the zone in which times are shown."""

    now: datetime
    name: str
    zone: ZoneInfo

    def __call__(self, instant: datetime, *, seconds: bool = False) -> str:
        """Return ``Mon 23 Nov 09:00``, or ``2027-03-14 09:00`` when it is not in this year."""
        here = instant.astimezone(self.zone)
        clock = f"{here.hour:02}:{here.minute:02}" + (f":{here.second:02}" if seconds else "")
        if here.year == self.now.astimezone(self.zone).year:
            return f"{_WEEKDAYS[here.weekday()]} {here.day:2} {_MONTHS[here.month - 1]} {clock}"
        return f"{here.year}-{here.month:02}-{here.day:02} {clock}"

    def short(self, instant: datetime) -> str:
        """Return the time alone for today (``09:00``), with the weekday within six days, else the date too.

        Seconds are shown for a slot that is not on a full minute, such as those of ``@every``.
        """
        here = instant.astimezone(self.zone)
        away = (here.date() - self.now.astimezone(self.zone).date()).days
        clock = f"{here.hour:02}:{here.minute:02}" + (f":{here.second:02}" if has_own_second(instant) else "")
        if away == 0:
            return clock
        return f"{_WEEKDAYS[here.weekday()]} {clock}" if abs(away) < 7 else self(instant)

    def away(self, instant: datetime) -> str:
        """Return ``in 2d 3h``, ``3h 5m ago`` or ``now``."""
        return away((instant - self.now).total_seconds())

    def both(self, instant: datetime) -> str:
        """Return the time and its distance from now."""
        return f"{self(instant, seconds=has_own_second(instant))} ({self.away(instant)})"

    def read_after(self, text: str) -> datetime:
        """Return the instant (UTC) that ``--after`` means; a date alone is the beginning of that day.

        Raises:
            UsageError: it cannot be read.
        """
        return self.read(f"{text.strip()}T00:00" if _DATE.match(text.strip()) else text, "--after")

    def read(self, text: str, what: str = "WHEN") -> datetime:
        """Return the instant (UTC) that ``text`` means.

        An ISO instant, ``now``, or a clock with or without a day: ``yesterday 09:00``, ``sat 09:00`` (the
        last Saturday), ``09:00`` (today).  Text without an offset is in this zone.

        Raises:
            UsageError: it cannot be read.
        """
        instant = self._iso(text.strip()) or self._spoken(text.strip().lower())
        if instant is None:
            raise UsageError(
                f"{what}: {text!r} is not a time",
                help='write 2026-12-01T09:00Z, "2026-12-01 09:00", "yesterday 09:00", 09:00 or now',
            )
        return instant

    def _iso(self, text: str) -> datetime | None:
        if len(text) <= len("2026-12-01"):
            return None
        try:
            given = datetime.fromisoformat(text)
            return as_utc(given) if given.tzinfo else self._settled(given)
        except (ValueError, OverflowError):
            return None

    def _spoken(self, text: str) -> datetime | None:
        if text == "now":
            return self.now
        day_text, _, clock_text = text.rpartition(" ")
        found = _CLOCK.match(clock_text)
        day = self._day(day_text.strip())
        if found is None or day is None:
            return None
        try:
            clock = time(int(found[1]), int(found[2]), int(found[3] or 0))
        except ValueError:
            return None
        return self._settled(datetime.combine(day, clock))

    def _day(self, text: str) -> date | None:
        today = self.now.astimezone(self.zone).date()
        if text in _DAYS_AWAY or not text:
            return today + timedelta(days=_DAYS_AWAY.get(text, 0))
        starts = [name.lower() for name in _WEEKDAYS]
        if text[:3] in starts and text in (text[:3], _FULL_NAMES[starts.index(text[:3])]):
            return today - timedelta(days=(today.weekday() - starts.index(text[:3])) % 7)
        return None

    def _settled(self, wall: datetime) -> datetime:
        from scheduler.core.time.dst import settle

        return settle(wall, self.zone)


def wall_of(now: datetime, local: str, zone_name: str | None = None) -> Wall:
    """Return the clock of ``zone_name``, or of this machine, whose zone is then called ``local``.

    If the machine's zone is unknown, it counts as UTC.

    Raises:
        ConfigError: there is no such zone.
    """
    name = _known(local) if zone_name is None else zone_name
    return Wall(now, name, zone(name))


def _known(name: str) -> str:
    try:
        zone(name)
    except AgentcronError:
        return "UTC"
    return "UTC" if name in _UTC_NAMES else name


def iso(instant: datetime | None) -> str | None:
    """Return an instant for JSON: UTC with Z, or None."""
    return None if instant is None else to_iso(instant)


def has_own_second(instant: datetime) -> bool:
    """Whether an instant was planned for a second other than the first of a minute."""
    return instant.second != 0 and instant.microsecond == 0


def span(seconds: float) -> str:
    """Return a length of time in at most two units: ``2d 3h``, ``45m``, ``0s``."""
    left = int(abs(seconds))
    for index, (size, unit) in enumerate(_UNITS):
        if left >= size:
            whole, rest = divmod(left, size)
            if index + 1 < len(_UNITS):
                size, smaller = _UNITS[index + 1]
                if rest >= size:
                    return f"{whole}{unit} {rest // size}{smaller}"
            return f"{whole}{unit}"
    return "0s"


def away(seconds: float) -> str:
    """Return ``in 2d 3h`` for the future, ``3h 5m ago`` for the past, ``now`` within a second."""
    if abs(seconds) < 1:
        return "now"
    # Add half a second, so that 59.9999 s reads "in 1m".
    return f"in {span(seconds + 0.5)}" if seconds > 0 else f"{span(seconds)} ago"
