"""Processes: which runners are at work, what happened to their clock, and who has written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from scheduler.core.job.standing import RunnerInfo
from scheduler.core.time.clocks import Jump


class Processes(Protocol):
    """Runners and their clocks."""

    async def enter(self, runner: RunnerInfo) -> None:
        """Record that a runner is at work."""
        ...

    async def seen(self, runner: str, now: datetime) -> None:
        """Record that it still is."""
        ...

    async def leave(self, runner: str, now: datetime) -> None:
        """Record that it ended in order."""
        ...

    async def runners(self) -> list[RunnerInfo]:
        """Return the runners that have not left."""
        ...

    async def newest(self) -> datetime | None:
        """Return the latest instant at which a runner is known to have lived; None in a new database.

        Instants from before the clock was last set back do not count.
        """
        ...

    async def record_jump(self, jump: Jump, slots: Mapping[str, datetime | None]) -> bool:
        """Record that the clock was set or the machine was suspended; false when that is on record already.

        After a clock that was set back, jobs wait for the slots in ``slots`` where those are earlier than
        the stored ones (a slot that has its row is not fired again), and waits that the scheduler itself
        had measured (back-offs, probes, jitter, reports) are as long as before.
        """
        ...

    async def changes(self) -> int:
        """Return a number that changes when another process has written; cheap enough for every second."""
        ...

    def commits(self) -> int:
        """Return how many transactions that wrote this process has committed."""
        ...
