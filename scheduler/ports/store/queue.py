"""The queue: due runs, claims and leases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from scheduler.core.run.lease import Lease
from scheduler.core.run.run import State


@dataclass(frozen=True, slots=True)
class Roused:
    """A run whose wake-up has come: queued, or failed if that was its deadline (then with the reason).

    Args:
        due: when it came: its instant, or that of the event.
    """

    run_id: str
    job: str
    state: State
    kind: str
    due: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rescued:
    """A run taken back from a runner that died or stopped responding, and the attempt that ended.

    Args:
        epoch: of that attempt.
        created_at: of the run.
        claimed_at: when that attempt began.
    """

    run_id: str
    job: str
    state: State
    runner: str
    epoch: int
    created_at: datetime
    claimed_at: datetime


class Queue(Protocol):
    """Wake-ups that come due, claims and leases."""

    async def wake_due(self, now: datetime, limit: int) -> list[Roused]:
        """Queue the runs whose earliest wake-up is due (or fail them if it was their deadline).

        Handles at most ``limit`` wake-ups.
        """
        ...

    async def rescue(
        self, now: datetime, dead_runners: Sequence[str], max_attempts: int, *, by_lease: bool = True
    ) -> list[Rescued]:
        """Take back runs whose lease ran out or whose runner is dead; fail those with too many attempts.

        Without ``by_lease`` only dead runners are considered: after a jump of the clock leases prove nothing.
        """
        ...

    async def claim(
        self,
        runner: str,
        now: datetime,
        *,
        limit: int,
        lease_seconds: float,
        only: Sequence[str] | None = None,
    ) -> list[Lease]:
        """Take up to ``limit`` queued runs, fairly: jobs with fewer running runs first, then the oldest.

        One run of a job runs at a time, unless its ``overlap`` is ``allow``; with ``queue`` a run also
        waits until the earlier one is final.  A run is delayed until its ``not_before``.
        A claim raises the epoch; it uses up an attempt unless the run was woken from a sleep.
        Requests that an earlier runner left open become ``lost``.  ``only`` limits it to these runs.
        """
        ...

    async def renew(self, leases: Sequence[Lease], now: datetime, lease_seconds: float) -> set[str]:
        """Extend leases; return the run ids whose lease is lost."""
        ...

    async def cancel_asked(self, run_ids: Sequence[str]) -> set[str]:
        """Return those of the running runs that a person has cancelled."""
        ...

    async def next_due(self) -> datetime | None:
        """Return the earliest instant at which something will be due, including delayed claims."""
        ...
