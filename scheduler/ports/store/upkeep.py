"""Upkeep: a restored backup, old runs, a replaced database, and closing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from scheduler.core.job.restored import Restored
from scheduler.core.record import Head


@dataclass(frozen=True, slots=True)
class Restoration:
    """What the first opening of a restored backup did.

    Args:
        parked: the runs that wait for a person, because they may have acted since the backup.
        asleep: how many runs keep sleeping, as their wake-up is still ahead.
        skipped: how many jobs had slots that came due and are not fired.
        held: the runs whose reports are not sent, because they may have been.
    """

    restored: Restored
    parked: tuple[str, ...] = ()
    asleep: int = 0
    skipped: int = 0
    held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was deleted, or would be; ``bytes`` is its approximate size in the database.

    ``next_job`` is where to continue: jobs are checked in order of name, and empty is the end.
    """

    runs: int = 0
    rows: int = 0
    bytes: int = 0
    next_job: str = ""

    def plus(self, other: Pruned) -> Pruned:
        """Return the sum."""
        return Pruned(self.runs + other.runs, self.rows + other.rows, self.bytes + other.bytes)


class Upkeep(Protocol):
    """Operations on the whole database."""

    async def settle_restore(
        self, now: datetime, boot_id: str, park_until: datetime, head: Head | None = None
    ) -> Restoration | None:
        """Record once that this database is a restored backup, before any work with it; None if it is not.

        What happened since the backup is unknown, so nothing may be repeated: see ``Restoration``.

        Args:
            park_until: when the parked runs fail (resumably).
            head: where the daily log ends; the records continue from there if it has more than the copy.
        """
        ...

    async def prunable(self, now: datetime, older_than_seconds: int | None = None) -> Pruned:
        """Return everything that ``prune`` would delete."""
        ...

    async def prune(
        self, now: datetime, older_than_seconds: int | None = None, limit: int = 50, start: str = ""
    ) -> Pruned:
        """Delete up to ``limit`` runs that are no longer kept, with all their rows.

        Never a live run, the last one of a job, a day's spending before the day is over, a report that was
        not sent, or what keeps a slot from firing twice.  If there is nothing to delete, nothing is written.

        Args:
            older_than_seconds: how long runs are kept of jobs without a setting, and of jobs that the crontab
                no longer has.
            start: the first job: ``next_job`` of the previous call.
        """
        ...

    async def reopen(self) -> None:
        """Open the database again after a ReplacedError; data that was loaded before is invalid.

        Raises:
            StoreError: the new one cannot be used; until another call succeeds, the store is closed.
        """
        ...

    async def close(self) -> None:
        """Finish queued writes and close."""
        ...
