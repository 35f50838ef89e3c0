"""Processes: running runners, jumps of their clock, and detection of writes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from scheduler.core.job.standing import RunnerInfo
from scheduler.core.time.clocks import Jump


class Processes(Protocol):
    """Runners and their clocks."""

    async def enter(self, runner: RunnerInfo) -> None:
        """Record that a runner works."""
        ...

    async def seen(self, runner: str, now: datetime) -> None:
        """Record its heartbeat."""
        ...

    async def leave(self, runner: str, now: datetime) -> None:
        """Record that it stopped cleanly."""
        ...

    async def runners(self) -> list[RunnerInfo]:
        """Return the runners that have not stopped."""
        ...

    async def newest(self) -> datetime | None:
        """Return the latest heartbeat of any runner; None in a new database.

        Instants from before the clock was last set back do not count.
        """
        ...

    async def record_jump(self, jump: Jump, slots: Mapping[str, datetime | None]) -> bool:
        """Record that the clock was set or the machine was suspended; false if that is recorded already.

        After the clock was set back, jobs wait for the slots in ``slots`` if those are earlier than
        the stored ones (a slot that has its row is not fired again), and waits that the scheduler itself
        had computed (back-offs, checks, jitter, reports) are as long as before.
        """
        ...

    async def changes(self) -> int:
        """Return a number that changes when another process has written; cheap enough for every second."""
        ...

    def commits(self) -> int:
        """Return how many transactions that wrote this process has committed."""
        ...
