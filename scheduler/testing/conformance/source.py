"""What a source of events must hold to, whatever it watches.

::

    class TestMySource(SourceConformance):
        def make_case(self, folder: Path) -> MyCase:
            return MyCase(folder)

pytest then runs every check against a case of its own, in the keeper and the store of a real home.  Without
pytest, ``check_source(MyCase, folder)`` does the same.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from scheduler.core.run.event import OWN_KINDS
from scheduler.core.time.triggers.base import EventKind
from scheduler.duties.sources import CLOSE_SECONDS, keep_sources
from scheduler.engine.intake import MAX_PAYLOAD_BYTES
from scheduler.errors import StoreError
from scheduler.ports.source import Emit, Source, SourceContext
from scheduler.testing.clock import FakeClock
from scheduler.testing.conformance.checks import must, run_all, until
from scheduler.testing.world import World, open_world

Service: TypeAlias = Literal["up", "down", "hanging"]
"""What is watched can be asked; refuses for now; or accepts the question and never answers."""

Death: TypeAlias = Literal["before", "after"]
"""Whether a process is killed before an event is recorded, or after that and before its source is told."""

_SECONDS = 20.0
_A_WHILE = 0.4
"""How long a source may do what it should not before it counts as not having done it."""

_NAME = "suite"
_MAX_CANCELS = 100


class SourceCase(Protocol):
    """A source, and what it watches; made afresh for each check."""

    def start(self) -> Source:
        """Return the source as a new process has it, which remembers only what is on the disk or outside."""
        ...

    def happen(self, name: str) -> None:
        """Let something happen that is one event; ``name`` tells it apart, and may be used in a file name."""
        ...

    @property
    def states(self) -> Collection[Service]:
        """How what is watched can behave: a file may be missing, and never hangs."""
        ...

    def set_service(self, state: Service) -> None:
        """Say how what is watched answers from now on; it begins as ``up``."""
        ...

    def is_busy(self) -> bool:
        """Whether the source has anything open right now, seen from outside: what was left behind counts."""
        ...


class SourceConformance:
    """The checks; a subclass says what is checked."""

    def make_case(self, folder: Path) -> SourceCase:
        """Return the source and what it watches, which may use ``folder``."""
        raise NotImplementedError

    def test_it_declares_the_same_kinds_at_any_time(self, tmp_path: Path) -> None:
        """Kinds have names without blanks, none is agentcron's own, and they need no service."""

        async def check(s: _Setup) -> None:
            if "down" in s.case.states:
                s.case.set_service("down")
            source = s.case.start()
            declared = list(source.declares())
            must(bool(declared), "it declares no kind of events")
            must(all(isinstance(each, EventKind) for each in declared), f"it declares {declared}")
            for name in [each.name for each in declared]:
                must(name != "" and not set(name) & set(" \t\n"), f"the kind {name!r} cannot be written")
                must(name not in OWN_KINDS, f"the kind {name} is agentcron's own")
            again = [list(source.declares()), list(s.case.start().declares())]
            must(again == [declared, declared], "it declares something else each time")
            must(not s.case.is_busy(), "it has opened something before it was told to watch")

        self._run(tmp_path, check)

    def test_what_happens_is_reported_once_as_declared(self, tmp_path: Path) -> None:
        """Each event is recorded once, with all that its kind declares, and none too large."""

        async def check(s: _Setup) -> None:
            declared = {each.name: each for each in s.case.start().declares()}
            async with s.process():
                for name in ("one", "two", "three"):
                    s.case.happen(name)
                await s.recorded(3)
                await s.must_stay_at(3)
            for report in s.new:
                kind = declared[report.kind]
                must(report.subject != "" or not kind.subject, f"{kind.name} declares a subject, none came")
                size = len(report.payload.encode("utf-8", "surrogatepass"))
                must(size <= MAX_PAYLOAD_BYTES, f"a payload has {size} bytes, and is cut")
                if kind.options:
                    fields = _fields(report.payload)
                    must(
                        isinstance(fields, dict) and set(kind.options) <= set(fields),
                        f"jobs choose by {', '.join(kind.options)}; the payload is {report.payload[:200]!r}",
                    )

        self._run(tmp_path, check)

    def test_what_happens_while_no_daemon_works_is_reported_later(self, tmp_path: Path) -> None:
        """A new process catches up with what has happened meanwhile, and repeats nothing."""

        async def check(s: _Setup) -> None:
            async with s.process():
                s.case.happen("one")
                await s.recorded(1)
            s.case.happen("two")
            s.case.happen("three")
            async with s.process():
                await s.recorded(3)
                s.case.happen("four")
                await s.recorded(4)
                await s.must_stay_at(4)

        self._run(tmp_path, check)

    def test_a_kill_before_the_record_loses_nothing(self, tmp_path: Path) -> None:
        """What was about to be recorded is reported by the next process."""
        self._run(tmp_path, lambda s: self._killed(s, "before"))

    def test_a_kill_after_the_record_doubles_nothing(self, tmp_path: Path) -> None:
        """What was recorded has the same key when the next process reports it again."""
        self._run(tmp_path, lambda s: self._killed(s, "after"))

    async def _killed(self, s: _Setup, death: Death) -> None:
        s.case.happen("one")
        async with s.process():
            await s.recorded(1)
            s.death = death
            s.case.happen("two")
            await until(s.dead.is_set, "it reports what has happened", _SECONDS)
            await s.kill()
        s.case.happen("three")
        async with s.process():
            await s.recorded(3)
            await s.must_stay_at(3)

    def test_an_outage_of_the_database_loses_nothing(self, tmp_path: Path) -> None:
        """A report that fails is made again, by the source or by its next start."""

        async def check(s: _Setup) -> None:
            async with s.process():
                s.case.happen("one")
                await s.recorded(1)
                s.failures = 3
                s.case.happen("two")
                s.case.happen("three")
                await s.recorded(3)
                await s.must_stay_at(3)

        self._run(tmp_path, check)

    def test_two_daemons_report_everything_once(self, tmp_path: Path) -> None:
        """Both watch, and what both see has the same key."""

        async def check(s: _Setup) -> None:
            async with s.process(), s.process():
                for name in ("one", "two", "three", "four"):
                    s.case.happen(name)
                await s.recorded(4)
                await s.must_stay_at(4)

        self._run(tmp_path, check)

    def test_a_service_that_is_down_for_a_while_costs_no_event(self, tmp_path: Path) -> None:
        """It may fail then, and recovers by itself."""

        async def check(s: _Setup) -> None:
            if "down" not in s.case.states:
                return
            async with s.process():
                s.case.happen("one")
                await s.recorded(1)
                s.case.set_service("down")
                s.case.happen("two")
                await asyncio.sleep(_A_WHILE)
                s.case.set_service("up")
                s.case.happen("three")
                await s.recorded(3)
                await s.must_stay_at(3)

        self._run(tmp_path, check)

    def test_it_ends_when_it_is_cancelled_and_leaves_nothing(self, tmp_path: Path) -> None:
        """At once while it waits for something to happen, and while the service does not answer."""

        async def check(s: _Setup) -> None:
            async with s.process():
                s.case.happen("one")
                await s.recorded(1)
            await s.must_be_gone()
            if "hanging" not in s.case.states:
                return
            s.case.set_service("hanging")
            async with s.process():
                await until(s.case.is_busy, "it waits for the service that hangs", _SECONDS)
            await s.must_be_gone()

        self._run(tmp_path, check)

    def _run(self, folder: Path, check: Callable[[_Setup], Coroutine[Any, Any, None]]) -> None:
        (folder / "outside").mkdir()
        case = self.make_case(folder / "outside")

        async def run() -> None:
            async with open_world(folder / "home", clock=_Clock()) as world:
                await check(_Setup(world, case))

        asyncio.run(run())


def check_source(make_case: Callable[[Path], SourceCase], folder: Path) -> None:
    """Run all checks, each in an empty folder below ``folder``.

    Raises:
        AssertionError: the source does not hold to one of them.
    """
    run_all(SourceConformance, make_case, folder)


class _Clock(FakeClock):
    """Makes the pauses of the keeper short, and lets real time pass for what is outside."""

    async def sleep(self, seconds: float) -> None:
        """Wait for a moment."""
        self.advance(seconds)
        await asyncio.sleep(0.02)


class _Report(NamedTuple):
    kind: str
    key: str
    subject: str
    payload: str


@dataclass(slots=True)
class _Setup:
    """One check: the home, what is watched, and what was reported.

    ``death`` kills the process at its next report, ``failures`` are reports that the database refuses.
    """

    world: World
    case: SourceCase
    new: list[_Report] = field(default_factory=list)
    failures: int = 0
    death: Death | None = None
    dead: asyncio.Event = field(default_factory=asyncio.Event)
    _processes: list[_Process] = field(default_factory=list)

    @asynccontextmanager
    async def process(self) -> AsyncIterator[None]:
        """Let a daemon run the source, as a new process does, and end it in good order."""
        process = _Process(_Tapped(self.case.start(), self), self.world)
        self._processes.append(process)
        try:
            yield
        finally:
            await process.end()

    async def kill(self) -> None:
        """End the processes; what they write while they end does not count."""
        folder = self.world.config.sources
        copy = folder.with_name("sources of the dead")
        shutil.copytree(folder, copy)
        for process in self._processes:
            await process.end()
        shutil.rmtree(folder)
        copy.rename(folder)
        self.death = None

    async def recorded(self, number: int) -> None:
        """Wait until so many events are on record."""
        what = lambda: f"{number} events are on record; there are {self.new}"  # noqa: E731
        await until(lambda: len(self.new) >= number, what, _SECONDS)

    async def must_stay_at(self, number: int) -> None:
        """Assert that no more are recorded."""
        await asyncio.sleep(_A_WHILE)
        must(len(self.new) == number, f"{number} things happened, and {len(self.new)} are on record")

    async def must_be_gone(self) -> None:
        """Assert that nothing of the source is at work."""
        await until(lambda: not self.case.is_busy(), "nothing of it is open after its end", _SECONDS)
        left = [task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}]
        must(not left, f"it has left work behind: {left}")

    async def report(self, emit: Emit, report: _Report, expires: datetime | None) -> bool:
        """Pass a report on, or fail, or die."""
        if self.failures:
            self.failures -= 1
            raise StoreError("the disk is full")
        if self.death == "before":
            await self._die()
        kind, key, subject, payload = report
        is_new = await emit(kind, key=key, subject=subject, payload=payload, expires=expires)
        if is_new:
            self.new.append(report)
        if self.death == "after":
            await self._die()
        return is_new

    async def _die(self) -> None:
        self.dead.set()
        await asyncio.Event().wait()


class _Tapped:
    """Passes everything on, and lets the check see and stop what is reported."""

    def __init__(self, source: Source, setup: _Setup) -> None:
        self._source = source
        self._setup = setup
        self.tasks: list[asyncio.Task[Any]] = []

    def declares(self) -> Sequence[EventKind]:
        return self._source.declares()

    async def watch(self, context: SourceContext) -> None:
        async def emit(
            kind: str, *, key: str, subject: str = "", payload: str = "", expires: datetime | None = None
        ) -> bool:
            return await self._setup.report(context.emit, _Report(kind, key, subject, payload), expires)

        if (task := asyncio.current_task()) is not None:
            self.tasks.append(task)
        await self._source.watch(replace(context, emit=emit))


class _Process:
    """The keeper of one source."""

    def __init__(self, source: _Tapped, world: World) -> None:
        self._source = source
        self._keeper = asyncio.create_task(
            keep_sources(
                world.services,
                find=lambda: ({_NAME: source}, ()),
                folder=world.config.sources,
                moved=lambda: None,
                jobs=lambda: world.jobs,
            )
        )

    async def end(self) -> None:
        """Cancel it as the end of a daemon does, and assert that its source ends."""
        self._keeper.cancel()
        await asyncio.wait({self._keeper}, timeout=_SECONDS)
        late = [task for task in self._source.tasks if not task.done()]
        for _ in range(_MAX_CANCELS):  # or it would keep the check from its end
            for task in late:
                task.cancel()
            await asyncio.sleep(0)
        must(not late, f"it has not ended {CLOSE_SECONDS:g} s after it was cancelled")


def _fields(payload: str) -> object:
    try:
        return json.loads(payload)
    except ValueError:
        return None
