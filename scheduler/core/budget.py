"""The local day of a budget: where it begins, and when the next one does."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from scheduler.core.instants import zone


def day_start(now: datetime, tz: str) -> datetime:
    """Return the first instant (UTC) of the local day that ``now`` lies in."""
    return _midnight(now, tz, 0)


def next_local_day(now: datetime, tz: str) -> datetime:
    """Return the first instant (UTC) of the next local day in ``tz``."""
    return _midnight(now, tz, 1)


def _midnight(now: datetime, tz: str, days: int) -> datetime:
    there = zone(tz)
    day = now.astimezone(there).date() + timedelta(days=days)
    # Where midnight itself falls into a gap, the offset before it points at the gap's end.
    return datetime.combine(day, time(), tzinfo=there).astimezone(UTC)
