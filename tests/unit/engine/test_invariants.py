"""The invariants of a run, under random scripts, crashes, stalls, clock jumps, events and persons.

I1 each slot and each key of a cause becomes one row; I2 an opaque effect happens at most once;
I3 conversations are valid; I4 no effect without a durable ``started``; I5 only one epoch writes;
I6 no request but from a running run, and a rest is ended by what is on record alone, but always by that;
I7 spend is at most the budget and one request; I8 when the faults stop, every run is final, asleep or parked.
"""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from scheduler.core.actor import PERSON
from scheduler.core.job.firing import decide_at_once
from scheduler.core.run.cause import Cause
from scheduler.core.run.conversation import CallState
from scheduler.core.run.event import Event
from scheduler.core.run.lease import Lease
from scheduler.core.run.run import FINAL, State
from scheduler.core.run.step import Step
from scheduler.core.trust.effect import Effect
from scheduler.engine.intake import take
from scheduler.errors import AgentcronError
from scheduler.ports.model import Ask, Reply
from scheduler.ports.tool import Args, Probe, ToolContext
from scheduler.testing.world import Underway, World, open_world
from scheduler.toolkit import tool
from tests.kit.models import CENT, Answer, FakeModel, call, say, summary
from tests.kit.random_lines import DEAREST, LINES, PUSH
from tests.kit.rests import check_rests
from tests.kit.soak import SOAK
from tests.kit.validity import assert_prefixes, assert_sendable, assert_valid
from tests.plugin.wait_tool import WAIT

BUDGET = 8 * CENT
TOOLS = ("pure", "keyed", "probed", "opaque", "breaks", "never")

# A RAM disk where there is one: these thousands of commits need not outlive a power cut.
FOLDER = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

LIFE: ContextVar[int] = ContextVar("LIFE", default=0)
"""Which process the present task belongs to."""


class Hook:
    """Stops whoever passes the n-th point from now: in a request or in a tool, before or after its effect.

    Only the process that was armed last is stopped: one that stood still before goes on unhindered.
    """

    def __init__(self) -> None:
        self.life = 0
        self.left = 0
        self.reached = asyncio.Event()
        self.release = asyncio.Event()

    def arm(self, count: int) -> None:
        """Stop at the ``count``-th point."""
        self.life += 1
        LIFE.set(self.life)
        self.left, self.reached, self.release = count, asyncio.Event(), asyncio.Event()

    def disarm(self) -> None:
        """Let everybody pass."""
        self.left = 0
        self.release.set()

    async def pass_by(self) -> None:
        """Be a point."""
        if LIFE.get() != self.life:
            return
        self.left -= 1
        if self.left == 0:
            self.reached.set()
            await self.release.wait()


class CheckedModel(FakeModel):
    """Answers random lines, and checks every request."""

    def __init__(self, hook: Hook, wrong: list[str]) -> None:
        super().__init__()
        self.hook = hook
        self.wrong = wrong

    async def ask(self, ask: Ask, *, on_text: Callable[[str], None] | None = None) -> Reply:
        """Check, and answer."""
        try:
            assert_sendable(ask)
        except AssertionError as error:
            # Written down, not raised: the engine would take an exception for a fault of the model.
            self.wrong.append(f"I3: {error}")
        await self.hook.pass_by()
        if ask.compact and not (self.lines and isinstance(self.lines[0], Exception)):
            self.lines.insert(0, summary() if self.requests % 3 else say("", "max_tokens"))
        reply = await super().ask(ask, on_text=on_text)
        await self.hook.pass_by()
        return reply


class Lives(RuleBasedStateMachine):
    """Many lives of one job."""

    def __init__(self) -> None:
        super().__init__()
        logging.disable(logging.CRITICAL)  # tracebacks by the thousand, all of them wanted
        self.loop = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(dir=FOLDER)
        self.effects: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.number = 1
        self.caps: dict[str, int] = {}
        self.keys: set[str] = set()

    @initialize(
        overlap=st.sampled_from(["skip", "queue", "replace", "allow"]),
        catchup=st.sampled_from(["skip", "latest", "all"]),
    )
    def begin(self, overlap: str, catchup: str) -> None:
        """Load one job that fires every hour."""
        self.overlap = overlap
        self._run(self._begin(f"overlap={overlap} catchup={catchup}"))

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        # Nothing here waits for real time: what takes a minute waits for ever.
        self.loop.run(asyncio.wait_for(coroutine, 60))

    async def _begin(self, options: str) -> None:
        self.hook = Hook()
        self.model = CheckedModel(self.hook, self.wrong)
        tools = {"await": WAIT, **{name: self._tool(name) for name in TOOLS}}
        folder = Path(self.folder.name)
        self.context: AbstractAsyncContextManager[World] = open_world(folder, model=self.model, tools=tools)
        self.world = await self.context.__aenter__()
        write: Any = self.world.store.commit

        async def fenced(lease: Lease, step: Step) -> bool:
            late = (await self.world.run(lease.run_id)).epoch > lease.epoch
            cancelled: bool = await write(lease, step)
            if late:
                self.wrong.append("I5: an old epoch has written")
            return cancelled

        self.world.store.commit = fenced  # type: ignore[method-assign]
        budget = f"budget={BUDGET / 1e6:.2f}/run,50/day"
        await self.world.load(
            f'0 * * * *  job  "Live."  {budget} compact=10k retries=1 pause-after=100 {options}\n'
        )

    def _tool(self, name: str) -> Any:
        async def probe(args: Args, context: ToolContext) -> Probe:
            return "happened" if self.effects[context.key] else "did_not_happen"

        others = {"probed": Effect.PROBE, "breaks": Effect.PURE, "never": Effect.PURE}
        effect = others.get(name) or Effect(name)

        @tool(name=name, description="Acts.", schema={"type": "object"}, effect=effect, probe=probe)
        async def act(args: Args, context: ToolContext) -> str:
            await self.hook.pass_by()
            with self.world.reader() as reader:
                (row,) = (each for each in reader.calls(context.run_id) if each.key == context.key)
            if row.started_at is None:
                self.wrong.append(f"I4: {name} acts without a durable start")
            self.effects[context.key] += 1
            if name == "never":
                self.wrong.append("a call was run that had been cut off")
            # A probe cannot see what a process that only stood still is about to do.
            once = name == "opaque" or (name == "probed" and self.number == 1)
            if once and self.effects[context.key] > 1:
                self.wrong.append(f"I2: {name} acted twice")
            await self.hook.pass_by()
            if name == "breaks":
                raise RuntimeError("a plug-in's mistake")
            return "ok"

        return act

    # -- what happens ------------------------------------------------------------------------------
    @rule(lines=st.lists(st.sampled_from(LINES), min_size=1, max_size=4))
    def will_say(self, lines: list[Callable[[], Answer]]) -> None:
        """The model will say these next, to whichever run asks."""
        self.model.lines += [line() for line in lines]

    @rule()
    def talk_much(self) -> None:
        """The model gets talkative, and dear."""
        self.model.lines = [call(("note", {"text": "dear"}), cost=DEAREST) for _ in range(8)]

    @rule(end=st.sampled_from(LINES))
    def talk_long(self, end: Callable[[], Answer]) -> None:
        """The conversation gets long, until it has to be summed up, and again."""
        sizes = (2_000, 12_000, 16_000, 12_000)
        self.model.lines = [replace(call(("pure", {}), ("opaque", {})), tokens=size) for size in sizes]
        self.model.lines.append(end())

    @rule()
    def fire(self) -> None:
        """A person fires the job."""
        self._run(self.world.fire("job"))

    @rule(key=st.sampled_from(["a", "b", "c"]))
    def fire_for(self, key: str) -> None:
        """Something fires the job for a key, perhaps once more."""
        job, now = self.world.jobs["job"], self.world.clock.now()
        self._run(self.world.store.fire(job, partial(decide_at_once, job, now), now, Cause("test", key)))
        self.keys.add(key)

    @rule(number=st.integers(0, 5), subject=st.sampled_from(["", "main"]))
    def event(self, number: int, subject: str) -> None:
        """An event comes in, perhaps once more, while runs work, wait, or do neither."""
        key = f"push-{number}" if number else ""
        self._run(take(self.world.services, Event(PUSH, self.world.clock.now(), key, subject)))

    @rule(count=st.integers(1, 3), key=st.sampled_from(["", "main"]))
    def event_meanwhile(self, count: int, key: str) -> None:
        """An event comes in while a run is at work that is about to wait for it."""
        self.model.lines.insert(0, call(("await", {"kind": PUSH, "key": key})))
        self._run(self._event_meanwhile(count))

    async def _event_meanwhile(self, count: int) -> None:
        await self.world.fire("job")
        underway = await self._work_until(count)
        await take(self.world.services, Event(PUSH, self.world.clock.now(), "", "main"))
        self.hook.disarm()
        await asyncio.gather(*(each.task for each in underway))

    @rule(seconds=st.sampled_from([0, 1, 31, 1200, 3600, 90_000, -5000]))
    def time_passes(self, seconds: int) -> None:
        """The clock is moved, and what can be done is done."""
        self.world.clock.advance(seconds)
        self._run(self.world.settle())

    @rule()
    def jump(self) -> None:
        """The clock jumps to the next due instant."""
        self._run(self.world.jump())

    @rule(count=st.integers(1, 9), line=st.sampled_from(LINES))
    def crash(self, count: int, line: Callable[[], Answer]) -> None:
        """The process dies at some point of its work."""
        self.model.lines.insert(0, line())
        self._run(self._crash(count))

    async def _crash(self, count: int) -> None:
        underway = await self._work_until(count)
        for each in underway:
            await each.kill()
        self.hook.disarm()

    @rule(count=st.integers(1, 9), later=st.integers(1, 9))
    def stall(self, count: int, later: int) -> None:
        """The process stands still past its lease; it goes on while another one is at the same work."""
        self._run(self._stall(count, later))

    async def _stall(self, count: int, later: int) -> None:
        old = await self._work_until(count)
        go_on = self.hook.release
        self.number += 1
        self.world.runner = f"runner-{self.number}"
        self.world.clock.advance(self.world.services.settings.lease_seconds)
        new = await self._work_until(later)
        go_on.set()
        await asyncio.gather(*(each.task for each in old))
        self.hook.disarm()
        await asyncio.gather(*(each.task for each in new))

    async def _work_until(self, count: int) -> list[Underway]:
        self.hook.arm(count)
        await self.world.tick()
        underway = await self.world.begin()
        at_work = {each.task for each in underway}
        reached = asyncio.create_task(self.hook.reached.wait())
        while at_work and not reached.done():
            done, _ = await asyncio.wait({reached, *at_work}, return_when=asyncio.FIRST_COMPLETED)
            at_work -= done
        reached.cancel()
        return underway

    @rule(deed=st.sampled_from(["resume", "cancel", "raise"]), which=st.integers(0, 30))
    def person(self, deed: str, which: int) -> None:
        """A person does something to a run; what is not possible is refused."""
        runs = self.world.runs()
        if not runs:
            return
        run, now = runs[which % len(runs)], self.world.clock.now()
        store = self.world.store
        try:
            if deed == "resume":
                self._run(store.resume(run.id, now, "Go on.", actor=PERSON))
            elif deed == "cancel":
                self._run(store.cancel(run.id, now, "Enough.", actor=PERSON))
            else:
                self._run(store.raise_budget(run.id, now, {"run_microusd": 2 * BUDGET}, actor=PERSON))
                self.caps[run.id] = 2 * BUDGET
        except AgentcronError:
            return

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        """The job is paused, or goes on."""
        now = self.world.clock.now()
        if paused:
            self._run(self.world.store.pause("job", "by a person", now, actor=PERSON))
        else:
            following = self.world.jobs["job"].trigger.next_after(now)
            self._run(self.world.store.unpause("job", now, following, actor=PERSON))

    # -- what holds --------------------------------------------------------------------------------
    @invariant()
    def everything_holds(self) -> None:
        """I1 to I7, as far as they can be seen in the database."""
        assert not self.wrong, self.wrong
        slots = Counter(run.fire_time for run in self.world.runs() if run.cause.kind == "schedule")
        assert all(count == 1 for count in slots.values()), "I1: a slot has two rows"
        keys = Counter(run.cause.key for run in self.world.runs() if run.cause.key)
        assert keys == dict.fromkeys(self.keys, 1), "I1: a key has no row, or two"
        check_rests(self.world.config.database)
        for run in self.world.runs():
            with self.world.reader() as reader:
                messages = reader.messages(run.id)
                calls, attempts = reader.calls(run.id), reader.attempts(run.id)
                requests = reader.requests(run.id)
            assert_valid(messages)
            covered = [request.covers or 0 for request in requests if request.summary]
            assert covered == sorted(set(covered)), "I3: a summary covers less than the one before"
            assert all(messages[seq - 1].role == "user" for seq in covered), "I3: an exchange is torn apart"
            assert run.epoch == len(attempts), "I5: epochs and attempts go together"
            if run.state is not State.RUNNING:
                assert all(attempt.released_at for attempt in attempts)
            for request in requests:
                attempt = attempts[request.attempt - 1]
                assert attempt.claimed_at <= request.started_at, "I6: a request before its attempt"
                if attempt.released_at and attempt.released_at >= attempt.claimed_at:
                    assert request.started_at <= attempt.released_at, "I6: a request after its attempt"
            assert run.tokens == sum(each.tokens for each in requests if each.state != "sent"), "I7"
            assert run.cost_microusd < self.caps.get(run.id, BUDGET) + DEAREST, "I7"
            assert run.state is not State.SKIPPED or run.reason_code, "I1: skipped without a reason"
            if run.state is State.SLEEPING:
                assert any(each.state is CallState.WAITING for each in calls)
            if run.state is State.SUCCEEDED:
                assert all(each.is_closed for each in calls)

    def teardown(self) -> None:
        """I8: the faults stop, and every run comes to an end or rests."""
        try:
            if hasattr(self, "world"):
                self._run(self._end())
        finally:
            self.loop.close()
            self.folder.cleanup()
            logging.disable(logging.NOTSET)

    async def _end(self) -> None:
        try:
            self.model.lines = []
            await self.world.store.pause("job", "the end", self.world.clock.now(), actor=PERSON)
            await self.world.take_over()
            for _ in range(4):
                self.world.clock.advance(9000)
                await self.world.settle()
            rests = FINAL | {State.SLEEPING, State.PARKED}
            runs = self.world.runs()
            for run in runs:
                # Of a job whose runs do not overlap, one waits for as long as an earlier one sleeps.
                behind = self.overlap != "allow" and any(each.state in rests - FINAL for each in runs)
                assert run.state in rests or (behind and run.state is State.QUEUED), f"I8: {run}"
            assert_prefixes(self.world.model.asks)
            with self.world.reader() as reader:
                recorded = sum(len(reader.requests(run.id)) for run in runs)
            assert len(self.world.model.asks) <= recorded, "I6: a request that is not on record"
        finally:
            await self.context.__aexit__(None, None, None)


TestLives = pytest.mark.soak(pytest.mark.timeout(3600)(Lives.TestCase))
TestLives.settings = hypothesis.settings(
    max_examples=int(os.environ.get("AGENTCRON_LIVES", "500" if SOAK else "30")),
    stateful_step_count=25,
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
