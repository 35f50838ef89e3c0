"""An attempt: a backend executes one claimed run until it ends, sleeps or is released.

The attempt contains what is the same for every backend: the lease, the time limit, interruptions, the checks
before any cost, and the release.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.job.stored import unknown_reason
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.lease import Lease
from scheduler.core.run.run import State
from scheduler.core.run.turn import Park
from scheduler.engine.attempt import rests
from scheduler.engine.attempt.desk import RunDesk
from scheduler.engine.attempt.failures import Doing, Leave, verdict_of
from scheduler.engine.attempt.pins import pinned_again
from scheduler.engine.attempt.toolset import open_tools
from scheduler.engine.attempt.writer import RunWriter
from scheduler.engine.services import Services
from scheduler.errors import ConfigError, LostLeaseError, StoreError
from scheduler.host.paths import workdir_problem
from scheduler.ports.backend import Backend, Interruption
from scheduler.ports.tool import ForeignTool
from scheduler.ports.toolset import Toolbox

log = logging.getLogger("agentcron")


class Attempt:
    """One attempt at one run.

    Args:
        stopping: whether this process is stopping.
        writer: the class that writes its steps.
    """

    def __init__(
        self,
        services: Services,
        lease: Lease,
        checkpoint: Checkpoint,
        stopping: Callable[[], bool] = lambda: False,
        writer: type[RunWriter] = RunWriter,
    ) -> None:
        self.services = services
        self.tools: Toolbox = {}
        self.writer = writer(services.store, lease, checkpoint, services.move_log, services.secrets)
        self._stopping = stopping
        self._work: asyncio.Task[None] | None = None
        self._interrupted: Interruption | None = None
        self._doing = Doing.OTHER
        self.is_owed = False
        """Whether the attempt ended while the database was not available."""

    @property
    def run_id(self) -> str:
        """The run that is executed."""
        return self.writer.lease.run_id

    @property
    def must_stop(self) -> Interruption | None:
        """Why it must stop, or None."""
        if self._interrupted is None:
            if self.writer.cancel_asked:
                self._interrupted = "cancel"
            elif self._stopping() or self.services.halted() is not None:
                # After a halt, too, the run is handed back and continues later where it was.
                self._interrupted = "stop"
        return self._interrupted

    def interrupt(self, why: Interruption) -> None:
        """End the attempt now, whatever it does."""
        if self._interrupted is None and self._work is not None and not self._work.done():
            self._interrupted = why
            self._work.cancel()

    async def run(self) -> State:
        """Work until the run is final, sleeping, parked, retrying, or released; return its state."""
        self._work = asyncio.create_task(self._advance(), name=f"run {self.run_id}")
        try:
            done, _ = await asyncio.wait({self._work}, timeout=self.writer.checkpoint.job.timeout_seconds)
            if not done:
                self.interrupt("timeout")
                await asyncio.wait({self._work})
        except asyncio.CancelledError:
            # The process ends and has no time for a record: the lease runs out by itself.
            self._work.cancel()
            await asyncio.wait({self._work})
            raise
        try:
            error = self._work.exception()
        except asyncio.CancelledError as cancelled:
            error = cancelled
        try:
            await self._let_go(error)
        except LostLeaseError:
            self.services.move_log.lease_lost(self.writer.checkpoint.run, self.services.clock.now())
        except StoreError as late:
            self.is_owed = True
            log.warning("run %s: let go without a record: %s", self.run_id, late)
        return self.writer.checkpoint.run.state

    async def _advance(self) -> None:
        services, writer, job = self.services, self.writer, self.writer.checkpoint.job
        if job.unknown:
            # One of them may be a limit: without it the run could do more than allowed.
            await rests.park(services, writer, Park(ReasonCode.VERSION, unknown_reason(job)))
            return
        if job.secrets:  # before anything could print one
            await asyncio.to_thread(services.secrets.learn, job)
        self._doing = Doing.OPENING
        backend = services.backend_for(job)
        self._doing = Doing.PROFILE
        services.profile_for(job)
        self._doing = Doing.OTHER
        if (step := await rests.too_awake(services, writer.checkpoint)) is not None:
            await writer.commit(step)
            return
        if job.workdir is not None and (problem := workdir_problem(job.workdir)):
            await rests.park(services, writer, Park(ReasonCode.WORKDIR, problem))
            return
        if self.must_stop is None:
            await self._with_tools(backend)

    async def _with_tools(self, backend: Backend) -> None:
        """Let the backend continue the run while its tools are open."""
        services, writer, job = self.services, self.writer, self.writer.checkpoint.job
        self._doing = Doing.OPENING
        opening = open_tools(services.sources_for(job), job, self.run_id, services.settings)
        async with opening as toolbox:
            self.tools = _all_tools(toolbox, backend)
            self._doing = Doing.OTHER
            if (step := pinned_again(writer.checkpoint, self.tools, services.clock.now())) is not None:
                await writer.commit(step)
            writer.declared = {name: tool.spec for name, tool in self.tools.items()}
            await backend.advance(
                self, RunDesk(services, writer, self.tools, lambda: self.must_stop is not None)
            )

    async def _let_go(self, error: BaseException | None) -> None:
        """Record how the attempt ended, unless its last step has done so."""
        services, writer = self.services, self.writer
        why = self.must_stop if error is None else self._interrupted
        match verdict_of(error, writer.checkpoint, services.settings, self._doing, why):
            case Leave.LOST:
                services.move_log.lease_lost(writer.checkpoint.run, services.clock.now())
            case Leave.OWED:
                # Nothing can be recorded, so nothing more may happen; the lease is handed back later.
                self.is_owed = True
                log.error("run %s: stopped, the database cannot be written: %s", self.run_id, error)
            case None:
                pass
            case verdict:
                await rests.carry_out(services, writer, verdict, error)


def _all_tools(tools: Toolbox, backend: Backend) -> Toolbox:
    """Return the tools of a job and those of its backend.

    Raises:
        ConfigError: two have the same name, so that the declaration of one would apply to the other.
    """
    if twice := sorted(tools.keys() & backend.tools.keys()):
        raise ConfigError(f"its backend has tools of its own named {', '.join(twice)}, as the job has")
    return {**tools, **{name: ForeignTool(spec) for name, spec in backend.tools.items()}}
