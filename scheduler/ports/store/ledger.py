"""The ledger: the steps of a claimed run."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.lease import Lease
from scheduler.core.run.run import Run
from scheduler.core.run.step import Step
from scheduler.core.trust.approval import Used


class Ledger(Protocol):
    """Checkpoints and steps, and the counts of a job for a decision about a step."""

    async def checkpoint(self, lease: Lease, now: datetime) -> Checkpoint:
        """Load everything that is needed to continue a claimed run.

        Raises:
            LostLeaseError: the epoch has moved on.
        """
        ...

    async def part(self, lease: Lease, kind: str, now: datetime) -> Any:
        """Return one part of a checkpoint, of a kind that is not read at each claim; None: it has none.

        Raises:
            LostLeaseError: the epoch has moved on.
        """
        ...

    async def commit(self, lease: Lease, step: Step) -> bool:
        """Write one step, if the lease's epoch is still the run's.

        Returns whether a cancel was requested: a run that keeps running ends at its next step; one that waits
        would never look at its flag, and was cancelled in the same transaction.

        Raises:
            LostLeaseError: it is not; nothing was written.
            FactsChangedError: a guard of the step does not hold, or the facts of a change are outdated;
                nothing was written.
            OverBudgetError: there is no room for the request that it opens; nothing was written.
        """
        ...

    async def run(self, run_id: str) -> Run | None:
        """Return one run."""
        ...

    async def used_today(self, job: str, since: datetime) -> Used:
        """Return the calls that the runs of a job and of its follow-ups have started since an instant."""
        ...

    async def wakes_since(self, job: str, since: datetime, most: int) -> list[datetime]:
        """Return when sleeps of a job's and its follow-ups' runs ended by themselves after ``since``.

        The latest first, at most ``most`` of them.
        """
        ...
