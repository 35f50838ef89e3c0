"""A backend under check: its case, its run in a world, and the ways to watch it and to kill it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, cast

from scheduler.core.actor import PERSON
from scheduler.core.run.conversation import Call, CallState
from scheduler.core.run.lease import Lease
from scheduler.core.run.pairing import mispaired
from scheduler.core.run.run import FINAL, Run, State
from scheduler.core.run.step import Step
from scheduler.ports.backend import Attempt, Backend, Desk, Rested
from scheduler.ports.store.store import Store
from scheduler.ports.tool import AnyTool, ToolSpec
from scheduler.testing.world import Underway, World

WAIT_SECONDS = 20.0
"""How long anything may take."""


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that the agent does: act with a text, sleep for an hour, or end its run with a summary."""

    kind: Literal["act", "sleep", "end"]
    text: str = ""


Hook: TypeAlias = Callable[[], Awaitable[None]]


class BackendCase(Protocol):
    """A backend whose agent can be told what to do, and what it has done; made afresh for each check."""

    @property
    def backend(self) -> Backend:
        """The backend."""
        ...

    @property
    def tools(self) -> Mapping[str, AnyTool]:
        """More tools of the job, for agents that act by tools of the job and not by their own."""
        ...

    @property
    def acting(self) -> str:
        """The name of the tool that it acts by: opaque and external, with the argument ``text``."""
        ...

    def prepare(self, home: Path, workdir: Path, moves: Sequence[Move], cost_usd: float) -> str:
        """Tell the agent its moves, each of them one request that costs so much; return options of the job.

        Args:
            home: the folder of the crontab.
        """
        ...

    def acted(self) -> list[str]:
        """Return the texts that it has acted with, in order, whatever became of the calls."""
        ...

    def set_hook(self, hook: Hook) -> None:
        """Let ``hook`` be awaited in the middle of every act, when its effect has happened."""
        ...


class Watched:
    """Passes a run on to a backend, and notes what that asks of the desk after it had to return."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.late: list[str] = []

    @property
    def tools(self) -> Mapping[str, ToolSpec]:
        return self._backend.tools

    async def advance(self, attempt: Attempt, desk: Desk) -> None:
        told: list[str] = []

        def watch(name: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
            async def asked(*args: Any, **more: Any) -> Any:
                if told:
                    self.late.append(name)
                answer = await method(*args, **more)
                if isinstance(answer, Rested) or (name in ("used", "open") and not answer) or name == "end":
                    told.append(name)
                return answer

            return asked

        for name in ("open", "heard", "said", "begin", "record", "lose", "used", "end"):
            setattr(desk, name, watch(name, getattr(desk, name)))
        await self._backend.advance(attempt, desk)


class Mortal:
    """A store on which an attempt dies: at its n-th commit, before or after that is written."""

    def __init__(self, store: Store, number: int, *, after: bool) -> None:
        self._store, self._number, self._after = store, number, after
        self.died, self.buried = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, lease: Lease, step: Step) -> bool:
        self._number -= 1
        if self._number < 0 or (self._number == 0 and not self._after):
            await self._die()
        asked = await self._store.commit(lease, step)
        if self._number == 0:
            await self._die()
        return asked

    async def _die(self) -> None:
        self.died.set()
        await self.buried.wait()
        raise asyncio.CancelledError


@dataclass(slots=True)
class Setup:
    """A case in its world, and what the checks ask of both."""

    world: World
    case: BackendCase
    hanging: list[str] = field(default_factory=list)

    async def play(self) -> Run:
        run = await self.world.play("job")
        self._must_be_paired(run)
        return run

    async def asked(self) -> Run:
        run = await self.play()
        must(
            (run.state, run.reason_code) == (State.PARKED, "approval"),
            f"its state is {run.state}: {run.reason}",
        )
        must(self.case.acted() == [], f"it acted with {self.case.acted()} before it was allowed to")
        return run

    async def answer(self, *, approve: bool) -> None:
        with self.world.history() as history:
            [question] = history.open_approvals()
        await self.world.store.answer(question.id, self.world.clock.now(), approve=approve, actor=PERSON)

    async def to_its_end(self, run: Run) -> Run:
        """Let the run go on over crashes and sleeps."""
        for _ in range(10):
            await self.world.settle()
            run = await self.world.run(run.id)
            if run.state is State.RUNNING:
                await self.world.take_over()
            elif run.state is State.SLEEPING:
                await self.world.jump()
            else:
                break
        run = await self.world.run(run.id)
        must(run.state is State.SUCCEEDED, f"its state in the end is {run.state}: {run.reason}")
        self._must_be_paired(run)
        return run

    async def begun_and_hanging(self) -> Underway:
        async def hang() -> None:
            self.hanging.append("a call")
            try:
                await asyncio.Event().wait()
            finally:
                self.hanging.clear()

        self.case.set_hook(hang)
        await self.world.fire("job")
        [underway] = await self.world.begin()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAIT_SECONDS):
                while not self.hanging:  # noqa: ASYNC110  (the agent may be another process)
                    await asyncio.sleep(0.01)
        must(bool(self.hanging), "the agent did not act")
        return underway

    async def killed_at(self, number: int, *, after: bool) -> bool:
        """Kill the run at a commit; return whether it came that far."""
        living = self.world.services
        mortal = Mortal(living.store, number, after=after)
        self.world.services = replace(living, store=cast(Store, mortal))
        run_id = await self.world.fire("job")
        while (await self.world.run(run_id)).state not in FINAL and not mortal.died.is_set():
            due = await self.world.store.next_due()
            if due is not None and due > self.world.clock.now():
                self.world.clock.jump_to(due)
            await self.world.tick()
            for underway in await self.world.begin():
                death = asyncio.ensure_future(mortal.died.wait())
                await asyncio.wait({underway.task, death}, return_when=asyncio.FIRST_COMPLETED)
                death.cancel()
                if mortal.died.is_set():
                    underway.task.cancel()
                    mortal.buried.set()
                    await asyncio.wait({underway.task}, timeout=WAIT_SECONDS)
                    must(underway.task.done(), "it swallowed the cancellation, or goes on")
        self.world.services = living
        return mortal.died.is_set()

    def calls(self, run: Run) -> list[Call]:
        with self.world.reader() as reader:
            return [call for call in reader.calls(run.id) if call.name == self.case.acting]

    def must_have_acted(self, *texts: str) -> None:
        must(self.case.acted() == list(texts), f"it acted with {self.case.acted()}, and not with {texts}")

    def must_agree_with_the_record(self, run: Run, calls: int) -> None:
        """Assert that what happened is what the record says, or unknown there; and nothing happened twice."""
        acted, found = self.case.acted(), self.calls(run)
        must(len(found) == calls, f"{len(found)} calls are recorded")
        for call in found:
            times = acted.count(call.args["text"])
            fits = (
                times == 1 if call.state is CallState.DONE else call.state is CallState.UNKNOWN and times <= 1
            )
            must(fits, f"{call.args} happened {times} times, and is recorded as {call.state}")

    def must_be_told(self, run: Run, words: str) -> None:
        told = [str(m.content) for m in self.world.messages(run.id) if m.role == "user"]
        must(any(words in text for text in told), f"the agent was never told {words!r}")

    def _must_be_paired(self, run: Run) -> None:
        """Assert that each call is answered once, in the message that follows it."""
        wrong = mispaired(self.world.messages(run.id))
        must(not wrong, wrong)


def must(holds: bool, otherwise: str) -> None:
    """Assert, with a sentence for whoever wrote the backend."""
    if not holds:
        raise AssertionError(otherwise)
