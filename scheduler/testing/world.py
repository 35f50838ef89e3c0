"""A world in a folder: a real store, real tools, a rehearsal, and a clock that jumps to what is due next.

::

    async with open_world(tmp_path) as world:
        world.script("nap", script().sleep("3d", "waiting for the weekend").finish("Rested."))
        await world.load('@manual  nap  "Take a nap."  model=rehearsal:nap.jsonl')
        run = await world.fire("nap")
        await world.settle()            # until every run is final or waits for something
        await world.jump()              # the clock jumps three days, the run goes on
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from scheduler.adapters.rehearsal.model import RehearsalModel
from scheduler.app.compose import Parts, open_app
from scheduler.app.crontab import crontab_file
from scheduler.app.database import database_of
from scheduler.config import Config
from scheduler.core.actor import PERSON
from scheduler.core.job.job import Job
from scheduler.core.job.standing import RunnerInfo, StandingOrders
from scheduler.core.run.conversation import Message, Usage
from scheduler.core.run.run import Run, State
from scheduler.engine.attempt.attempt import Attempt
from scheduler.engine.daemon.tick import Pass, tick
from scheduler.engine.outbox import send_notices
from scheduler.engine.services import Services
from scheduler.engine.settings import Settings
from scheduler.ports.backend import Backend
from scheduler.ports.model import Ask, Model, Reply
from scheduler.ports.sender import Sender
from scheduler.ports.store.history import History
from scheduler.ports.store.store import Store
from scheduler.ports.tool import AnyTool
from scheduler.ports.toolset import FixedTools, ToolSource
from scheduler.testing.clock import FakeClock
from scheduler.testing.rehearsal import ScriptBuilder


class NobodyDies:
    """A presence that knows of no dead runner, until it is told."""

    def __init__(self) -> None:
        self.fallen: set[str] = set()

    def dead(self, runners: Sequence[RunnerInfo]) -> list[str]:
        """Return the ids that were put into ``fallen``."""
        return [info.id for info in runners if info.id in self.fallen]

    def forget(self, runners: Sequence[str]) -> None:
        """Do nothing: they left nothing behind."""


class ListeningModel:
    """Passes requests on to another model and keeps them.

    Args:
        price_usd: what every answer costs, or None for what the inner model says.
        tokens: how many every answer uses, likewise.
    """

    def __init__(self, inner: Model, price_usd: float | None = None, tokens: int | None = None) -> None:
        self.inner = inner
        self.price_usd = price_usd
        self.tokens = tokens
        self.asks: list[Ask] = []

    async def ask(self, ask: Ask, *, on_text: Callable[[str], None] | None = None) -> Reply:
        """Keep the request, and let the inner model answer."""
        self.asks.append(replace(ask, messages=list(ask.messages)))
        reply = await self.inner.ask(ask, on_text=on_text)
        if self.price_usd is not None:
            reply = replace(reply, cost_microusd=round(self.price_usd * 1_000_000))
        if self.tokens is not None:
            reply = replace(reply, usage=Usage(input_tokens=self.tokens))
        return reply

    async def close(self) -> None:
        """Close the inner model."""
        await self.inner.close()


@dataclass(frozen=True, slots=True)
class OneModel:
    """A model that answers to every name."""

    model: ListeningModel

    def __call__(self, name: str) -> Model:  # noqa: ARG002 - every name
        """Return it."""
        return self.model

    def price(self, name: str, usage: Usage) -> int:  # noqa: ARG002 - every name, every size
        """Return the price of an answer in millionths of a dollar; 0 where the inner model says its own."""
        return round((self.model.price_usd or 0) * 1_000_000)

    async def close(self) -> None:
        """Close it."""
        await self.model.close()


@dataclass(frozen=True, slots=True)
class Underway:
    """An attempt that works while the test goes on."""

    attempt: Attempt
    task: asyncio.Task[State]

    async def kill(self) -> None:
        """End it as ``kill -9`` would: it writes nothing more, and its lease stays until it runs out."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@dataclass(slots=True)
class World:
    """One home with its store, clock, model and jobs."""

    config: Config
    store: Store
    clock: FakeClock
    model: ListeningModel
    services: Services
    presence: NobodyDies = field(default_factory=NobodyDies)
    jobs: dict[str, Job] = field(default_factory=dict)
    runner: str = "runner-1"
    stopping: bool = False

    def script(self, name: str, lines: ScriptBuilder) -> None:
        """Write a rehearsal's script beside the crontab; a job names it as ``model=rehearsal:NAME.jsonl``."""
        lines.write(self.config.crontab.parent / f"{name}.jsonl")

    async def load(self, crontab: str) -> StandingOrders:
        """Write the crontab and load it, as a daemon does."""
        self.config.crontab.write_text(crontab, encoding="utf-8")
        orders = crontab_file(self.config).read(self.clock.now())
        assert not orders.problems, "\n".join(orders.problems)
        await self.store.load_orders(orders, self.clock.now())
        self.jobs = {job.name: job for job in orders.jobs}
        return orders

    async def fire(self, job: str) -> str:
        """Fire a job by hand; return the run's id."""
        run = await self.store.fire_by(self.jobs[job], self.clock.now(), actor=PERSON)
        assert run is not None
        return run.id

    async def tick(self) -> Pass:
        """Do one pass over what is due."""
        return await tick(self.services, self.jobs, self.presence)

    async def settle(self) -> None:
        """Tick, claim and execute until nothing can be done at this instant."""
        while True:
            await self.tick()
            underway = await self.begin()
            if not underway:
                return
            await asyncio.gather(*(each.task for each in underway))

    async def begin(self) -> list[Underway]:
        """Claim what can be claimed, and let it run beside the caller."""
        if self.services.halted() is not None:
            return []
        leases = await self.store.claim(
            self.runner, self.clock.now(), limit=16, lease_seconds=self.services.settings.lease_seconds
        )
        underway = []
        for lease in leases:
            checkpoint = await self.store.checkpoint(lease, self.clock.now())
            attempt = Attempt(self.services, lease, checkpoint, lambda: self.stopping)
            underway.append(Underway(attempt, asyncio.create_task(attempt.run())))
        return underway

    async def take_over(self) -> None:
        """Let the leases of dead attempts run out, and settle."""
        self.clock.advance(self.services.settings.lease_seconds)
        await self.settle()

    async def jump(self) -> None:
        """Move the clock to the next instant at which anything is due, and settle."""
        due = await self.store.next_due()
        assert due is not None, "nothing will ever be due"
        if due > self.clock.now():
            self.clock.jump_to(due)
        await self.settle()

    async def play(self, job: str) -> Run:
        """Fire a job by hand, settle, and return the run."""
        run_id = await self.fire(job)
        await self.settle()
        return await self.run(run_id)

    async def resume(self, run_id: str, text: str = "") -> Run:
        """Let a run go on at once, as ``agentcron resume`` does; settle, and return it."""
        await self.store.resume(run_id, self.clock.now(), text, actor=PERSON)
        await self.settle()
        return await self.run(run_id)

    async def cancel(self, run_id: str, reason: str = "cancelled by a person") -> Run:
        """Cancel a run, as ``agentcron cancel`` does; settle, and return it."""
        await self.store.cancel(run_id, self.clock.now(), reason, actor=PERSON)
        await self.settle()
        return await self.run(run_id)

    async def send_reports(self) -> int:
        """Send the reports that are due; return how many."""
        return await send_notices(self.services, self.runner)

    def runs(self, job: str | None = None) -> list[Run]:
        """Return all runs, the oldest first."""
        with self.reader() as reader:
            return reader.runs(job, limit=1_000)[::-1]

    def messages(self, run_id: str) -> list[Message]:
        """Return the conversation of a run."""
        with self.reader() as reader:
            return reader.messages(run_id)

    def told(self, run_id: str) -> str:
        """Return the last thing that the agent of a run was told, as text."""
        last = [message for message in self.messages(run_id) if message.role == "user"][-1]
        return "\n".join(str(block.get("text") or block.get("content", "")) for block in last.content)

    async def run(self, run_id: str) -> Run:
        """Return a run as it is stored."""
        run = await self.store.run(run_id)
        assert run is not None, f"no run {run_id}"
        return run

    def reader(self) -> History:
        """Return what a reader sees of the same database, to be used in a ``with`` statement."""
        return database_of(self.config).history()

    def history(self) -> History:
        """Return what every door asks, to be used in a ``with`` statement."""
        return database_of(self.config).history()

    @property
    def workdir(self) -> Path:
        """Where jobs work that name no workdir: one folder for each job."""
        return self.config.work


def with_tools(services: Services, tools: Mapping[str, AnyTool]) -> Services:
    """Return services whose jobs have more tools, or others of the same name."""
    before = services.sources_for
    return replace(services, sources_for=lambda job: (*before(job), FixedTools(lambda _: tools)))


@asynccontextmanager
async def open_world(
    folder: Path,
    *,
    model: Model | None = None,
    tools: Mapping[str, AnyTool] | None = None,
    tool_sources: Sequence[ToolSource] = (),
    senders: Sequence[Sender] = (),
    backends: Mapping[str, Backend] | None = None,
    settings: Settings | None = None,
    clock: FakeClock | None = None,
    price_usd: float | None = None,
    tokens: int | None = None,
) -> AsyncIterator[World]:
    """Make a world in ``folder``, put together as a process of the command is.

    Args:
        model: what answers instead of rehearsals.
        tools: more tools for every job, by name.
        tool_sources: more tool sources for jobs that name them; they come before those that are installed.
        senders: more senders; they come before those that are installed.
        backends: by job, what takes its runs forward instead of our own loop.
        price_usd: what every answer of the model costs; rehearsals are free.
        tokens: how many every answer of the model uses; rehearsals use none.
    """
    config = Config.of_home(folder)
    listening = ListeningModel(model or RehearsalModel(), price_usd, tokens)
    time = clock or FakeClock()
    parts = Parts(
        clock=time,
        models=OneModel(listening),
        tools=tools or {},
        tool_sources={source.name: source for source in tool_sources},
        senders={sender.kind: sender for sender in senders},
        backends=backends or {},
        boot_id="",  # the clock is not that of a machine that could come up
    )
    async with open_app(config, settings, parts=parts) as app:
        yield World(config, app.store, time, listening, app.services)
