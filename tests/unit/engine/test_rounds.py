"""Rounds of model and tools: how many commits one takes, and what each of them holds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from scheduler.core.job.job import Job
from scheduler.core.run.conversation import CallState
from scheduler.core.run.lease import Lease
from scheduler.core.run.run import State
from scheduler.core.run.step import Step
from scheduler.core.trust.effect import Effect
from scheduler.core.trust.policy import Profile
from scheduler.errors import ConfigError
from scheduler.ports.tool import Args, ToolAnswer
from tests.kit.models import call, finish
from tests.kit.stage import Recorder, Stage, hang, stage, until


def listen(s: Stage) -> list[Step]:
    """Return the steps that are written from now on."""
    steps: list[Step] = []
    write = s.world.store.commit

    async def noted(lease: Lease, step: Step) -> bool:
        asked = await write(lease, step)
        steps.append(step)
        return asked

    s.world.store.commit = noted  # type: ignore[method-assign]
    return steps


def shown(steps: list[Step]) -> list[str]:
    """Return what each step holds of a round, in words."""
    found = []
    for step in steps:
        parts = {
            "request": step.opened,
            "answer": step.closed,
            "begun": step.started,
            "results": step.results,
            "message": any(each.role == "user" for each in step.messages),
        }
        found.append("+".join(name for name, there in parts.items() if there))
    return found


async def test_a_round_of_pure_calls_is_three_commits(tmp_path: Path) -> None:
    look = Recorder()
    async with stage(tmp_path, call(("look", {})), call(("look", {})), finish(), recorders=(look,)) as s:
        steps = listen(s)
        run = await s.play()
        assert run.state is State.SUCCEEDED
        round_ = ["request", "answer+begun", "results+message"]
        assert shown(steps) == ["message", *round_, *round_, "request", "answer", "results+message"]
        assert len(look.calls) == 2


async def test_a_round_with_an_effect_is_four_commits(tmp_path: Path) -> None:
    look, post = Recorder(), Recorder("post", Effect.OPAQUE)
    lines = [call(("post", {}))]
    async with stage(tmp_path, *lines, recorders=(look, post)) as s:
        steps = listen(s)
        assert (await s.play()).state is State.SUCCEEDED
        assert shown(steps)[1:6] == ["request", "answer", "begun", "results+message", "request"]


async def test_a_pure_call_waits_with_an_effect_of_the_same_message(tmp_path: Path) -> None:
    look, post = Recorder(), Recorder("post", Effect.OPAQUE)
    lines = [call(("look", {}), ("post", {}))]
    async with stage(tmp_path, *lines, recorders=(look, post)) as s:
        steps = listen(s)
        assert (await s.play()).state is State.SUCCEEDED
        assert shown(steps)[2:6] == ["answer", "begun", "results", "results+message"]
        assert len(steps[3].started) == 2


async def test_a_result_is_stored_while_its_sibling_is_under_way(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def wait(_: Args) -> ToolAnswer:
        await go.wait()
        return "late"

    quick, slow = Recorder("quick"), Recorder("slow", then=wait)
    async with stage(tmp_path, call(("slow", {}), ("quick", {})), recorders=(quick, slow)) as s:
        steps = listen(s)
        run_id = await s.fire()
        [underway] = await s.world.begin()
        await until(lambda: "results" in shown(steps))
        states = {each.name: each.state for each in s.calls(run_id)}
        assert states == {"slow": CallState.STARTED, "quick": CallState.DONE}
        go.set()
        await underway.task
        assert shown(steps)[2:5] == ["answer+begun", "results", "results+message"]
        contents = [block["content"] for block in s.messages(run_id)[2].content]
        assert contents == ["late", "quick says ok"]


async def test_a_pure_call_that_died_with_its_process_is_done_again(tmp_path: Path) -> None:
    look = Recorder(then=hang)
    async with stage(tmp_path, call(("look", {})), recorders=(look,)) as s:
        run_id = await s.fire()
        [underway] = await s.world.begin()
        await look.begun.wait()
        await underway.kill()
        [left] = s.calls(run_id)
        assert left.state is CallState.STARTED
        look.then = None
        await s.world.take_over()
        assert (await s.world.run(run_id)).state is State.SUCCEEDED
        assert s.results(run_id)["look"]["content"] == "look says ok"
        assert len(look.calls) == 2


async def test_an_answer_is_kept_when_nobody_can_say_whether_its_calls_may_begin(tmp_path: Path) -> None:
    look = Recorder()
    async with stage(tmp_path, call(("look", {})), recorders=(look,)) as s:
        read = s.world.services.profile_for

        def broken_after_the_answer(job: Job) -> Profile:
            if s.world.model.asks:
                raise ConfigError("the trust file is broken")
            return read(job)

        object.__setattr__(s.world.services, "profile_for", broken_after_the_answer)
        run = await s.play()
        assert (run.state, run.reason_code) == (State.PARKED, "trust")
        assert [message.role for message in s.messages(run.id)] == ["user", "assistant"]
        assert [each.state for each in s.calls(run.id)] == [CallState.PLANNED]
        assert look.calls == []


@pytest.mark.parametrize("why", ["stop", "halt"])
async def test_calls_begun_with_their_answer_wait_when_the_run_is_handed_back(
    tmp_path: Path, why: str
) -> None:
    look = Recorder()
    async with stage(tmp_path, call(("look", {})), recorders=(look,)) as s:
        halted: list[str] = []
        object.__setattr__(s.world.services, "halted", lambda: halted[0] if halted else None)
        write = s.world.store.commit

        async def then_stop(lease: Lease, step: Step) -> bool:
            asked = await write(lease, step)
            if step.started:
                if why == "stop":
                    s.world.stopping = True
                else:
                    halted.append("by a test")
            return asked

        s.world.store.commit = then_stop  # type: ignore[method-assign]
        run_id = await s.fire()
        [underway] = await s.world.begin()
        assert await underway.task is State.QUEUED
        assert look.calls == []
        s.world.store.commit = write  # type: ignore[method-assign]
        s.world.stopping = False
        halted.clear()
        await s.world.settle()
        assert (await s.world.run(run_id)).state is State.SUCCEEDED
        assert len(look.calls) == 1
