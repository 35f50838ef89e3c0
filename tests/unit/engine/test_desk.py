"""The desk: what a backend with a loop of its own may ask for, in whatever order it asks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from scheduler.core.run.conversation import CallState
from scheduler.core.run.run import State
from scheduler.engine.attempt.desk import UNDER_WAY
from scheduler.errors import LostLeaseError
from scheduler.ports.backend import Allowed, Answered, Desk, ForeignCall, Rested
from tests.kit.office import SPEC, act, office, one


# -- order --------------------------------------------------------------------------------------------
async def test_a_run_from_its_opening_to_its_end(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        first = await desk.open()
        assert first is not None
        assert first.startswith("Do it.")
        assert await desk.open() == first
        await desk.said("I act now.")
        await act(desk, one())
        await desk.end("Done.")

    async with office(tmp_path, play) as o:
        run = await o.play()
        assert (run.state, run.summary) == (State.SUCCEEDED, "Done.")
        assert len(o.world.messages(run.id)) == 4, "what was answered is not answered again at the end"


@pytest.mark.parametrize("first", ["heard", "said", "begin", "end"])
async def test_nothing_is_written_before_the_gate_was_asked(tmp_path: Path, first: str) -> None:
    async def play(desk: Desk) -> None:
        argument = one() if first == "begin" else "Hello."
        await getattr(desk, first)(argument)

    async with office(tmp_path, play, options='gate="exit 1"') as o:
        run = await o.play()
        assert (run.state, run.reason_code) == (State.FAILED, "internal")
        assert "the conversation is not open" in run.reason
        assert o.world.messages(run.id) == []


@pytest.mark.parametrize(("status", "state"), [(1, State.SKIPPED), (7, State.FAILED)])
async def test_a_gate_that_says_no_ends_the_run(tmp_path: Path, status: int, state: State) -> None:
    async def play(desk: Desk) -> None:
        assert await desk.open() is None
        assert isinstance(await desk.begin(one()), Rested)

    async with office(tmp_path, play, options=f'gate="exit {status}"') as o:
        assert (await o.play()).state is state


async def test_a_backend_that_just_returns_fails_its_run(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        await desk.open()

    async with office(tmp_path, play) as o:
        run = await o.play()
        assert (run.state, run.reason_code) == (State.FAILED, "internal")
        assert "neither over nor at rest" in run.reason


async def test_a_tool_of_the_backend_that_is_named_as_one_of_the_job_parks_the_run(tmp_path: Path) -> None:
    async with office(tmp_path, specs=(replace(SPEC, name="read"),)) as o:
        run = await o.play()
        assert (run.state, run.reason_code) == (State.PARKED, "tool")
        assert "named read" in run.reason


# -- ids ----------------------------------------------------------------------------------------------
async def test_a_call_under_way_is_not_begun_again(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        await desk.open()
        first, second = await asyncio.gather(desk.begin(one()), desk.begin(one()))
        assert isinstance(first, Allowed)
        assert second == Answered(UNDER_WAY, is_error=True)
        assert desk.doubtful == ()
        await desk.record("call-1", "done")
        assert await desk.begin(one()) == Answered("done")
        await desk.end("Done.")

    async with office(tmp_path, play) as o:
        run = await o.play()
        assert run.state is State.SUCCEEDED
        assert o.states(run) == [CallState.DONE]


async def test_an_answer_is_given_again_however_long_ago_it_was(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        await desk.open()
        await act(desk, one(1))
        await desk.said("And now another one.")
        await act(desk, one(2))
        assert await desk.begin(one(1)) == Answered("done")
        await desk.end("Done.")

    async with office(tmp_path, play) as o:
        run = await o.play()
        assert run.state is State.SUCCEEDED
        assert o.states(run) == [CallState.DONE] * 2


async def test_a_call_is_not_begun_with_other_arguments_than_were_approved(tmp_path: Path) -> None:
    async def ask(desk: Desk) -> None:
        await desk.open()
        assert isinstance(await desk.begin(one(name="post")), Rested)

    async def cheat(desk: Desk) -> None:
        with pytest.raises(ValueError, match="other arguments"):
            await desk.begin(one(name="post", text="two"))
        with pytest.raises(ValueError, match="other arguments"):
            await desk.begin(one(name="act"))
        await act(desk, one(name="post"))
        await desk.end("Done.")

    async with office(tmp_path, ask, cheat) as o:
        run = await o.play()
        assert (run.state, run.reason_code) == (State.PARKED, "approval")
        await o.answer(approve=True)
        assert (await o.world.run(run.id)).state is State.SUCCEEDED


async def test_another_call_waits_until_the_open_one_is_answered(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        await desk.open()
        await desk.begin(one(1))
        with pytest.raises(ValueError, match="call-1 is open"):
            await desk.begin(one(2))
        with pytest.raises(ValueError, match="call-1 is open"):
            await desk.said("Meanwhile.")
        await desk.record("call-1", "done")
        with pytest.raises(ValueError, match="has not begun"):
            await desk.record("call-1", "done again")
        await desk.end("Done.")

    async with office(tmp_path, play) as o:
        assert (await o.play()).state is State.SUCCEEDED


@pytest.mark.parametrize("text", ["a\0b", "\ud800", float("nan"), b"bytes"])
async def test_input_that_cannot_be_kept_as_it_is_begins_nothing(tmp_path: Path, text: object) -> None:
    async def play(desk: Desk) -> None:
        await desk.open()
        answer = await desk.begin(ForeignCall("call-1", "act", {"text": text}))
        assert isinstance(answer, Answered)
        assert answer.is_error
        assert "cannot be kept" in str(answer.result)
        await desk.end("Done.")

    async with office(tmp_path, play) as o:
        run = await o.play()
        assert run.state is State.SUCCEEDED
        assert o.states(run) == []


async def test_a_result_that_cannot_be_kept_is_recorded_as_one(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        await desk.open()
        await desk.begin(one())
        await desk.record("call-1", ({"type": "text", "text": b"x"},))
        await desk.end("Done.")

    async with office(tmp_path, play) as o:
        run = await o.play()
        assert o.states(run) == [CallState.FAILED]
        assert "cannot be kept" in o.world.told(run.id)


# -- tools that change --------------------------------------------------------------------------------
@pytest.mark.parametrize("schema", [{"type": "object", "required": ["other"]}, None])
async def test_a_doubtful_call_whose_tool_has_changed_is_unknown(tmp_path: Path, schema: object) -> None:
    async def die(desk: Desk) -> None:
        await desk.open()
        await desk.begin(one())
        raise LostLeaseError("as if the process had died")

    async def go_on(desk: Desk) -> None:
        assert [call.id for call in desk.doubtful] == ["call-1"]
        answer = await desk.begin(one())
        assert isinstance(answer, Answered)
        assert answer.is_error
        await desk.end("Done.")

    async with office(tmp_path, die, go_on) as o:
        run = await o.play()
        assert isinstance(schema, dict | None)
        o.backend.tools = {} if schema is None else {"act": replace(SPEC, schema=schema)}
        await o.world.take_over()
        assert (await o.world.run(run.id)).state is State.SUCCEEDED
        assert o.states(run) == [CallState.UNKNOWN]


async def test_a_planned_call_whose_tool_is_gone_is_answered(tmp_path: Path) -> None:
    async def ask(desk: Desk) -> None:
        await desk.open()
        assert isinstance(await desk.begin(one(name="post")), Rested)

    async def go_on(desk: Desk) -> None:
        answer = await desk.begin(one(name="post"))
        assert isinstance(answer, Answered)
        assert "There is no tool named 'post'" in str(answer.result)
        await desk.end("Done.")

    async with office(tmp_path, ask, go_on) as o:
        run = await o.play()
        o.backend.tools = {}
        await o.answer(approve=True)
        assert (await o.world.run(run.id)).state is State.SUCCEEDED
        assert o.states(run) == [CallState.FAILED]
