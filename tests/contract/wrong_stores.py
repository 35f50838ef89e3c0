"""Stores that break the contract in one point each, over one that keeps it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from scheduler.core.actor import DAEMON
from scheduler.core.run.event import Event
from scheduler.core.run.lease import Lease
from scheduler.core.run.notice import Notice
from scheduler.core.run.run import Run
from scheduler.core.run.step import Step
from scheduler.errors import LostLeaseError, RefusedError
from scheduler.ports.store.database import Database
from scheduler.ports.store.intake import Taken
from scheduler.ports.store.outbox import Pending
from scheduler.ports.store.queue import Roused
from scheduler.ports.store.store import Store
from scheduler.ports.store.upkeep import Pruned


class WrongStore:
    """A store that is right; a subclass breaks one method."""

    def __init__(self, store: Store) -> None:
        self.right = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.right, name)


class WrongDatabase:
    """A database whose stores are wrong."""

    def __init__(self, right: Database, wrong: type[WrongStore]) -> None:
        self._right, self._wrong = right, wrong

    def __getattr__(self, name: str) -> Any:
        return getattr(self._right, name)

    def open_store(self, new_id: Callable[[], str], *, busy_seconds: float | None = None) -> Store:
        """Open a wrong store."""
        return cast(Store, self._wrong(self._right.open_store(new_id, busy_seconds=busy_seconds)))


class IgnoresTheEpoch(WrongStore):
    """Writes a step of an old lease as if it were the present one."""

    async def commit(self, lease: Lease, step: Step) -> bool:
        """Write it under the epoch that the run has."""
        run = await self.right.run(lease.run_id)
        assert run is not None
        return await self.right.commit(replace(lease, epoch=run.epoch), step)


class SwallowsALostLease(WrongStore):
    """Takes a step of an old lease for written."""

    async def commit(self, lease: Lease, step: Step) -> bool:
        """Say that it was written."""
        try:
            return await self.right.commit(lease, step)
        except LostLeaseError:
            return False


class ForgetsGuards(WrongStore):
    """Writes a step whatever its guards say."""

    async def commit(self, lease: Lease, step: Step) -> bool:
        """Write it without them."""
        return await self.right.commit(lease, replace(step, guards=()))


class ForgetsMessages(WrongStore):
    """Keeps the move of a step, and not what was said."""

    async def commit(self, lease: Lease, step: Step) -> bool:
        """Write it without them."""
        return await self.right.commit(lease, replace(step, messages=()))


class ReportsNoCancel(WrongStore):
    """Keeps a cancel from the run."""

    async def commit(self, lease: Lease, step: Step) -> bool:
        """Say that none was requested."""
        await self.right.commit(lease, step)
        return False


class DoublesASlot(WrongStore):
    """Makes a second run of each slot."""

    async def fire(self, job: Any, decide: Any, now: datetime, *cause: Any) -> list[Run]:
        """Fire, and fire by hand."""
        made = await self.right.fire(job, decide, now, *cause)
        more = await self.right.fire_by(job, now, actor=DAEMON) if made else None
        return [*made, more] if more else made


class ClaimsTwice(WrongStore):
    """Gives a run that somebody has to the next who claims."""

    taken: list[Lease] = []

    async def claim(self, *args: Any, **options: Any) -> list[Lease]:
        """Give the last one once more."""
        found = await self.right.claim(*args, **options)
        again, ClaimsTwice.taken = ClaimsTwice.taken[-1:], found
        return [*again, *found]


class WakesEarly(WrongStore):
    """Wakes sleepers a moment before their time."""

    async def wake_due(self, now: datetime, limit: int) -> list[Roused]:
        """Look a second ahead."""
        return await self.right.wake_due(now + timedelta(seconds=1), limit)


class LosesNoLease(WrongStore):
    """Never says that a lease was lost."""

    async def renew(self, *args: Any) -> set[str]:
        """Say that all is well."""
        await self.right.renew(*args)
        return set()


class OutboxForgets(WrongStore):
    """Takes a notice for sent as soon as it was handed out."""

    async def take_notices(self, runner: str, now: datetime, limit: int) -> list[Pending]:
        """Settle what is handed out."""
        taken = await self.right.take_notices(runner, now, limit)
        for pending in taken:
            await self.right.settle_notice(pending.id, now, "", None)
        return taken


class OutboxRepeats(WrongStore):
    """Hands a notice out that another process has."""

    taken: list[Pending] = []

    async def take_notices(self, runner: str, now: datetime, limit: int) -> list[Pending]:
        """Hand out the last ones too."""
        found = await self.right.take_notices(runner, now, limit)
        again, OutboxRepeats.taken = OutboxRepeats.taken, found
        return [*again, *found]


class OutboxIgnoresKeys(WrongStore):
    """Writes a notice however often it is queued."""

    async def queue_notice(self, notice: Notice, now: datetime, job: str = "") -> bool:
        """Write it without its key."""
        return await self.right.queue_notice(replace(notice, dedupe_key=""), now, job)


class RecordsAnEventTwice(WrongStore):
    """Takes every report of an event for a new one."""

    numbers = itertools.count()

    async def take_event(self, event: Event) -> Taken:
        """Give it another key."""
        return await self.right.take_event(replace(event, key=f"{event.key}-{next(self.numbers)}"))


class AnswersTwice(WrongStore):
    """Takes a second answer to a question."""

    async def answer(self, *args: Any, **options: Any) -> object:
        """Say that it was taken."""
        try:
            return await self.right.answer(*args, **options)
        except RefusedError:
            return None


class NamesAnother(WrongStore):
    """Puts another name on record."""

    async def pause(self, job: str, reason: str, now: datetime, **_: object) -> bool:
        """Pause as the daemon."""
        return await self.right.pause(job, reason, now, actor=DAEMON)


class CountsItsOwnWrites(WrongStore):
    """Takes its own writes for those of another process."""

    async def changes(self) -> int:
        """Count what was committed here."""
        return await self.right.changes() + self.right.commits()


class PrunesTooMuch(WrongStore):
    """Deletes runs that are still to be kept."""

    async def prune(self, now: datetime, *args: Any, **options: Any) -> Pruned:
        """Prune as a later day would."""
        return await self.right.prune(now + timedelta(days=30), *args, **options)


class IsNeverClosed(WrongStore):
    """Works on after it was closed."""

    closed: Any = None

    async def close(self) -> None:
        """Keep it open until it is closed a second time."""
        if self.closed is not None:
            await self.right.close()
        self.closed = True
