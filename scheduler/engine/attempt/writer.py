"""Progress: the checkpoint of one claimed run, moved on by commits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Request
from scheduler.core.run.lease import Lease
from scheduler.core.run.step import Step
from scheduler.engine.move_log import Witness
from scheduler.ports.secrets import NoSecrets, Secrets
from scheduler.ports.store import Store


class Progress:
    """A lease and the checkpoint that it may write to.

    ``at`` moves only after the store has acknowledged a step, so it is never ahead of the disk.
    ``cancel_asked`` is as the last commit found it: no question of its own is needed before a step.
    """

    def __init__(self, store: Store, lease: Lease, at: Checkpoint, witness: Witness | None = None) -> None:
        self._store = store
        self._witness = witness or Witness()
        self.lease = lease
        self.at = at
        self.cancel_asked = at.run.cancel_requested
        self.open_request: Request | None = None
        self._in_turn = asyncio.Lock()
        self.complete: Callable[[Step], Step] = lambda step: step
        """What may be added to a step just before it is written."""
        self.secrets: Secrets = NoSecrets()
        """What is taken out of a step before it is written, shown, or sent to a model."""

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

    async def _write(self, step: Step) -> None:
        # One after the other: what completes a step depends on what parallel calls have written before it.
        async with self._in_turn:
            await self._write_next(step)

    async def _write_next(self, step: Step) -> None:
        step = self.secrets.hidden(self.complete(step))
        asked = await self._store.commit(self.lease, step)
        before, self.at = self.at, self.at.apply(step)
        self.cancel_asked = asked
        if step.opened is not None:
            self.open_request = step.opened
        if step.closed is not None:
            self.open_request = None
        self._witness.committed(before, step, self.at, cancelled=asked and step.move is not None)
