"""Find the clock changes that affect the slots of a cron expression, and their effects."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from scheduler.core.text.english import listed
from scheduler.core.time.cron import Cron
from scheduler.core.time.dst import Shift
from scheduler.core.time.instants import zone
from scheduler.core.time.slots import CronSlots
from scheduler.core.time.triggers.base import Change

_DAYS_PER_MONTH = 31
_MAX_SLOTS_SHOWN = 3


def changes(cron: Cron, now: datetime, months: int) -> tuple[Change, ...]:
    """Return the clock changes that affect slots of a cron expression, the next one first.

    One whose hour begins with ``*`` has none: it runs all day long, and an hour more or less is
    expected of it.

    Args:
        now: an aware instant.
        months: of 31 days each.
    """
    if cron.tz == "UTC" or _runs_all_day(cron):
        return ()
    shifts = shifts_of(cron.tz, now.astimezone(UTC).date(), months)
    if not shifts:
        return ()
    calendar = CronSlots.of(cron.reading, cron.fields)
    found = []
    for shift in shifts:
        slots = _slots_in(calendar, shift)
        if slots and shift.instant > now:
            found.append(Change(shift, slots, _note(cron, shift, slots)))
    return tuple(found)


@lru_cache(maxsize=256)
def shifts_of(tz: str, start: date, months: int) -> tuple[Shift, ...]:
    """Return the jumps of a zone's wall clock in the months from ``start`` on, without corrections.

    zoneinfo has no list of them, so the offset of each day is compared with that of the next.
    """
    here = zone(tz)
    day = datetime(start.year, start.month, start.day, tzinfo=UTC)
    found = []
    for _ in range(months * _DAYS_PER_MONTH):
        following = day + timedelta(days=1)
        before, after = day.astimezone(here).utcoffset(), following.astimezone(here).utcoffset()
        if before is not None and after is not None and before != after:
            early, late = day, following
            while late - early > timedelta(seconds=1):
                middle = early + (late - early) // 2
                if middle.astimezone(here).utcoffset() == before:
                    early = middle
                else:
                    late = middle
            edge = late.replace(microsecond=0, tzinfo=None)
            found.append(Shift(edge.replace(tzinfo=UTC), edge + before, edge + after))
        day = following
    return tuple(shift for shift in found if not shift.is_correction)


def _runs_all_day(cron: Cron) -> bool:
    words = cron.expr.split()
    return cron.expr.lower() == "@hourly" or (len(words) == 5 and words[1].startswith("*"))


def _slots_in(calendar: CronSlots, shift: Shift) -> tuple[datetime, ...]:
    begin, end = sorted((shift.old, shift.new))
    found: list[datetime] = []
    slot = calendar.first_from(begin)
    while slot is not None and slot < end and len(found) <= _MAX_SLOTS_SHOWN:
        found.append(slot)
        slot = calendar.first_from(slot + timedelta(minutes=1))
    return tuple(found)


def _note(cron: Cron, shift: Shift, slots: tuple[datetime, ...]) -> str:
    times = [f"{slot:%H:%M}" for slot in slots]
    shown = listed([*times[:_MAX_SLOTS_SHOWN], "more"] if len(times) > _MAX_SLOTS_SHOWN else times)
    rule = cron.rule
    if shift.is_gap:
        happens = f"runs once at {shift.new:%H:%M}" if rule == "once" else "does not run then"
        return f"on {shift.old:%Y-%m-%d} clocks in {cron.tz} move forward past {shown}; the job {happens}"
    happens = "runs in both passes" if rule == "elapsed" else "runs in the first pass only"
    verb = "come" if len(times) > 1 else "comes"
    back = f"on {shift.new:%Y-%m-%d} clocks in {cron.tz} move back"
    return f"{back} and {shown} {verb} twice; the job {happens}"
