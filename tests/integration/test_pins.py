"""A run goes on with the tools that it was told of; one that has changed is refused until it is resumed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scheduler.core.actor import PERSON
from scheduler.core.run.conversation import CallState
from scheduler.core.run.run import State
from scheduler.core.trust.effect import Effect
from scheduler.ports.backend import Answered, Attempt, Desk, DeskAnswer, ForeignCall
from scheduler.ports.tool import ControlTool, ToolSpec
from scheduler.testing.world import open_world, with_tools
from scheduler.toolkit import FunctionTool
from scheduler.tools.registry import tool as installed
from tests.kit.models import Answer, call, finish, sleep
from tests.kit.stage import Recorder, Stage, hang, stage

pytestmark = pytest.mark.anyio

LOOK, PEEK = call(("look", {})), call(("peek", {}))

CHANGES: dict[str, Callable[[ToolSpec], ToolSpec]] = {
    "description": lambda spec: replace(spec, description="Sends what it sees to a friend."),
    "schema": lambda spec: replace(spec, schema={"type": "object", "required": ["where"]}),
    "effect": lambda spec: replace(spec, effect=Effect.KEYED),
    "reads_private": lambda spec: replace(spec, reads_private=True),
    "external": lambda spec: replace(spec, external=True),
}


def changed(recorder: Recorder, how: str = "description") -> FunctionTool:
    made = recorder.made()
    return replace(made, spec=CHANGES[how](made.spec))


def change(s: Stage, recorder: Recorder, how: str = "description") -> None:
    """Let a tool declare something else, as an upgrade does while a run rests."""
    s.world.services = with_tools(s.world.services, {recorder.name: changed(recorder, how)})


def outcomes(s: Stage, run_id: str) -> list[tuple[str, CallState, str]]:
    return [(c.name, c.state, c.rule) for c in s.calls(run_id) if c.name not in ("sleep", "finish")]


DONE, REFUSED = (CallState.DONE, "workdir"), (CallState.FAILED, "tool-changed")


@pytest.mark.parametrize("how", CHANGES)
async def test_a_tool_that_changed_while_its_run_slept_is_refused_and_the_others_are_not(
    tmp_path: Path, how: str
) -> None:
    look, peek = Recorder(), Recorder(name="peek")
    lines = (LOOK, sleep("1h"), call(("look", {}), ("peek", {})), finish())
    async with stage(tmp_path, *lines, recorders=(look, peek)) as s:
        run = await s.play()
        change(s, look, how)
        assert (await s.jump(run.id)).state is State.SUCCEEDED
        assert outcomes(s, run.id) == [("look", *DONE), ("look", *REFUSED), ("peek", *DONE)]
        assert (len(look.calls), len(peek.calls)) == (1, 1)
        told = next(str(c.result) for c in s.calls(run.id) if c.rule == "tool-changed")
        assert "look has changed since this run began" in told
        assert f"agentcron resume {run.id}" in told
        assert len({json.dumps(ask.tools) for ask in s.world.model.asks}) == 1, "one prefix for the cache"


async def test_a_person_who_resumes_the_run_lets_it_have_the_tool_as_it_is_now(tmp_path: Path) -> None:
    look = Recorder()
    async with stage(tmp_path, LOOK, sleep("1h"), LOOK, sleep("1h"), LOOK, finish(), recorders=(look,)) as s:
        run = await s.play()
        change(s, look)
        assert (await s.resume(run.id)).state is State.SLEEPING
        assert (await s.jump(run.id)).state is State.SUCCEEDED, "it stays pinned"
        assert outcomes(s, run.id) == [("look", *DONE)] * 3
        descriptions = [ask.tools[-1]["description"] for ask in s.world.model.asks]
        del s.world.model.asks[:2]  # with them the prefix is another one, once
        assert descriptions == ["A tool of a test."] * 2 + ["Sends what it sees to a friend."] * 4


async def test_a_crash_after_it_was_pinned_again_loses_nothing(tmp_path: Path) -> None:
    look = Recorder()
    async with stage(tmp_path, sleep("1h"), LOOK, LOOK, finish(), recorders=(look,)) as s:
        run = await s.play()
        look.then = hang
        change(s, look)
        await s.world.store.resume(run.id, s.world.clock.now(), "", actor=PERSON)
        (underway,) = await s.world.begin()
        await look.begun.wait()
        await underway.kill()
        look.then = None
        await s.world.take_over()
        assert (await s.world.run(run.id)).state is State.SUCCEEDED
        assert outcomes(s, run.id) == [("look", *DONE)] * 2
        del s.world.model.asks[:1]


async def test_a_call_that_had_begun_is_not_repeated_by_a_changed_tool(tmp_path: Path) -> None:
    look = Recorder(effect="keyed", then=hang)
    async with stage(tmp_path, LOOK, finish(), recorders=(look,)) as s:
        run_id = await s.fire()
        (underway,) = await s.world.begin()
        await look.begun.wait()
        await underway.kill()
        change(s, look)
        await s.world.take_over()
        assert outcomes(s, run_id) == [("look", CallState.UNKNOWN, "workdir")]
        assert len(look.calls) == 1


async def test_a_tool_that_came_later_is_not_one_of_the_run(tmp_path: Path) -> None:
    look = Recorder()
    async with stage(tmp_path, sleep("1h"), LOOK, finish()) as s:
        run = await s.play()
        change(s, look)
        await s.jump(run.id)
        assert (outcomes(s, run.id), look.calls) == ([("look", *REFUSED)], [])


async def test_a_run_from_before_pins_is_pinned_at_its_next_attempt(tmp_path: Path) -> None:
    look = Recorder()
    async with stage(tmp_path, sleep("1h"), LOOK, sleep("1h"), LOOK, finish(), recorders=(look,)) as s:
        run = await s.play()
        with closing(sqlite3.connect(s.world.config.database)) as database:
            [(frame,)] = database.execute("SELECT frame FROM frames").fetchall()
            values = json.loads(frame)
            assert set(values.pop("pins")) >= {"look", "read"}
            database.execute("UPDATE frames SET frame = ?", [json.dumps(values)])
            database.commit()
        change(s, look)
        assert (await s.jump(run.id)).state is State.SLEEPING
        change(s, look, "external")
        assert (await s.jump(run.id)).state is State.SUCCEEDED
        assert outcomes(s, run.id) == [("look", *DONE), ("look", *REFUSED)]


async def test_tools_that_steer_the_run_are_never_refused(tmp_path: Path) -> None:
    async with stage(tmp_path, sleep("1h"), sleep("2h"), finish()) as s:
        run = await s.play()
        tool: Any = installed("sleep")
        assert isinstance(tool, ControlTool)
        other = replace(tool, spec=replace(tool.spec, description="Sleep well."))
        s.world.services = with_tools(s.world.services, {"sleep": other})
        assert (await s.jump(run.id)).state is State.SLEEPING


async def test_an_approval_does_not_help_a_changed_tool(tmp_path: Path) -> None:
    look = Recorder(effect="opaque", external=True)
    lines: tuple[Answer, ...] = (LOOK, finish())
    async with stage(tmp_path, *lines, recorders=(look,)) as s:
        run = await s.play()
        with s.world.history() as history:
            [question] = history.open_approvals()
        change(s, look)
        await s.world.store.answer(question.id, s.world.clock.now(), approve=True, actor=PERSON)
        await s.world.settle()
        assert (outcomes(s, run.id), look.calls) == ([("look", *REFUSED)], [])


NAP = ForeignCall("nap", "sleep", {"until": "1h", "reason": "a nap"})


class Foreign:
    """A backend whose agent asks for one call at each attempt, and sleeps after the first."""

    tools: Mapping[str, ToolSpec] = {}

    def __init__(self) -> None:
        self.answers: list[DeskAnswer] = []

    async def advance(self, attempt: Attempt, desk: Desk) -> None:  # noqa: ARG002
        number = len(self.answers)
        await desk.open()
        if number > 0:
            await desk.begin(NAP)
        answer = await desk.begin(ForeignCall(f"look-{number}", "look"))
        self.answers.append(answer)
        if not isinstance(answer, Answered):
            await desk.record(f"look-{number}", "seen")
        if number == 0:
            await desk.begin(NAP)
        else:
            await desk.end("Done.")


async def test_an_agent_with_a_loop_of_its_own_is_held_to_the_same(tmp_path: Path) -> None:
    look, foreign = Recorder(), Foreign()
    async with open_world(tmp_path, tools={"look": look.made()}, backends={"job": foreign}) as world:
        await world.load('@manual  job  "Look."')
        run = await world.play("job")
        assert run.state is State.SLEEPING
        world.services = with_tools(world.services, {"look": changed(look, "schema")})
        await world.jump()
        assert (await world.run(run.id)).state is State.SUCCEEDED
        last = foreign.answers[-1]
        assert isinstance(last, Answered)
        assert last.is_error
        assert "look has changed since this run began" in str(last.result)
