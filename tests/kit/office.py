"""An office: a world whose one backend is played by the test, at the desk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from scheduler.adapters.halt_file import HaltFile
from scheduler.core.actor import PERSON
from scheduler.core.record import Head
from scheduler.core.run.conversation import CallState
from scheduler.core.run.run import Run
from scheduler.core.trust.effect import Effect
from scheduler.ports.backend import Allowed, Attempt, Desk, ForeignCall
from scheduler.ports.tool import AnyTool, ToolSpec
from scheduler.testing.world import World, open_world
from tests.kit.validity import assert_valid

SPEC = ToolSpec(
    name="act",
    description="Act.",
    schema={"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    effect=Effect.OPAQUE,
    reads_private=False,
    reads_untrusted=False,
    external=False,
)
OUTSIDE = replace(SPEC, name="post", external=True)
CENT = 10_000

Play = Callable[[Desk], Awaitable[None]]


def one(number: int = 1, name: str = "act", text: str = "one") -> ForeignCall:
    return ForeignCall(f"call-{number}", name, {"text": text})


class Played:
    """A backend whose agent is a function of the test; each attempt takes the next one."""

    def __init__(self, plays: list[Play], specs: tuple[ToolSpec, ...] = (SPEC, OUTSIDE)) -> None:
        self.tools: Mapping[str, ToolSpec] = {spec.name: spec for spec in specs}
        self.plays = plays
        self.attempt: Attempt | None = None

    async def advance(self, attempt: Attempt, desk: Desk) -> None:
        self.attempt = attempt
        await self.plays.pop(0)(desk)


@dataclass
class Office:
    """A world of one job with such a backend."""

    world: World
    backend: Played

    async def play(self) -> Run:
        run = await self.world.play("job")
        self.check(run)
        return run

    def check(self, run: Run) -> None:
        assert_valid(self.world.messages(run.id), foreign=True)

    def states(self, run: Run) -> list[CallState]:
        with self.world.reader() as reader:
            return [call.state for call in reader.calls(run.id)]

    def halt(self) -> None:
        HaltFile(self.world.config.halt).write("stop")

    async def answer(self, *, approve: bool) -> None:
        with self.world.history() as history:
            [question] = history.open_approvals()
        now = self.world.clock.now()
        await self.world.store.answer(question.id, now, approve=approve, words="No.", actor=PERSON)
        await self.world.settle()


@asynccontextmanager
async def office(
    folder: Path,
    *plays: Play,
    options: str = "",
    above: str = "",
    specs: tuple[ToolSpec, ...] = (SPEC, OUTSIDE),
    tools: Mapping[str, AnyTool] | None = None,
) -> AsyncIterator[Office]:
    backend = Played(list(plays), specs)
    async with open_world(folder, backends={"job": backend}, tools=tools) as world:
        await world.load(f'{above}\n@manual  job  "Do it."  {options}\n')
        yield Office(world, backend)


class Log:
    """A daily log that does something else."""

    def __init__(self, sync: Callable[[], Awaitable[None]]) -> None:
        self._sync = sync

    async def sync(self) -> None:
        await self._sync()

    async def head(self) -> Head:
        return Head()


async def act(desk: Desk, call: ForeignCall) -> None:
    assert isinstance(await desk.begin(call), Allowed)
    await desk.record(call.id, "done")
