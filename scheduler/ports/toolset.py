"""The port of tool sources: tools that exist as long as an attempt."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from scheduler.core.job.job import Job
from scheduler.ports.tool import AnyTool

Toolbox: TypeAlias = Mapping[str, AnyTool]
"""Tools by name."""


class ToolSource(Protocol):
    """Provide tools to an attempt: opened before the run continues, closed when the attempt ends.

    Register an object under the entry point group ``agentcron.toolsources``; its name is that of the entry
    point: lower-case letters, digits and ``-``.  A job lists its tools as ``tools=SOURCE:NAME`` or
    ``SOURCE:*``.
    """

    @property
    def name(self) -> str:
        """Its name in a job; empty for installed tools, which need no source in their names."""
        ...

    def provides(self, job: Job) -> bool:
        """Whether this job can get tools of it, without opening anything."""
        ...

    def open(self, job: Job, run_id: str) -> AbstractAsyncContextManager[Toolbox]:
        """Open the resources of the tools; the tools may be called until the context is left.

        Entered and left in one separate task, once for each attempt at a run.  Opening is not an effect: it
        may happen any number of times, without an approval.  Leaving happens however the attempt ends, but
        not if the process is killed, so a child process has to end with its parent.  The next attempt of the
        run may be opened elsewhere while this one is being left.

        The tools are of the kind ``Tool``, called ``SOURCE__NAME``, with the same declarations at each
        opening: one that changes is refused to runs that began before.  A call raises ToolFault if it
        certainly failed.  After any other error, and if the context ends in the middle of a call, its outcome
        is unknown.

        Raises:
            Exception: it cannot be opened now.  The run is parked with the reason ``tool``, and checks again.
        """
        ...


@dataclass(frozen=True, slots=True)
class FixedTools:
    """A tool source that needs no opening.

    Args:
        tools: the tools of a job; may raise ConfigError.
    """

    tools: Callable[[Job], Toolbox]
    name: str = ""

    def provides(self, job: Job) -> bool:  # noqa: ARG002  (a port)
        """Every job gets tools of it."""
        return True

    @asynccontextmanager
    async def open(self, job: Job, run_id: str) -> AsyncIterator[Toolbox]:  # noqa: ARG002  (a port)
        """Yield the tools of the job."""
        yield self.tools(job)
