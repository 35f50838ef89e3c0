"""What checks of a store share: a bench with one store, a time line, and short words for values."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from scheduler.core.actor import PERSON
from scheduler.core.job.firing import Decision, Fire, FireFacts, decide
from scheduler.core.job.job import Job
from scheduler.core.job.standing import BrokenJob, LoadReport, StandingOrders
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Call, CallState, Message, Request, Usage
from scheduler.core.run.lease import Lease
from scheduler.core.run.run import Move, Run
from scheduler.core.run.step import CallResult, Frame, Step
from scheduler.core.run.wakeup import WakeUp, Waking
from scheduler.core.time.trigger import CronTrigger, Trigger
from scheduler.core.trust.effect import Effect
from scheduler.ports.store.database import Database
from scheduler.ports.store.history import History
from scheduler.ports.store.store import Store

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Return the instant that many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def make_job(name: str = "brief", trigger: Trigger | None = None, **options: Any) -> Job:
    """Return a job that fires every hour, unless told otherwise."""
    return Job(name, trigger or CronTrigger("0 * * * *", name=name), "Say hello.", **options)


def orders(*jobs: Job, broken: tuple[BrokenJob, ...] = ()) -> StandingOrders:
    """Return a loaded crontab."""
    return StandingOrders(jobs, broken, digest="d1", file="/etc/crontab", problems=("one", "two"))


def message(seq: int, text: str, *, role: str = "user", when: datetime = NOON) -> Message:
    """Return a message of one text block."""
    stop = "end_turn" if role == "assistant" else None
    block = {"type": "text", "text": text}
    return Message(seq, role, (block,), "own", when, stop)  # type: ignore[arg-type]


def answer(seq: int, *call_ids: str, when: datetime = NOON) -> Message:
    """Return an assistant's message that asks for calls."""
    blocks = tuple({"type": "tool_use", "id": i, "name": "shell", "input": {"n": i}} for i in call_ids)
    return Message(seq, "assistant", blocks, "own", when, "tool_use")


def call(call_id: str, seq: int, position: int = 0, effect: Effect = Effect.OPAQUE) -> Call:
    """Return a planned call."""
    return Call(call_id, seq, position, "shell", {"n": call_id, "b": 1, "a": 2}, effect, f"key-{call_id}")


def sent(number: int = 1, attempt: int = 1, when: datetime = NOON) -> Request:
    """Return a request that is about to be sent."""
    return Request(number, attempt, "claude-x", when)


def answered(number: int = 1, attempt: int = 1, cost: int | None = 250, when: datetime = NOON) -> Request:
    """Return a request that was answered a second after it was sent."""
    later = when + timedelta(seconds=1)
    usage = Usage(10, 20, 3, 4)
    return Request(
        number, attempt, "claude-x", when, "answered", later, "req_1", "end_turn", usage, cost,
        tokens=usage.tokens,
    )  # fmt: skip


def done(call_id: str, text: str = "ok") -> CallResult:
    """Return the result of a call that went well."""
    return CallResult(call_id, CallState.DONE, text, "untrusted:shell")


def sleep(seconds: float, *, until: float, **more: Any) -> Step:
    """Return the step that puts a run to sleep ``seconds`` after noon."""
    wakeup = WakeUp(Waking.TIME, due=at(until))
    return Step(at=at(seconds), move=Move.SUSPEND, waiting_for="the morning", wakeups=(wakeup,), **more)


def parked(seconds: float, *wakeups: WakeUp, code: str = "auth") -> Step:
    """Return the step that parks a run."""
    return Step(
        at=at(seconds), move=Move.PARK, reason="the key is refused", reason_code=code, wakeups=wakeups
    )


FRAME = Frame("claude-x", "You are unattended.", ({"name": "shell", "input_schema": {"b": 1, "a": 2}},))


@dataclass(slots=True)
class Bench:
    """One store on one database, and a way to open more, as other processes would."""

    database: Database
    opened: list[Store] = field(default_factory=list)

    @property
    def store(self) -> Store:
        """The first store."""
        return self.opened[0]

    async def open_more(self, prefix: str) -> Store:
        """Open one more store on the same database; its run ids begin with ``prefix``."""
        ids = itertools.count(1)
        store = self.database.open_store(lambda: f"{prefix}{next(ids):03}")
        self.opened.append(store)
        return store

    async def load(self, *jobs: Job, now: datetime = NOON, broken: tuple[BrokenJob, ...] = ()) -> LoadReport:
        """Load a crontab of these jobs."""
        return await self.store.load_orders(orders(*jobs, broken=broken), now)

    async def queue(self, job: Job | None = None, seconds: float = 0) -> Run:
        """Queue a run by hand."""
        run = await self.store.fire_by(job or make_job(), at(seconds), actor=PERSON)
        assert run is not None
        return run

    async def claim(
        self, seconds: float = 0, *, limit: int = 8, runner: str = "r1", lease_seconds: float = 30
    ) -> list[Lease]:
        """Claim runs."""
        return await self.store.claim(runner, at(seconds), limit=limit, lease_seconds=lease_seconds)

    async def running(self, job: Job | None = None, seconds: float = 0) -> Lease:
        """Queue a run and claim it."""
        run = await self.queue(job, seconds)
        leases = await self.store.claim("r1", at(seconds), limit=1, lease_seconds=30, only=[run.id])
        assert len(leases) == 1
        return leases[0]

    async def checkpoint(self, lease: Lease, seconds: float = 0) -> Checkpoint:
        """Load a checkpoint."""
        return await self.store.checkpoint(lease, at(seconds))

    async def run(self, run_id: str) -> Run:
        """Return a run that is there."""
        run = await self.store.run(run_id)
        assert run is not None
        return run

    async def fire(self, job: Job, now: datetime) -> list[Run]:
        """Fire a job as a tick does."""
        return await self.store.fire(job, partial(decide, job, now=now), now)

    async def fire_as(
        self, job: Job, *fires: Fire, next_fire: datetime | None, now: datetime = NOON
    ) -> list[Run]:
        """Fire a job with a decision that is given."""

        def decided(_: FireFacts) -> Decision:
            return Decision(fires, next_fire)

        return await self.store.fire(job, decided, now)

    async def end(self, lease: Lease, move: Move, seconds: float = 0, **more: Any) -> None:
        """End an attempt."""
        await self.store.commit(lease, Step(at=at(seconds), move=move, **more))

    def history(self) -> History:
        """Open what the doors see."""
        return self.database.history()


@asynccontextmanager
async def open_bench(database: Database) -> AsyncIterator[Bench]:
    """Yield a bench whose first store makes the ids a001, a002 ...; all stores are closed at the end."""
    bench = Bench(database)
    await bench.open_more("a")
    try:
        yield bench
    finally:
        for store in bench.opened:
            await store.close()
