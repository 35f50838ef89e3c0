"""The transcript of a foreign agent: stored with the steps of its run, restored if its files are missing."""

from __future__ import annotations

import logging
from dataclasses import replace
from hashlib import sha256

from scheduler.core.changes.transcript import CONTENT, KIND, MAX_BYTES, NOTHING, KeepTranscript, Kept
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.step import Step
from scheduler.engine.attempt.writer import RunWriter
from scheduler.engine.services import Services
from scheduler.errors import RefusedError

log = logging.getLogger("agentcron")


class Transcript:
    """The stored transcript of one run, and the part for its next step.

    A part is written until the checkpoint confirms it: a step that the store refuses loses nothing.
    """

    def __init__(self, services: Services, writer: RunWriter) -> None:
        self._services, self._writer = services, writer
        self._hash = sha256()
        self._size = 0
        self._piece = b""
        self._is_whole = False
        self._is_read = False
        self._attached: KeepTranscript | None = None

    @property
    def _kept(self) -> Kept:
        kept: Kept = self._writer.checkpoint.parts.get(KIND) or NOTHING
        return kept

    async def read(self) -> bytes:
        """Return the stored transcript; nothing if its digest does not match."""
        content: bytes = b""
        if self._kept.seq:
            content = await self._services.store.part(self._writer.lease, CONTENT, self._services.clock.now())
        found = sha256(content)
        if found.hexdigest() != self._kept.digest:
            log.warning("run %s: its agent's transcript is damaged and not used", self._writer.lease.run_id)
            content, found = b"", sha256()
        if not self._is_read:
            self._is_read, self._is_whole = True, self._kept.seq > 0 and not content
            self._hash, self._size = found, len(content)
        return content

    async def keep(self, data: bytes, *, is_whole: bool) -> None:
        """Store a part with the next step.

        Args:
            is_whole: it replaces everything that was stored before.

        Raises:
            RefusedError: the run would store more than allowed; nothing of the part is stored.
        """
        if not self._is_read:
            await self.read()
        self._writer.attach = self.attached
        self._drop_stored(self._kept)
        data = self._writer.secrets.hidden(data)
        before = 0 if is_whole else self._size
        if before + len(data) > MAX_BYTES:
            raise RefusedError(
                f"its agent's transcript has {before + len(data):,} bytes, more than the {MAX_BYTES:,} that"
                " are kept of a run",
                help="let the agent shorten its conversation, or split the job",
            )
        if is_whole:
            self._hash, self._piece, self._is_whole = sha256(), b"", True
        self._hash.update(data)
        self._size = before + len(data)
        self._piece += data

    def attached(self, checkpoint: Checkpoint, step: Step) -> Step:
        """Return a step with the part that is not stored yet, if there is one."""
        kept: Kept = checkpoint.parts.get(KIND) or NOTHING
        self._drop_stored(kept)
        if not self._piece and not self._is_whole:
            return step
        self._attached = KeepTranscript(kept.seq + 1, self._piece, self._hash.hexdigest(), self._is_whole)
        return replace(step, changes=(*step.changes, self._attached))

    def _drop_stored(self, kept: Kept) -> None:
        """Drop the part that the last step has stored."""
        attached, self._attached = self._attached, None
        if attached is None or (kept.seq, kept.digest) != (attached.seq, attached.digest):
            return
        self._piece, self._is_whole = self._piece[len(attached.data) :], False
