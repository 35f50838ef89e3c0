"""A stage for one job: a world with a scripted model, played, looked at, and checked at the end."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scheduler.core.actor import PERSON
from scheduler.core.run.conversation import Attempt, Call, Message, Request
from scheduler.core.run.run import Run, State
from scheduler.core.run.wakeup import WakeUp
from scheduler.core.trust.effect import Effect
from scheduler.core.trust.targets import Targets, no_targets
from scheduler.engine.settings import Settings
from scheduler.ports.tool import AnyTool, Args, Probe, ToolAnswer, ToolContext
from scheduler.testing.world import World, open_world
from scheduler.toolkit import FunctionTool, tool
from tests.kit.models import Answer, FakeModel
from tests.kit.validity import assert_prefixes, assert_sendable, assert_valid

JOB = "job"


@dataclass
class Recorder:
    """Makes a tool that keeps what it was called with; ``then`` is what it does."""

    name: str = "look"
    effect: Effect | str = Effect.PURE
    then: Callable[[Args], Awaitable[ToolAnswer]] | None = None
    probe: Callable[[Args, ToolContext], Awaitable[Probe]] | None = None
    timeout_seconds: float = 60.0
    reads_private: bool = False
    reads_untrusted: bool = False
    external: bool = False
    targets: Callable[[Args], Targets] = no_targets
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    calls: list[Args] = field(default_factory=list)
    contexts: list[ToolContext] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    def made(self) -> FunctionTool:
        """Return the tool."""

        @tool(
            name=self.name,
            description="A tool of a test.",
            schema=self.schema,
            effect=self.effect,
            reads_private=self.reads_private,
            reads_untrusted=self.reads_untrusted,
            external=self.external,
            timeout_seconds=self.timeout_seconds,
            targets=self.targets,
            probe=self.probe,
        )
        async def function(args: Args, context: ToolContext) -> ToolAnswer:
            self.calls.append(args)
            self.contexts.append(context)
            self.begun.set()
            return await self.then(args) if self.then else f"{self.name} says ok"

        return function


async def hang(_: Args) -> ToolAnswer:
    """Never come back."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def until(look: Callable[[], object], seconds: float = 20.0) -> None:
    """Let other tasks work until ``look`` gives something true."""
    async with asyncio.timeout(seconds):
        while not look():  # noqa: ASYNC110  (what is waited for is in the database)
            await asyncio.sleep(0.005)


@dataclass
class Stage:
    """The world of one job, and its model."""

    world: World
    model: FakeModel

    async def fire(self) -> str:
        """Queue a run by hand."""
        return await self.world.fire(JOB)

    async def play(self) -> Run:
        """Fire the job, settle, and return the run."""
        run_id = await self.fire()
        await self.world.settle()
        return await self.world.run(run_id)

    async def jump(self, run_id: str) -> Run:
        """Move to the next due instant, settle, and return the run."""
        await self.world.jump()
        return await self.world.run(run_id)

    async def resume(self, run_id: str, text: str = "") -> Run:
        """Resume a run as a person does, settle, and return it."""
        await self.world.store.resume(run_id, self.world.clock.now(), text, actor=PERSON)
        await self.world.settle()
        return await self.world.run(run_id)

    def messages(self, run_id: str) -> list[Message]:
        """Return the stored conversation."""
        with self.world.reader() as reader:
            return reader.messages(run_id)

    def calls(self, run_id: str) -> list[Call]:
        """Return the journal of calls."""
        with self.world.reader() as reader:
            return reader.calls(run_id)

    def requests(self, run_id: str) -> list[Request]:
        """Return the recorded requests."""
        with self.world.reader() as reader:
            return reader.requests(run_id)

    def attempts(self, run_id: str) -> list[Attempt]:
        """Return the attempts."""
        with self.world.reader() as reader:
            return reader.attempts(run_id)

    def wakeups(self, run_id: str) -> list[WakeUp]:
        """Return what the run waits for."""
        with self.world.reader() as reader:
            return reader.wakeups(run_id)

    def notices(self) -> list[str]:
        """Return what the owner is told, sent or not."""
        with closing(sqlite3.connect(self.world.config.database)) as database:
            return [body for (body,) in database.execute("SELECT body FROM outbox ORDER BY id")]

    def results(self, run_id: str) -> dict[str, Any]:
        """Return the tool results that the agent got, by tool name (the last one of each)."""
        names = {call.id: call.name for call in self.calls(run_id)}
        return {
            names[block["tool_use_id"]]: block
            for message in self.messages(run_id)
            for block in message.content
            if block["type"] == "tool_result"
        }

    def last_user_text(self) -> str:
        """Return the text of the last message of the last request, tool results included."""
        content = self.world.model.asks[-1].messages[-1]["content"]
        return "\n".join(str(block.get("text", block.get("content", ""))) for block in content)

    async def check(self) -> None:
        """Check all conversations and requests."""
        for ask in self.world.model.asks:
            assert_sendable(ask)
        assert_prefixes(self.world.model.asks)
        with self.world.reader() as reader:
            for run in reader.runs(limit=1000):
                assert_valid(reader.messages(run.id))
                if run.state not in (State.RUNNING, State.QUEUED):
                    assert all(request.state != "sent" for request in reader.requests(run.id))


@asynccontextmanager
async def stage(
    folder: Path,
    *lines: Answer,
    options: str = "",
    schedule: str = "@manual",
    tools: Mapping[str, AnyTool] | None = None,
    recorders: tuple[Recorder, ...] = (),
    settings: Settings | None = None,
) -> AsyncIterator[Stage]:
    """Set up one job whose model says ``lines``; at the end every conversation is checked."""
    model = FakeModel(list(lines))
    extra = {**(tools or {}), **{recorder.name: recorder.made() for recorder in recorders}}
    async with open_world(folder, model=model, tools=extra, settings=settings) as world:
        await world.load(f'{schedule}  {JOB}  "Do your job."  tz=Europe/Berlin {options}\n')
        made = Stage(world, model)
        yield made
        await made.check()
