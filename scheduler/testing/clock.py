"""A clock that moves only on request."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from scheduler.core.time.clocks import Reading


class FakeClock:
    """Starts at a given instant; ``sleep`` takes no real time, it moves the clock.

    Three days of sleep take microseconds, and nothing in a test depends on the machine's own clock.
    """

    def __init__(self, start: datetime | str = "2026-11-23T09:00:00+00:00") -> None:
        begin = datetime.fromisoformat(start) if isinstance(start, str) else start
        self._now = begin.astimezone(UTC)
        self._began = self._now
        self._set = timedelta()
        self._asleep = timedelta()

    def now(self) -> datetime:
        """Return the instant that the clock was moved to."""
        return self._now

    def monotonic(self) -> float:
        """Return seconds since the start, as far as the machine was awake."""
        return (self._now - self._began - self._set - self._asleep).total_seconds()

    def reading(self) -> Reading:
        """Return the three clocks."""
        awake = self.monotonic()
        return Reading(self._now, awake + self._asleep.total_seconds(), awake)

    async def sleep(self, seconds: float) -> None:
        """Move the clock on, and let other tasks run."""
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Move the clock by so many seconds; negative ones set it back."""
        self._now += timedelta(seconds=seconds)

    def set(self, seconds: float) -> None:
        """Do what somebody does who sets the clock: no time passes, and it shows another one."""
        self._now += timedelta(seconds=seconds)
        self._set += timedelta(seconds=seconds)

    def suspend(self, seconds: float) -> None:
        """Do what closing the lid does: time passes, and nothing runs."""
        self._now += timedelta(seconds=seconds)
        self._asleep += timedelta(seconds=seconds)

    def jump_to(self, instant: datetime) -> None:
        """Move the clock to an instant."""
        self._now = instant.astimezone(UTC)
