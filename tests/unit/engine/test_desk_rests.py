"""The desk when a run has to stop: for a halt, for money, and for what a person says."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from scheduler.adapters.halt_file import HaltFile
from scheduler.core.run.conversation import CallState, Usage
from scheduler.core.run.run import State
from scheduler.errors import DayLogError, HaltedError
from scheduler.ports.backend import Answered, Desk, ForeignCall, Rested
from tests.kit.office import CENT, Log, act, office, one
from tests.kit.stage import Recorder


# -- stopping -----------------------------------------------------------------------------------------
async def test_nothing_begins_once_the_run_rests(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        await desk.open()
        assert isinstance(await desk.begin(one(name="post")), Rested)
        assert isinstance(await desk.begin(one(2)), Rested)
        with pytest.raises(ValueError, match="the run is parked"):
            await desk.said("And yet.")

    async with office(tmp_path, play) as o:
        run = await o.play()
        assert run.state is State.PARKED
        assert o.states(run) == [CallState.PLANNED]


async def test_nothing_begins_while_the_home_is_halted_and_the_run_is_handed_back(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        await desk.open()
        o.halt()
        assert isinstance(await desk.begin(one()), Rested)
        assert not await desk.used(Usage(), CENT)

    async def go_on(desk: Desk) -> None:
        await act(desk, one())
        await desk.end("Done.")

    async with office(tmp_path, play, go_on) as o:
        run = await o.play()
        assert run.state is State.QUEUED
        assert o.states(run) == []
        HaltFile(o.world.config.halt).remove()
        await o.world.settle()
        run = await o.world.run(run.id)
        assert (run.state, run.attempts) == (State.SUCCEEDED, 1)


async def test_a_call_that_a_halt_overtakes_is_taken_back_before_it_acts(tmp_path: Path) -> None:
    async def halt() -> None:
        o.halt()  # after the last look, and before the call begins

    async def play(desk: Desk) -> None:
        await desk.open()
        assert isinstance(await desk.begin(one()), Rested)

    async with office(tmp_path, play) as o:
        o.world.services = replace(o.world.services, daylog=Log(halt))
        run = await o.play()
        assert run.state is State.QUEUED
        assert o.states(run) == [CallState.PLANNED]


async def test_a_run_whose_call_cannot_be_logged_is_parked_and_the_call_does_not_begin(
    tmp_path: Path,
) -> None:
    async def fail() -> None:
        raise DayLogError("the disk is full")

    async def play(desk: Desk) -> None:
        await desk.open()
        assert isinstance(await desk.begin(one()), Rested)

    async with office(tmp_path, play) as o:
        o.world.services = replace(o.world.services, daylog=Log(fail))
        run = await o.play()
        assert (run.state, run.reason_code) == (State.PARKED, "log")
        assert o.states(run) == [CallState.PLANNED]


async def test_a_backend_that_a_library_cancels_fails_its_run_and_leaves_it_to_no_lease(
    tmp_path: Path,
) -> None:
    async def play(desk: Desk) -> None:
        await desk.open()
        raise asyncio.CancelledError

    async with office(tmp_path, play) as o:
        run = await o.play()
        assert (run.state, run.reason_code) == (State.FAILED, "internal")
        assert run.reason == "its backend was cancelled from within"


async def test_a_backend_that_finds_the_home_halted_hands_its_run_back(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        await desk.open()
        raise HaltedError("halted: a person wants it")

    async with office(tmp_path, play) as o:
        run_id = await o.world.fire("job")
        (underway,) = await o.world.begin()
        await underway.task
        assert (await o.world.run(run_id)).state is State.QUEUED


# -- money --------------------------------------------------------------------------------------------
async def test_a_run_rests_when_its_requests_have_cost_what_they_may(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        await desk.open()
        assert await desk.used(Usage(input_tokens=10), CENT)
        assert not await desk.used(Usage(input_tokens=10), 5 * CENT)

    async with office(tmp_path, play, options="budget=0.05/run") as o:
        run = await o.play()
        assert (run.state, run.reason_code, run.cost_microusd) == (State.PARKED, "budget", 6 * CENT)


async def test_a_call_under_way_is_recorded_before_the_run_rests(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        await desk.open()
        await desk.begin(one())
        assert await desk.used(Usage(), 9 * CENT)
        await desk.record("call-1", "done")
        assert not await desk.used(Usage(), CENT)

    async with office(tmp_path, play, options="budget=0.05/run") as o:
        run = await o.play()
        assert (run.state, run.reason_code) == (State.PARKED, "budget")
        assert o.states(run) == [CallState.DONE]


@pytest.mark.parametrize(
    ("options", "above", "code"),
    [("budget=0.05/run,0.05/day", "", "budget-day"), ("", "FLEET_BUDGET = 0.05/day", "budget-fleet")],
)
async def test_a_run_rests_when_others_have_spent_the_day(
    tmp_path: Path, options: str, above: str, code: str
) -> None:
    async def spend(desk: Desk) -> None:
        await desk.open()
        assert await desk.used(Usage(), 3 * CENT)
        await desk.end("Done.")

    async def play(desk: Desk) -> None:
        await desk.open()
        assert await desk.used(Usage(), CENT)
        await o.world.play("job")
        assert not await desk.used(Usage(), CENT)

    async with office(tmp_path, play, spend, options=f"{options} overlap=allow", above=above) as o:
        run = await o.play()
        assert (run.state, run.reason_code) == (State.PARKED, code)
        assert "spent $0.05 of today's $0.05" in run.reason


async def test_what_was_spent_yesterday_does_not_count_after_midnight(tmp_path: Path) -> None:
    async def spend(desk: Desk) -> None:
        await desk.open()
        assert await desk.used(Usage(), 4 * CENT)
        await desk.end("Done.")

    async def play(desk: Desk) -> None:
        await desk.open()
        o.world.clock.advance(86_400)
        assert await desk.used(Usage(), 2 * CENT)
        await desk.end("Done.")

    async with office(tmp_path, spend, play, options="budget=0.05/run,0.05/day timeout=3d") as o:
        await o.play()
        assert (await o.play()).state is State.SUCCEEDED


# -- a person -----------------------------------------------------------------------------------------
async def spend_all(desk: Desk) -> None:
    await desk.open()
    assert desk.news == ""
    await desk.used(Usage(), 9 * CENT)


async def test_what_a_person_says_is_news_until_the_agent_was_told(tmp_path: Path) -> None:
    async def go_on(desk: Desk) -> None:
        assert "They say: Be quick." in desk.news
        await act(desk, one())
        assert "They say: Be quick." in desk.news, "the result of a call does not say it"
        await desk.heard(desk.news, "owner")
        assert desk.news == ""
        await desk.end("Done.")

    async with office(tmp_path, spend_all, go_on, options="budget=0.05/run") as o:
        run = await o.play()
        run = await o.world.resume(run.id, "Be quick.")
        assert run.state is State.SUCCEEDED
        o.check(run)


async def test_a_person_is_heard_before_the_agent_ends_its_run(tmp_path: Path) -> None:
    finish = ForeignCall("call-1", "finish", {"summary": "Done."})

    async def go_on(desk: Desk) -> None:
        answer = await desk.begin(finish)
        assert isinstance(answer, Answered)
        assert answer.is_error
        assert "They say: Be quick." in str(answer.result)
        assert desk.news == ""
        assert isinstance(await desk.begin(replace(finish, id="call-2")), Rested)

    async with office(tmp_path, spend_all, go_on, options="budget=0.05/run") as o:
        run = await o.play()
        run = await o.world.resume(run.id, "Be quick.")
        assert (run.state, run.summary) == (State.SUCCEEDED, "Done.")
        o.check(run)


async def test_the_answer_to_a_sleep_says_that_a_person_woke_the_agent(tmp_path: Path) -> None:
    nap = ForeignCall("call-1", "sleep", {"until": "3d"})

    async def rest(desk: Desk) -> None:
        await desk.open()
        assert isinstance(await desk.begin(nap), Rested)

    async def go_on(desk: Desk) -> None:
        assert desk.news == ""
        answer = await desk.begin(nap)
        assert isinstance(answer, Answered)
        assert "They say: Wake up." in str(answer.result)
        assert await desk.begin(nap) == answer
        await desk.end("Done.")

    async with office(tmp_path, rest, go_on) as o:
        run = await o.play()
        assert run.state is State.SLEEPING
        run = await o.world.resume(run.id, "Wake up.")
        assert run.state is State.SUCCEEDED
        o.check(run)


async def test_a_tool_of_the_job_is_run_by_the_backend_when_it_asks_for_it(tmp_path: Path) -> None:
    look = Recorder("look")

    async def play(desk: Desk) -> None:
        await desk.open()
        assert set(desk.tools) >= {"look", "act", "sleep"}
        await act(desk, ForeignCall("call-1", "look"))
        await desk.end("Done.")

    async with office(tmp_path, play, tools={"look": look.made()}) as o:
        assert (await o.play()).state is State.SUCCEEDED
        assert look.calls == [], "the backend did it itself"
