"""The executor interrupted: by a limit, a stop, another runner, a full disk, or its own surroundings."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scheduler.core.run.conversation import CallState
from scheduler.core.run.run import Move, State
from scheduler.core.run.step import Step
from scheduler.core.trust.effect import Effect
from scheduler.errors import LostLeaseError, StoreError
from scheduler.ports.tool import Args, ControlTool, Outcome, ToolAnswer
from scheduler.testing.world import with_tools
from tests.kit.models import call, finish
from tests.kit.stage import Recorder, Stage, hang, stage

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


async def begin_in(s: Stage, recorder: Recorder) -> Any:
    """Fire the job and wait until its tool is at work."""
    await s.fire()
    (underway,) = await s.world.begin()
    await recorder.begun.wait()
    return underway


async def test_an_attempt_that_takes_too_long_fails_and_can_be_resumed(tmp_path: Path) -> None:
    slow = Recorder("slow", Effect.OPAQUE, hang)
    async with stage(tmp_path, call(("slow", {})), recorders=(slow,), options="timeout=1s") as s:
        run = await s.play()  # one second of real time: the limit is the event loop's
        assert (run.state, run.reason_code) == (State.FAILED, "timeout")
        assert run.reason == "the attempt took longer than 1 s, its limit"
        run = await s.resume(run.id)
        assert run.state is State.SUCCEEDED
        assert "outcome is unknown" in s.results(run.id)["slow"]["content"]


async def test_a_stop_lets_the_step_end_and_hands_the_attempt_back(tmp_path: Path) -> None:
    look = Recorder()
    async with stage(tmp_path, call(("look", {})), recorders=(look,)) as s:

        async def stop_meanwhile(_: Args) -> ToolAnswer:
            s.world.stopping = True
            return "ok"

        look.then = stop_meanwhile
        run_id = await s.fire()
        (underway,) = await s.world.begin()
        assert await underway.task is State.QUEUED
        assert s.attempts(run_id)[0].ended_as == "release"
        assert s.calls(run_id)[0].state is CallState.DONE
        s.world.stopping = False
        await s.world.settle()
        run = await s.world.run(run_id)
        assert (run.state, run.attempts) == (State.SUCCEEDED, 1)
        assert len(look.calls) == 1


async def test_a_stop_in_the_middle_of_a_request_counts_it_as_lost(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.model.hold = asyncio.Event()
        run_id = await s.fire()
        (underway,) = await s.world.begin()
        await s.model.asked.wait()
        underway.attempt.interrupt("stop")
        assert await underway.task is State.QUEUED
        run = await s.world.run(run_id)
        assert (run.unknown_cost_requests, s.requests(run_id)[0].state) == (1, "lost")
        s.model.hold = None
        await s.world.settle()
        assert (await s.world.run(run_id)).attempts == 1


async def test_who_lost_the_lease_writes_nothing_more(tmp_path: Path) -> None:
    look = Recorder("look", Effect.OPAQUE)
    go_on = asyncio.Event()

    async def wait(_: Args) -> ToolAnswer:
        await go_on.wait()
        return "too late"

    look.then = wait
    async with stage(tmp_path, call(("look", {})), finish("By the second."), recorders=(look,)) as s:
        underway = await begin_in(s, look)
        run_id = underway.attempt.run_id
        s.world.runner = "runner-2"
        await s.world.take_over()  # the lease ran out while the process stood still
        before = (await s.world.run(run_id), s.messages(run_id), s.calls(run_id))
        assert before[0].summary == "By the second."
        go_on.set()
        await underway.task
        assert (await s.world.run(run_id), s.messages(run_id), s.calls(run_id)) == before
        assert s.calls(run_id)[0].state is CallState.UNKNOWN
        assert len(look.calls) == 1


async def test_an_executor_that_is_told_of_its_lost_lease_stops_in_its_tracks(tmp_path: Path) -> None:
    slow = Recorder("slow", then=hang)
    async with stage(tmp_path, call(("slow", {})), recorders=(slow,)) as s:
        underway = await begin_in(s, slow)
        underway.attempt.interrupt("lost")
        await underway.task
        run = await s.world.run(underway.attempt.run_id)
        assert (run.state, run.epoch) == (State.RUNNING, 1), "its lease runs out by itself"


async def test_a_step_of_an_old_epoch_is_refused(tmp_path: Path) -> None:
    slow = Recorder("slow", then=hang)
    async with stage(tmp_path, call(("slow", {})), recorders=(slow,)) as s:
        underway = await begin_in(s, slow)
        old = underway.attempt.writer.lease
        await underway.kill()
        slow.then = None
        await s.world.take_over()
        with pytest.raises(LostLeaseError):
            await s.world.store.commit(old, Step(at=START, move=Move.FAIL))


class BrokenDisk:
    """A store whose commits fail from the n-th on."""

    def __init__(self, inner: Any, fails_from: int) -> None:
        self._inner = inner
        self._left = fails_from - 1
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def commit(self, lease: Any, step: Step) -> bool:
        if self._left <= 0:
            self.refused += 1
            raise StoreError("the disk is full")
        self._left -= 1
        cancelled: bool = await self._inner.commit(lease, step)
        return cancelled


@pytest.mark.parametrize("fails_from", range(1, 8))
async def test_without_a_disk_nothing_happens_and_the_run_is_left_to_its_lease(
    tmp_path: Path, fails_from: int
) -> None:
    mail = Recorder("mail", Effect.OPAQUE)
    async with stage(tmp_path, call(("mail", {})), finish(), recorders=(mail,)) as s:
        run_id = await s.fire()
        (underway,) = await s.world.begin()
        broken = BrokenDisk(s.world.store, fails_from)
        underway.attempt.writer._store = broken
        await underway.task
        # 1 first message, 2 request, 3 answer, 4 started, 5 result, 6 message of results, 7 request ...
        assert broken.refused == 1, "after the first refusal nothing is tried"
        assert len(mail.calls) == (1 if fails_from > 4 else 0), "no effect without a durable record"
        run = await s.world.run(run_id)
        assert run.state is State.RUNNING
        s.model.lines = s.model.lines if s.calls(run_id) else [call(("mail", {}))]
        await s.world.take_over()
        assert (await s.world.run(run_id)).state is State.SUCCEEDED
        assert len(mail.calls) == 1


async def test_a_poison_run_is_buried_after_five_crashes(tmp_path: Path) -> None:
    slow = Recorder("slow", then=hang)
    async with stage(tmp_path, call(("slow", {})), recorders=(slow,)) as s:
        run_id = await s.fire()
        for _ in range(5):
            await s.world.tick()
            (underway,) = await s.world.begin()
            await slow.begun.wait()
            slow.begun.clear()
            await underway.kill()
            s.world.clock.advance(s.world.services.settings.lease_seconds)
        await s.world.settle()
        run = await s.world.run(run_id)
        assert (run.state, run.reason) == (State.FAILED, "its runner died 5 times")
        slow.then = None
        assert (await s.resume(run_id)).state is State.SUCCEEDED


async def test_a_call_that_had_begun_is_unknown_when_its_tool_happens_inside_a_commit_by_now(
    tmp_path: Path,
) -> None:
    look = Recorder("look", Effect.OPAQUE, hang)
    async with stage(tmp_path, call(("look", {})), finish(), recorders=(look,)) as s:
        underway = await begin_in(s, look)
        await underway.kill()
        inside = ControlTool(look.made().spec, lambda *_: Outcome("looked"))
        s.world.services = with_tools(s.world.services, {"look": inside})
        await s.world.take_over()
        [run] = s.world.runs()
        assert run.state is State.SUCCEEDED
        assert s.calls(run.id)[0].state is CallState.UNKNOWN
