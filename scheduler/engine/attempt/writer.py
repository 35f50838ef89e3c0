"""The run writer: commit steps under a lease, and advance the checkpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Request
from scheduler.core.run.lease import Lease
from scheduler.core.run.step import Step
from scheduler.core.run.step_marks import with_marks
from scheduler.core.trust.effect import Declared
from scheduler.engine.move_log import MoveLog
from scheduler.errors import FactsChangedError
from scheduler.ports.secrets import Secrets
from scheduler.ports.store.ledger import Ledger

MAX_LOOKS = 20
"""How often a checkpoint is read again without a step: a change that is always refused must not spin."""


class RunWriter:
    """Write the steps of one claimed run.

    ``checkpoint`` advances only after the store has acknowledged a step, so it is never ahead of the disk.
    ``cancel_asked`` is the result of the last commit: no separate query is needed before a step.

    Args:
        secrets: removes known secrets from a step before it is written, shown, or sent to a model.

    Attributes:
        declared: the specs of the run's tools, for the marks of its calls.
        follow: adds the consequence to a step with messages or results, in one commit.
        attach: adds to any step what waits for the next one; None: nothing waits.
    """

    def __init__(
        self,
        store: Ledger,
        lease: Lease,
        checkpoint: Checkpoint,
        move_log: MoveLog,
        secrets: Secrets,
    ) -> None:
        self._store = store
        self._move_log = move_log
        self.declared: Mapping[str, Declared] = {}
        self.lease = lease
        self.checkpoint = checkpoint
        self.secrets = secrets
        self.cancel_asked = checkpoint.run.cancel_requested
        self.open_request: Request | None = None
        self.follow: Callable[[Checkpoint, Step], Step] = lambda _, step: step
        self.attach: Callable[[Checkpoint, Step], Step] | None = None
        self._in_turn = asyncio.Lock()
        self._looks = 0

    async def commit(self, step: Step) -> None:
        """Write one step.

        A cancelled caller does not cancel the write: the committer may have it on the disk already.

        Raises:
            LostLeaseError: another runner owns the run; nothing was written.
            StoreError: the database cannot be written; nothing was written.
        """
        writing = asyncio.ensure_future(self._write(step))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            if not writing.done():
                await asyncio.wait({writing})
            raise

    async def look_again(self, now: datetime) -> None:
        """Read the checkpoint again: another run or a person has changed the facts.

        Raises:
            FactsChangedError: it was read so often since the last step that reading does not help.
            LostLeaseError: another runner owns the run.
        """
        self._looks += 1
        if self._looks > MAX_LOOKS:
            raise FactsChangedError("what its calls depend on was never as it had been read a moment before")
        self.checkpoint = await self._store.checkpoint(self.lease, now)

    def lost_request(self, now: datetime) -> Request | None:
        """Return the request in flight as lost: it may be billed, and its answer is never read."""
        return None if self.open_request is None else self.open_request.as_lost(now, "interrupted")

    async def _write(self, step: Step) -> None:
        # One after the other: the consequence of a step depends on what parallel calls have written before
        # it.
        async with self._in_turn:
            if step.results or step.messages:
                step = self.follow(self.checkpoint, step)
            if self.attach is not None:
                step = self.attach(self.checkpoint, step)
            await self._write_next(step)

    async def _write_next(self, step: Step) -> None:
        if step.messages or step.results or step.started or step.marks is not None:
            # In the same commit: no crash loses the marks of the run.
            step = with_marks(step, self.checkpoint, self.declared)
        step = self.secrets.hidden(step)
        asked = await self._store.commit(self.lease, step)
        self._looks = 0
        before, self.checkpoint = self.checkpoint, self.checkpoint.apply(step)
        self.cancel_asked = asked
        if step.opened is not None:
            self.open_request = step.opened
        if step.closed is not None:
            self.open_request = None
        self._move_log.committed(before, step, self.checkpoint, cancelled=asked and step.move is not None)
