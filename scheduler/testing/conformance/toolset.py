"""The conformance suite of tool sources.

::

    class TestMySource(ToolSourceConformance):
        def make_case(self, folder: Path) -> MyCase:
            return MyCase(folder)

pytest then runs every check against a case of its own, in runs of a real home.  Without pytest,
``check_tool_source(MyCase, folder)`` does the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from scheduler.core.actor import PERSON
from scheduler.core.job.job import Job
from scheduler.core.run.conversation import Call, CallState
from scheduler.core.run.run import Run, State
from scheduler.core.trust.effect import Effect
from scheduler.core.trust.grant import Grant
from scheduler.core.trust.policy import Profile
from scheduler.engine.attempt.toolset import open_tools
from scheduler.engine.settings import Settings
from scheduler.errors import ConfigError
from scheduler.ports.tool import InsideTool, ToolContext
from scheduler.ports.toolset import Toolbox, ToolSource
from scheduler.testing.conformance.checks import must, run_all
from scheduler.testing.rehearsal import ScriptBuilder, script
from scheduler.testing.world import Underway, World, open_world

Service: TypeAlias = Literal["up", "down", "hanging"]
"""It can be opened; cannot be opened for now; or the opening never comes to an end."""

_SECONDS = 20.0
_JOB = "job"


class SourceCall(NamedTuple):
    """A call of a tool of the source."""

    tool: str
    args: Mapping[str, Any]


class ToolSourceCase(Protocol):
    """A tool source, and what its tools work with; made afresh for each check."""

    @property
    def source(self) -> ToolSource:
        """The source."""
        ...

    @property
    def works(self) -> SourceCall:
        """A call that succeeds, however often it is made."""
        ...

    @property
    def hangs(self) -> SourceCall:
        """A call that does not come back while its session lasts."""
        ...

    def set_service(self, state: Service) -> None:
        """Say how it can be opened from now on; it begins as ``up``."""
        ...

    def end_service(self) -> None:
        """End what the open sessions work with, as a crash of it would."""
        ...

    def open_count(self) -> int:
        """How many sessions are open, seen from outside: what was left behind counts."""
        ...

    def is_busy(self) -> bool:
        """Whether a call that hangs is under way."""
        ...


class ToolSourceConformance:
    """The checks; a subclass says what is checked."""

    def make_case(self, folder: Path) -> ToolSourceCase:
        """Return the source and what its tools work with, which may use ``folder``."""
        raise NotImplementedError

    def test_it_opens_nothing_before_it_is_asked(self, tmp_path: Path) -> None:
        """``provides`` says yes for a job that names it, and neither it nor ``open`` opens anything yet."""

        async def check(s: _Setup) -> None:
            must(s.case.source.provides(s.world.jobs[_JOB]) is True, "it provides nothing for the job")
            s.case.source.open(s.world.jobs[_JOB], "run")
            must(s.case.open_count() == 0, "something is open before the context is entered")

        self._run(tmp_path, check)

    def test_its_tools_declare_the_same_at_each_opening(self, tmp_path: Path) -> None:
        """Names, schemas and all else are the same, or runs that began before could not use them."""

        async def check(s: _Setup) -> None:
            found = []
            for _ in range(2):
                async with s.opened() as tools:
                    specs = [tool.spec for tool in tools.values() if not isinstance(tool, InsideTool)]
                    found.append({spec.name: spec.declaration for spec in specs})
            must(bool(found[0]), "it gives no tools")
            must(found[0] == found[1], "its tools declare something else at the second opening")
            must({s.case.works.tool, s.case.hangs.tool} <= set(found[0]), f"it gives only {sorted(found[0])}")

        self._run(tmp_path, check)

    def test_it_is_opened_once_for_an_attempt_and_closed_at_its_end(self, tmp_path: Path) -> None:
        """All calls of an attempt use one session, two at once included, and none is left at the end."""

        async def check(s: _Setup) -> None:
            tool, args = s.case.works
            run = await s.play(script().call(tool, **args).call(tool, **args).also(tool, **args))
            calls = s.calls(run.id)
            must([each.state for each in calls] == [CallState.DONE] * 3, f"the calls came to {calls}")
            must(s.counted.openings == 1, f"it was opened {s.counted.openings} times")
            must(s.case.open_count() == 0, "something is open after the end of the run")

        self._run(tmp_path, check)

    def test_it_is_closed_while_the_run_sleeps(self, tmp_path: Path) -> None:
        """A run that sleeps holds nothing open, and works with a new session after its wake."""

        async def check(s: _Setup) -> None:
            tool, args = s.case.works
            run = await s.play(script().call(tool, **args).sleep("1h").call(tool, **args))
            must(run.state is State.SLEEPING, f"the state of the run is {run.state}: {run.reason}")
            must(s.case.open_count() == 0, "something is open while the run sleeps")
            await s.world.jump()
            await s.settle()
            must([each.state for each in s.calls(run.id)] == [CallState.DONE] * 2, "a call did not work")
            must(s.counted.openings == 2, f"it was opened {s.counted.openings} times")
            must(s.case.open_count() == 0, "something is open after the end of the run")

        self._run(tmp_path, check)

    def test_two_runs_share_nothing(self, tmp_path: Path) -> None:
        """When one attempt ends, the tools of another still work."""

        async def check(s: _Setup) -> None:
            tool, args = s.case.works
            async with s.opened("second") as others:
                async with s.opened("first"):
                    pass
                other = others[tool]
                assert not isinstance(other, InsideTool), f"{tool} does not act"
                context = ToolContext("second", _JOB, str(s.world.workdir), "key", {})
                async with asyncio.timeout(_SECONDS):
                    await other.call(args, context)
            must(s.case.open_count() == 0, "something is open after both were left")

        self._run(tmp_path, check)

    def test_it_is_closed_when_its_run_is_cancelled(self, tmp_path: Path) -> None:
        """A cancel in the middle of a call ends the call, and leaves no session."""

        async def check(s: _Setup) -> None:
            underway = await s.begin_to_hang()
            underway.attempt.interrupt("cancel")
            await asyncio.wait({underway.task}, timeout=_SECONDS)
            must(underway.task.done(), "the cancelled attempt does not end")
            must(not s.case.is_busy(), "the call continues after its run was cancelled")
            must(s.case.open_count() == 0, "something is open after its run was cancelled")

        self._run(tmp_path, check)

    def test_what_cannot_be_opened_parks_the_run_and_is_opened_later(self, tmp_path: Path) -> None:
        """A service that is down fails to open, leaves nothing behind, and works when it is up."""

        async def check(s: _Setup) -> None:
            s.case.set_service("down")
            run = await s.play(script().call(s.case.works.tool, **s.case.works.args))
            is_parked = (run.state, run.reason_code) == (State.PARKED, "tool")
            must(is_parked, f"it was down, and the state of the run is {run.state}: {run.reason}")
            must(s.case.open_count() == 0, "an opening that failed has left something open")
            s.case.set_service("up")
            await s.world.jump()
            await s.settle()
            run = await s.world.run(run.id)
            must(
                run.state is State.SUCCEEDED,
                f"it was up again, and the state of the run is {run.state}: {run.reason}",
            )

        self._run(tmp_path, check)

    def test_an_opening_that_takes_too_long_is_given_up(self, tmp_path: Path) -> None:
        """An opening that is cancelled ends, and leaves nothing behind."""

        async def check(s: _Setup) -> None:
            s.case.set_service("hanging")
            try:
                async with asyncio.timeout(_SECONDS), s.opened(open_seconds=0.5):
                    must(False, "it was opened although its service hangs")
            except ConfigError as error:
                must("its limit" in error.message, f"it failed in another way: {error.message}")
            must(s.case.open_count() == 0, "an opening that was given up has left something open")

        self._run(tmp_path, check)

    def test_a_service_that_ends_in_a_call_ends_the_call(self, tmp_path: Path) -> None:
        """The call returns, does not count as done, and the run continues; nothing is left."""

        async def check(s: _Setup) -> None:
            underway = await s.begin_to_hang()
            s.case.end_service()
            await asyncio.wait({underway.task}, timeout=_SECONDS)
            must(underway.task.done(), "the call does not come back although its service has ended")
            await s.settle()
            [call] = s.calls(underway.attempt.run_id)
            expected = CallState.FAILED if call.effect is Effect.PURE else CallState.UNKNOWN
            must(call.state is expected, f"the {call.effect} call is {call.state}: {call.result!r}")
            must(underway.task.result() is State.SUCCEEDED, f"the run is {underway.task.result()}")
            must(s.case.open_count() == 0, "something is open after the end of the run")

        self._run(tmp_path, check)

    def test_a_call_of_an_attempt_that_died_is_not_made_twice(self, tmp_path: Path) -> None:
        """After a crash in the middle of an opaque call the run continues with a new session."""

        async def check(s: _Setup) -> None:
            underway = await s.begin_to_hang()
            await underway.kill()
            must(s.case.open_count() == 0, "something is open after its attempt was cancelled")
            if s.calls(underway.attempt.run_id)[0].effect is not Effect.OPAQUE:
                return  # it would be made again, and hang again
            s.world.clock.advance(s.world.services.settings.lease_seconds)
            await s.settle()
            [call] = s.calls(underway.attempt.run_id)
            must(call.state is CallState.UNKNOWN, f"the call is {call.state}: {call.result!r}")
            must(s.counted.openings == 2, f"it was opened {s.counted.openings} times")

        self._run(tmp_path, check)

    def _run(self, folder: Path, check: Callable[[_Setup], Coroutine[Any, Any, None]]) -> None:
        (folder / "service").mkdir()
        case = self.make_case(folder / "service")

        async def run() -> None:
            counted = _Counted(case.source)
            grants = tuple(Grant(tool=call.tool) for call in (case.works, case.hangs))
            async with open_world(folder / "home", tool_sources=[counted]) as world:
                world.services = replace(
                    world.services, profile_for=lambda _: Profile("suite", "act", grants)
                )
                setup = _Setup(world, case, counted)
                await setup.load(script())
                await check(setup)

        asyncio.run(run())


def check_tool_source(make_case: Callable[[Path], ToolSourceCase], folder: Path) -> None:
    """Run all checks, each in an empty folder below ``folder``.

    Raises:
        AssertionError: the source does not hold to one of them.
    """
    run_all(ToolSourceConformance, make_case, folder)


class _Counted:
    """Passes everything on, and counts the openings."""

    def __init__(self, source: ToolSource) -> None:
        self._source = source
        self.name = source.name
        self.openings = 0

    def provides(self, job: Job) -> bool:
        return self._source.provides(job)

    def open(self, job: Job, run_id: str) -> AbstractAsyncContextManager[Toolbox]:
        self.openings += 1
        return self._source.open(job, run_id)


@dataclass(frozen=True, slots=True)
class _Setup:
    world: World
    case: ToolSourceCase
    counted: _Counted

    async def load(self, play: ScriptBuilder) -> None:
        """Load a job whose agent makes these calls, and then ends its run."""
        self.world.script(_JOB, play.finish("Done."))
        name = self.case.source.name
        await self.world.load(f'@manual  {_JOB}  "Do it."  tools={name}:*  model=rehearsal:{_JOB}.jsonl')

    async def play(self, play: ScriptBuilder) -> Run:
        """Fire a job with these calls, approve whatever it asks, and return the run as it rests."""
        await self.load(play)
        run_id = await self.world.fire(_JOB)
        await self.settle()
        return await self.world.run(run_id)

    async def settle(self) -> None:
        """Settle, and approve whatever is asked: the suite looks at the source, and not at the judge."""
        await self.world.settle()
        while await self._approve():
            await self.world.settle()

    async def begin_to_hang(self) -> Underway:
        """Return an attempt in the middle of the call that hangs."""
        await self.load(script().call(self.case.hangs.tool, **self.case.hangs.args))
        await self.world.fire(_JOB)
        async with asyncio.timeout(_SECONDS):
            while True:
                (underway,) = await self.world.begin()
                while not underway.task.done() and not self.case.is_busy():  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                if self.case.is_busy():
                    return underway
                must(await self._approve(), f"the call that hangs came back: {underway.task.result()}")

    @asynccontextmanager
    async def opened(self, run_id: str = "run", *, open_seconds: float = _SECONDS) -> AsyncIterator[Toolbox]:
        """Open the source as an attempt does."""
        job, settings = self.world.jobs[_JOB], Settings(open_seconds=open_seconds)
        async with open_tools([self.counted], job, run_id, settings) as tools:
            yield tools

    def calls(self, run_id: str) -> list[Call]:
        """Return the calls of tools of the source."""
        with self.world.reader() as reader:
            prefix = f"{self.case.source.name}__"
            return [call for call in reader.calls(run_id) if call.name.startswith(prefix)]

    async def _approve(self) -> bool:
        with self.world.history() as history:
            asked = history.open_approvals()
        for question in asked:
            await self.world.store.answer(question.id, self.world.clock.now(), approve=True, actor=PERSON)
        return bool(asked)
