"""The tools of an attempt: opened before its backend runs, and closed however the attempt ends.

Each tool source is entered and left in a separate task, its holder.  So a library that needs both in one
task gets that; if it cancels the task in which it was entered, this is the holder and not the attempt, which
may be in the middle of a commit; and a source that never finishes closing is abandoned after a while.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from scheduler.core.job import tool_names
from scheduler.core.job.job import Job
from scheduler.core.text.suggest import did_you_mean
from scheduler.engine.schema import check_schema
from scheduler.engine.settings import Settings
from scheduler.errors import AgentcronError, ConfigError, ToolFault, ToolLostError, described
from scheduler.ports.tool import Args, InsideTool, Probe, Tool, ToolAnswer, ToolContext, ToolSpec, is_tool
from scheduler.ports.toolset import Toolbox, ToolSource

log = logging.getLogger("agentcron")

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
"""The valid names of tools for the APIs of models."""


@asynccontextmanager
async def open_tools(
    sources: Sequence[ToolSource], job: Job, run_id: str, settings: Settings
) -> AsyncIterator[Toolbox]:
    """Open tool sources concurrently, and yield their tools in a stable order.

    Raises:
        ConfigError: one cannot be opened, takes too long, or provides an invalid tool.
    """
    holders = [_Holder(source, job, run_id) for source in sources]
    try:
        yield await _opened(holders, job, settings.open_seconds)
    finally:
        await _close(holders, run_id, settings.close_seconds)


class _Holder:
    """Keep one source open, in a separate task."""

    def __init__(self, source: ToolSource, job: Job, run_id: str) -> None:
        self.source = source
        self.toolbox: asyncio.Future[Toolbox] = asyncio.get_running_loop().create_future()
        self._closing = asyncio.Event()
        self.task = asyncio.create_task(self._hold(job, run_id), name=f"tools {source.name} of run {run_id}")

    @property
    def what(self) -> str:
        """Its name for a person."""
        return f"the tool source {self.source.name}" if self.source.name else "the source of installed tools"

    async def _hold(self, job: Job, run_id: str) -> None:
        async with self.source.open(job, run_id) as toolbox:
            self.toolbox.set_result(toolbox)
            await self._closing.wait()

    async def opened(self) -> Toolbox:
        """Wait until it is open, and return its tools.

        Raises:
            ConfigError: it cannot be opened.
        """
        either: set[asyncio.Future[Any]] = {self.toolbox, self.task}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self.toolbox.done():
            return self.toolbox.result()
        error = None if self.task.cancelled() else self.task.exception()
        if isinstance(error, AgentcronError) and not self.source.name:
            raise ConfigError(error.message, help=error.help) from error
        raise ConfigError(f"{self.what} cannot be opened: {_told(error)}") from error

    def close(self) -> None:
        """Close it; one that is not open yet is abandoned."""
        self._closing.set()
        if not self.toolbox.done():
            self.task.cancel()


async def _opened(holders: Sequence[_Holder], job: Job, seconds: float) -> Toolbox:
    toolbox: dict[str, Any] = {}
    for holder in holders:
        try:
            async with asyncio.timeout(seconds):
                given = await holder.opened()
        except TimeoutError as error:
            raise ConfigError(f"{holder.what} was not open after {seconds:g} s, its limit") from error
        if holder.source.name:
            given = _of_job(holder, given, job)
            if taken := sorted(toolbox.keys() & given.keys()):
                raise ConfigError(f"{holder.what} provides {', '.join(taken)}, which is installed, too")
        toolbox.update(given)
    return toolbox


def _of_job(holder: _Holder, given: Toolbox, job: Job) -> Toolbox:
    """Return the tools of a source that a job names, sorted by name.

    Raises:
        ConfigError: one is missing, or is not a valid tool of this source.
    """
    source, names = holder.source.name, job.tools or ()
    for name, tool in given.items():
        if not is_tool(tool) or isinstance(tool, InsideTool):
            raise ConfigError(f"{holder.what} provides {name}, which is not a tool that acts but {tool!r}")
        if tool.spec.name != name or tool_names.source_of(name) != source or not _NAME.match(name):
            said = tool.spec.name if tool.spec.name != name else name
            raise ConfigError(
                f"{holder.what} gives a tool that it calls {said!r}",
                help=f"its name is {tool_names.full_name(source, 'NAME')}, of letters, digits, _ and -",
            )
    if missing := tool_names.missing(names, source, list(given)):
        known = [name.removeprefix(tool_names.full_name(source, "")) for name in given]
        near = did_you_mean(missing[0], known) or f"it has {', '.join(sorted(known)) or 'none'}"
        raise ConfigError(f"{holder.what} has no tool {missing[0]} ({near})")
    chosen = {name: given[name] for name in sorted(given) if tool_names.is_named(names, source, name)}
    for name, tool in chosen.items():
        try:
            check_schema(tool.spec.schema)
        except ConfigError as error:
            raise ConfigError(f"{holder.what}: {name}: {error.message}", help=error.help) from error
    return {name: HeldTool(tool, holder) for name, tool in chosen.items() if not isinstance(tool, InsideTool)}


async def _close(holders: Sequence[_Holder], run_id: str, seconds: float) -> None:
    tasks = {holder.task for holder in holders}
    try:
        early = [holder for holder in holders if holder.task.done() and holder.toolbox.done()]
        for holder in holders:
            holder.close()
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=seconds)
    finally:
        for task in tasks:
            task.cancel()  # this process has no more time; a finished task is not affected
    for holder in holders:
        if not holder.toolbox.done():
            continue  # it was never open, which is reported elsewhere
        if not holder.task.done() or holder.task in late:
            log.warning("run %s: %s was not closed after %g s, its limit", run_id, holder.what, seconds)
        elif holder in early:
            log.warning("run %s: %s ended before the attempt: %s", run_id, holder.what, _error_of(holder))
        elif holder.task.cancelled() or holder.task.exception():
            log.warning("run %s: %s closed with an error: %s", run_id, holder.what, _error_of(holder))


def _error_of(holder: _Holder) -> str:
    return _told(None if holder.task.cancelled() else holder.task.exception())


def _told(error: BaseException | None) -> str:
    return "it ended by itself" if error is None else described(error)


class HeldTool:
    """A tool of a source: its calls end when the source ends, with the outcome as far as it is known."""

    def __init__(self, tool: Tool, holder: _Holder) -> None:
        self.spec: ToolSpec = tool.spec
        self._tool = tool
        self._holder = holder

    async def call(self, args: Args, context: ToolContext) -> ToolAnswer:
        """Execute the call.

        Raises:
            ToolFault: it failed, or was not made because the source has ended.
            ToolLostError: the source ended, or failed in an unknown way, in the middle of it.
        """
        return await self._while_open(self._tool.call, args, context)

    async def probe(self, args: Args, context: ToolContext) -> Probe:
        """Probe whether an interrupted call happened; raises like ``call``."""
        return await self._while_open(self._tool.probe, args, context)

    async def _while_open(
        self, do: Callable[[Args, ToolContext], Coroutine[Any, Any, T]], args: Args, context: ToolContext
    ) -> T:
        name, holder = self.spec.name, self._holder
        if holder.task.done():
            raise ToolFault(
                f"{name}: {holder.what} has ended, so nothing was done",
                help="sleep for a while; it is opened again then",
            )
        work = asyncio.ensure_future(do(args, context))
        try:
            await asyncio.wait({work, holder.task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait({work})
        if work.cancelled():
            raise ToolLostError(f"{holder.what} ended in the middle of the call")
        try:
            return work.result()
        except ToolFault:
            raise
        except Exception as error:
            raise ToolLostError(f"{holder.what} failed in the call: {_told(error)}") from error
