"""Clocks on the wall, read by walking: the instants at which a clock shows something.

Only the direction that needs no decision is used, from an instant to the wall.  The way back is a search that
steps from quarter to quarter of an hour and looks at the clock: offsets are multiples of a quarter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)
MIDNIGHT = time(0)
END_OF_DAY = "24:00"

Clock = time | str
"""A time of day, or `END_OF_DAY`."""


def wall(zone: tzinfo, instant: datetime) -> datetime:
    """What a clock of the zone shows at an instant, without zone."""
    shown = instant.astimezone(zone)
    return datetime.combine(shown, shown.time())


def target(day: date, clock: Clock) -> datetime:
    """The wall time of a clock on a day; 24:00 is 00:00 of the next day."""
    if isinstance(clock, time):
        return datetime.combine(day, clock)
    return datetime.combine(day, MIDNIGHT) + DAY


def _quarters(zone: tzinfo, start: datetime, days: float) -> Iterator[tuple[datetime, datetime, datetime]]:
    """Quarters of an hour: their instant, the wall time they begin with, and the one that was due then.

    The last two differ where clocks are set: in a gap the wall begins later than was due.
    """
    utc = start.astimezone(UTC)
    quarter = utc.replace(minute=utc.minute // 15 * 15, second=0, microsecond=0)
    due = wall(zone, quarter - QUARTER) + QUARTER
    for _ in range(int(days * 96) + 1):
        begins = wall(zone, quarter)
        yield quarter, begins, due
        quarter, due = quarter + QUARTER, begins + QUARTER


def walk(
    zone: tzinfo,
    now: datetime,
    clock: Clock,
    on: Callable[[date], bool],
    *,
    start: datetime | None = None,
    days: float = 3,
) -> datetime | None:
    """The first instant after now at which a clock of the zone shows a time on a day that counts.

    A time that is left out because clocks are set forward counts at the instant that they are set.  The walk
    begins now, or later where it can miss nothing.
    """
    shown = target(date.min, clock).time()
    for quarter, begins, due in _quarters(zone, start or now, days):
        if begins == due and (begins.hour, begins.minute // 15) != (shown.hour, shown.minute // 15):
            continue
        day = min(begins, due).date() - DAY
        while day <= begins.date():
            goal = target(day, clock)
            if on(day):
                if due <= goal < begins and quarter > now:
                    return quarter
                if begins <= goal < begins + QUARTER and quarter + (goal - begins) > now:
                    return quarter + (goal - begins)
            day += DAY
    return None


@lru_cache(maxsize=4096)
def showing(zone: tzinfo, goal: datetime) -> tuple[datetime, ...]:
    """The instants at which a clock of the zone shows a wall time; in a gap, the one at which it is set."""
    middle = goal.replace(tzinfo=UTC)
    near = [middle + step * QUARTER for step in range(-64, 65)]
    hits = tuple(instant for instant in near if wall(zone, instant) == goal)
    if hits:
        return hits
    return (next(quarter for quarter, begins, _ in _quarters(zone, near[0], 2) if begins > goal),)


def at(zone: tzinfo, goal: datetime, now: datetime) -> datetime:
    """The instant of a wall time: the first that is still to come, or the first of all when they are over."""
    instants = showing(zone, goal)
    return next((instant for instant in instants if instant > now), instants[0])


def days_later(zone: tzinfo, now: datetime, days: int) -> datetime:
    """The same time of day some days of the calendar later; of two passes the first."""
    if days == 0:
        return now.astimezone(UTC)
    shown = wall(zone, now)
    for _ in range(days):
        shown += DAY
    fraction = timedelta(microseconds=shown.microsecond)
    return showing(zone, shown - fraction)[0] + fraction


def months_later(zone: tzinfo, now: datetime, months: int) -> datetime:
    """The same day of the month and time of day some months later; the last of the month if it is shorter."""
    shown = wall(zone, now)
    day = shown.date().replace(day=1)
    for _ in range(months):
        day = _first_of_next_month(day)
    last = _first_of_next_month(day) - DAY
    return showing(zone, datetime.combine(day.replace(day=min(shown.day, last.day)), shown.time()))[0]


def _first_of_next_month(day: date) -> date:
    following = day.replace(day=1)
    while following.month == day.month:
        following += DAY
    return following


def first_of_next_month(zone: tzinfo, now: datetime, *, year: bool = False) -> datetime:
    """00:00 on the first of the next month, or of the next January."""
    day = _first_of_next_month(wall(zone, now).date())
    while year and day.month != 1:
        day = _first_of_next_month(day)
    return showing(zone, datetime.combine(day, MIDNIGHT))[0]
