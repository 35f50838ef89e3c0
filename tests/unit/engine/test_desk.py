"""The desk: what a backend with a loop of its own may ask for, in whatever order it asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from scheduler.adapters.halt_file import HaltFile
from scheduler.core.actor import PERSON
from scheduler.core.record import Head
from scheduler.core.run.conversation import CallState, Usage
from scheduler.core.run.run import Run, State
from scheduler.core.trust.effect import Effect
from scheduler.engine.attempt.desk import UNDER_WAY
from scheduler.errors import DayLogError
from scheduler.ports.backend import Allowed, Answered, Attempt, Desk, ForeignCall, Rested
from scheduler.ports.tool import AnyTool, ToolSpec
from scheduler.testing.world import World, open_world
from tests.kit.stage import Recorder
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
        raise asyncio.CancelledError

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
        o.world.kit = replace(o.world.kit, daylog=Log(halt))
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
        o.world.kit = replace(o.world.kit, daylog=Log(fail))
        run = await o.play()
        assert (run.state, run.reason_code) == (State.PARKED, "log")
        assert o.states(run) == [CallState.PLANNED]


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
