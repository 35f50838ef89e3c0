"""The clock port: the present time, and waiting."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from scheduler.core.time.clocks import Reading


class Clock(Protocol):
    """Return the time, and wait."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a monotonic clock; only differences mean anything."""
        ...

    def reading(self) -> Reading:
        """Return all clocks of this machine at one moment."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; cancellable."""
        ...
