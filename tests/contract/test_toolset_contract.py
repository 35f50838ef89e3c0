"""The tool source of the tests holds to the suite that ships, and those that do not are caught by it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from scheduler.core.job.job import Job
from scheduler.core.run.conversation import CallState
from scheduler.core.run.run import State
from scheduler.errors import AgentcronError
from scheduler.ports.tool import Args, ToolAnswer, ToolContext
from scheduler.ports.toolset import Toolbox
from scheduler.testing.conformance.toolset import (
    Service,
    SourceCall,
    ToolSourceConformance,
    check_tool_source,
)
from scheduler.testing.rehearsal import script
from scheduler.testing.world import open_world
from scheduler.toolkit import FunctionTool
from tests.plugin.counter_source import CounterSource, Session


class CounterCase:
    """The counter, looked at through its processes."""

    works = SourceCall("counter__add", {"number": 1})
    hangs = SourceCall("counter__hang", {})

    def __init__(self, folder: Path, source: CounterSource | None = None) -> None:  # noqa: ARG002
        self.source = source or CounterSource()

    def set_service(self, state: Service) -> None:
        """Say so to the next process."""
        self.source.state = state

    def end_service(self) -> None:
        """Kill the processes."""
        for session in self.source.sessions:
            session.process.kill()

    def open_sessions(self) -> int:
        """Count the processes that live."""
        left = self.source.left if isinstance(self.source, Careless) else []
        pids = [session.process.pid for session in self.source.sessions]
        return sum(map(is_alive, [*pids, *(process.pid for process in left)]))

    def is_busy(self) -> bool:
        """Whether a session waits for an answer that will not come."""
        return any(session.is_hanging for session in self.source.sessions)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class TestCounter(ToolSourceConformance):
    """The tool source of a plug-in."""

    def make_case(self, folder: Path) -> CounterCase:
        """Return the counter."""
        return CounterCase(folder)


@pytest.mark.anyio
async def test_a_counter_lives_as_long_as_an_attempt(tmp_path: Path) -> None:
    counter = CounterSource()
    async with open_world(tmp_path, tool_sources=[counter]) as world:
        play = script().call("counter__add", number=2).call("counter__add", number=3)
        play = play.sleep("1h").call("counter__add", number=4).finish("Counted.")
        world.script("job", play)
        await world.load('@manual  job  "Count."  tools=counter:add  model=rehearsal:job.jsonl')
        run = await world.play("job")
        assert (run.state, counter.sessions) == (State.SLEEPING, [])
        await world.jump()
        assert (await world.run(run.id)).state is State.SUCCEEDED
        with world.reader() as reader:
            calls = [call for call in reader.calls(run.id) if call.name == "counter__add"]
        assert [(call.state, call.result) for call in calls] == [
            (CallState.DONE, "2"),
            (CallState.DONE, "5"),
            (CallState.DONE, "4"),
        ]


# -- the suite catches what it is for ----------------------------------------------------------------


class Careless(CounterSource):
    """Can leave a process behind: one that outlives the event loop, so that the test can end it."""

    def __init__(self) -> None:
        super().__init__()
        self.left: list[subprocess.Popen[bytes]] = []

    def leave_one(self) -> None:
        """Leave a process behind."""
        self.left.append(
            subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE)
        )

    def end_them(self) -> None:
        """End what was left behind."""
        for process in self.left:
            process.kill()
            process.communicate()


class Leaky(Careless):
    """Leaves a process at each closing."""

    async def close(self, session: Session) -> None:
        """Leave another process in its place."""
        await super().close(session)
        self.leave_one()


class LeakyAtItsDoor(Careless):
    """Leaves a process when its opening is given up."""

    @asynccontextmanager
    async def open(self, job: Job, run_id: str) -> AsyncIterator[Toolbox]:
        """Think of the process only when all went well."""
        if self.state == "hanging":
            self.leave_one()
        async with super().open(job, run_id) as tools:
            yield tools


class Lying(CounterSource):
    """Takes calls for done that have no answer."""

    def tools(self, session: Session) -> Toolbox:
        """Return a tool that says yes."""
        tools = dict(super().tools(session))
        hang = tools["counter__hang"]
        assert isinstance(hang, FunctionTool)

        async def lie(args: Args, context: ToolContext) -> ToolAnswer:
            try:
                return await hang.function(args, context)
            except EOFError:
                return "ok"

        return {**tools, "counter__hang": replace(hang, function=lie)}


class Unsteady(CounterSource):
    """Declares something else each time."""

    def tools(self, session: Session) -> Toolbox:
        """Count the process into the description."""
        tools = dict(super().tools(session))
        add = tools["counter__add"]
        assert isinstance(add, FunctionTool)
        spec = replace(add.spec, description=f"Add to the total of {session.process.pid}.")
        return {**tools, "counter__add": replace(add, spec=spec)}


class Shared(CounterSource):
    """Ends all sessions with the first."""

    async def close(self, session: Session) -> None:  # noqa: ARG002
        """Close whatever is open."""
        for each in tuple(self.sessions):
            await super().close(each)


class Deaf(CounterSource):
    """Does not notice that its process has ended."""

    def tools(self, session: Session) -> Toolbox:
        """Return a tool that waits for ever."""
        tools = dict(super().tools(session))
        hang = tools["counter__hang"]
        assert isinstance(hang, FunctionTool)

        async def wait(args: Args, context: ToolContext) -> ToolAnswer:
            session.is_hanging = True
            try:
                await asyncio.Event().wait()
            finally:
                session.is_hanging = False
            raise AssertionError("unreachable")

        return {**tools, "counter__hang": replace(hang, function=wait)}


class Eager(CounterSource):
    """Says yes to a service that is down."""

    @asynccontextmanager
    async def open(self, job: Job, run_id: str) -> AsyncIterator[Toolbox]:  # noqa: ARG002
        """Give the tools of a process that is not there."""
        session = await self._start()
        assert session.process.stdout is not None
        await session.process.stdout.readline()
        try:
            yield self.tools(session)
        finally:
            await self.close(session)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (Leaky, "something is open"),
        (LeakyAtItsDoor, "an opening that was given up has left something open"),
        (Lying, "opaque call is done"),
        (Unsteady, "declare something else at the second opening"),
        (Shared, "failed in the call"),
        (Deaf, "does not come back although its service has ended"),
        (Eager, "it was down, and the state of the run is succeeded"),
    ],
)
def test_a_source_that_is_wrong_is_caught(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wrong: Callable[[], CounterSource],
    complaint: str,
) -> None:
    monkeypatch.setattr("scheduler.testing.conformance.toolset._SECONDS", 3.0)
    made: list[CounterSource] = []

    def make_case(folder: Path) -> CounterCase:
        made.append(wrong())
        return CounterCase(folder, made[-1])

    try:
        with pytest.raises((AssertionError, AgentcronError), match=complaint):
            check_tool_source(make_case, tmp_path)
    finally:
        for source in made:
            if isinstance(source, Careless):
                source.end_them()
