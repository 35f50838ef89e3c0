"""Tool sources: open while an attempt lasts, whatever happens to it, to them, or in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pytest

from scheduler.core.job.job import Job
from scheduler.core.run.conversation import CallState
from scheduler.core.run.run import State
from scheduler.core.trust.policy import BUILT_IN
from scheduler.engine.settings import Settings
from scheduler.ports.tool import Args, ToolContext
from scheduler.ports.toolset import Toolbox
from scheduler.testing.rehearsal import script
from scheduler.testing.world import World, open_world
from tests.kit.stage import Recorder, until

pytestmark = pytest.mark.anyio

BRIEF = Settings(open_seconds=0.2, close_seconds=0.2)


@dataclass
class Lamp:
    """A tool source of a test, which does at each of its moments what the test wants."""

    recorders: tuple[Recorder, ...] = ()
    while_opening: Callable[[], Any] | None = None
    while_closing: Callable[[], Any] | None = None
    gives: Toolbox | None = None
    name: str = "lamp"
    provided: bool = True
    opened: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    holders: list[asyncio.Task[Any]] = field(default_factory=list)

    def provides(self, job: Job) -> bool:  # noqa: ARG002
        return self.provided

    @asynccontextmanager
    async def open(self, job: Job, run_id: str) -> AsyncIterator[Toolbox]:  # noqa: ARG002
        task = asyncio.current_task()
        assert task is not None
        self.holders.append(task)
        if self.while_opening:
            await self.while_opening()
        self.opened.append(run_id)
        try:
            yield (
                self.gives if self.gives is not None else {each.name: each.made() for each in self.recorders}
            )
        finally:
            assert asyncio.current_task() is task, "entered and left in one task"
            if self.while_closing:
                await self.while_closing()
            self.closed.append(run_id)

    def end(self) -> None:
        """Cancel whoever entered it, as libraries do whose connection breaks."""
        self.holders[-1].cancel()


def turn(**more: Any) -> Recorder:
    return Recorder(name="lamp__turn", effect=more.pop("effect", "opaque"), **more)


async def never() -> None:
    await asyncio.Event().wait()


async def refused() -> None:
    raise ConnectionRefusedError("no server listens")


@asynccontextmanager
async def a_world(folder: Path, lamp: Lamp, *calls: str, tools: str = "lamp:*") -> AsyncIterator[World]:
    async with open_world(folder, tool_sources=[lamp], settings=BRIEF) as world:
        lines = script()
        for name in calls:
            lines = lines.sleep("1h") if name == "sleep" else lines.call(name)
        world.script("job", lines.finish("Done."))
        await world.load(f'@manual  job  "Turn it."  tools={tools}  model=rehearsal:job.jsonl')
        yield world


def journal(world: World, run_id: str) -> list[Any]:
    with world.reader() as reader:
        return [call for call in reader.calls(run_id) if call.name.startswith("lamp__")]


async def test_it_is_opened_once_for_all_calls_of_an_attempt_and_again_after_a_sleep(tmp_path: Path) -> None:
    lamp = Lamp((turn(),))
    async with a_world(tmp_path, lamp, "lamp__turn", "lamp__turn", "sleep", "lamp__turn") as world:
        run = await world.play("job")
        assert (run.state, len(lamp.opened), len(lamp.closed)) == (State.SLEEPING, 1, 1)
        await world.jump()
        assert (await world.run(run.id)).state is State.SUCCEEDED
        assert (lamp.opened, lamp.closed) == ([run.id] * 2, [run.id] * 2)
        assert [(each.state, each.rule) for each in journal(world, run.id)] == [
            (CallState.DONE, "workdir")
        ] * 3
        names = [tool["name"] for tool in world.model.asks[0].tools]
        assert names == ["sleep", "note", "finish", "lamp__turn"], (
            "in a stable order, after the installed ones"
        )


async def test_a_job_gets_what_it_names_and_no_more(tmp_path: Path) -> None:
    lamp = Lamp((turn(), Recorder(name="lamp__dim"), Recorder(name="lamp__dim-slowly")))
    for number, (tools, names) in enumerate(
        [
            ("lamp:turn", ["lamp__turn"]),
            ("read,lamp:dim*", ["read", "lamp__dim", "lamp__dim-slowly"]),
            ("lamp:dim,lamp:turn", ["lamp__dim", "lamp__turn"]),
            ("read", ["read"]),
        ]
    ):
        async with a_world(tmp_path / str(number), lamp, tools=tools) as world:
            await world.play("job")
            assert [tool["name"] for tool in world.model.asks[0].tools][3:] == names
    assert len(lamp.opened) == 3, "not for a job that names none of its tools"


async def test_its_tools_are_judged_like_any_other(tmp_path: Path) -> None:
    lamp = Lamp((post := turn(external=True),))
    async with a_world(tmp_path, lamp, "lamp__turn") as world:
        world.services = replace(world.services, profile_for=lambda _: BUILT_IN["act"])
        run = await world.play("job")
        assert [(each.state, each.rule) for each in journal(world, run.id)] == [
            (CallState.FAILED, "no-grant")
        ]
        assert post.calls == []


@pytest.mark.parametrize(
    "moment, because",
    [
        (refused, "the tool source lamp cannot be opened: ConnectionRefusedError: no server listens"),
        (never, "the tool source lamp was not open after 0.2 s, its limit"),
    ],
)
async def test_one_that_cannot_be_opened_parks_the_run_until_it_can(
    tmp_path: Path, moment: Callable[[], Any], because: str
) -> None:
    lamp = Lamp((turn(),), while_opening=moment)
    async with a_world(tmp_path, lamp, "lamp__turn") as world:
        run = await world.play("job")
        assert (run.state, run.reason_code, world.model.asks) == (State.PARKED, "tool", [])
        assert run.reason.startswith(f"{because}; ")
        assert all(task.done() for task in lamp.holders)
        lamp.while_opening = None
        await world.jump()
        assert (await world.run(run.id)).state is State.SUCCEEDED


@pytest.mark.parametrize(
    "lamp, tools, because",
    [
        (Lamp(provided=False), "lamp:*", "the tool source lamp has no tools for job"),
        (Lamp((turn(),)), "lamp:trn", "the tool source lamp has no tool trn (did you mean turn?)"),
        (Lamp((Recorder(name="turn"),)), "lamp:*", "lamp gives a tool that it calls 'turn'"),
        (Lamp(gives={"lamp__a": turn().made()}), "lamp:*", "lamp gives a tool that it calls 'lamp__turn'"),
        (Lamp(gives={"lamp__a": "a text"}), "lamp:*", "lamp provides lamp__a, which is not a tool that acts"),  # type: ignore[dict-item]
        (Lamp((turn(schema={"type": "text"}),)), "lamp:*", "lamp: lamp__turn: its schema must say"),
        (Lamp(), "lump:*", "no tool source is called lump"),
    ],
)
async def test_what_it_cannot_be_given_is_told(tmp_path: Path, lamp: Lamp, tools: str, because: str) -> None:
    async with a_world(tmp_path, lamp, tools=tools) as world:
        run = await world.play("job")
        assert (run.state, run.reason_code) == (State.PARKED, "tool")
        assert because in run.reason
        assert lamp.opened == lamp.closed


async def fails() -> None:
    raise OSError("the pipe is broken")


@pytest.mark.parametrize(
    "moment, said",
    [
        (fails, "the tool source lamp closed with an error: OSError: the pipe is broken"),
        (never, "the tool source lamp was not closed after 0.2 s, its limit"),
    ],
)
async def test_an_error_while_closing_is_logged_and_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, moment: Callable[[], Any], said: str
) -> None:
    lamp = Lamp((turn(),), while_closing=moment)
    async with a_world(tmp_path, lamp, "lamp__turn") as world:
        run = await world.play("job")
        assert run.state is State.SUCCEEDED
        assert [record.message for record in caplog.records if record.levelno == logging.WARNING] == [
            f"run {run.id}: {said}"
        ]
        assert all(task.done() for task in lamp.holders)


@pytest.mark.parametrize("how", ["it is cancelled", "it is cancelled and its call holds on"])
@pytest.mark.parametrize(
    "effect, state",
    [("opaque", CallState.UNKNOWN), ("keyed", CallState.UNKNOWN), ("pure", CallState.FAILED)],
)
async def test_a_source_that_ends_in_a_call_leaves_it_by_its_effect_class(
    tmp_path: Path, effect: str, state: CallState, how: str
) -> None:
    async def holds_on(_: Args) -> str:
        try:
            await never()
        except asyncio.CancelledError:
            if "holds on" in how:
                raise ConnectionResetError("the other side is gone") from None
            raise
        raise AssertionError("unreachable")

    lamp = Lamp((switch := turn(effect=effect, then=holds_on),))
    async with a_world(tmp_path, lamp, "lamp__turn", "lamp__turn", "sleep", "lamp__turn") as world:
        run_id = await world.fire("job")
        (underway,) = await world.begin()
        await switch.begun.wait()
        lamp.end()
        assert await underway.task is State.SLEEPING, "the agent goes on"
        first, second = journal(world, run_id)
        assert (first.state, second.state) == (state, CallState.FAILED)
        assert "lamp has ended, so nothing was done" in str(second.result)
        assert len(switch.calls) == 1
        switch.then = None
        await world.jump()
        assert [each.state for each in journal(world, run_id)][2] is CallState.DONE, "it was opened again"


async def test_a_call_that_fails_in_an_unknown_way_is_unknown(tmp_path: Path) -> None:
    async def breaks(_: Args) -> str:
        raise EOFError("no answer")

    lamp = Lamp((turn(then=breaks, reads_untrusted=True),))
    async with a_world(tmp_path, lamp, "lamp__turn") as world:
        run = await world.play("job")
        [call] = journal(world, run.id)
        assert (call.state, call.provenance) == (CallState.UNKNOWN, "untrusted:lamp__turn")
        assert "lamp failed in the call: EOFError: no answer. Its outcome is unknown" in str(call.result)


@pytest.mark.parametrize("ending", ["cancel", "stop", "kill", "timeout"])
async def test_it_is_closed_however_the_attempt_ends(
    tmp_path: Path, ending: Literal["cancel", "stop", "kill", "timeout"]
) -> None:
    async def hangs(_: Args) -> str:
        await never()
        raise AssertionError("unreachable")

    lamp = Lamp((switch := turn(then=hangs),))
    async with a_world(tmp_path, lamp, "lamp__turn") as world:
        run_id = await world.fire("job")
        (underway,) = await world.begin()
        await switch.begun.wait()
        if ending == "kill":
            await underway.kill()
        else:
            underway.attempt.interrupt(ending)
            await underway.task
        await until(lambda: lamp.closed == [run_id])
        switch.then = None
        if ending in ("kill", "stop"):
            await world.take_over()
            [call] = journal(world, run_id)
            assert (call.state, len(switch.calls)) == (CallState.UNKNOWN, 1), "an opaque call is not repeated"
            assert len(lamp.opened) == 2
        else:
            final = {"cancel": State.CANCELLED, "timeout": State.FAILED}[ending]
            assert (await world.run(run_id)).state is final


async def test_an_attempt_that_ends_while_it_is_opened_gives_the_opening_up(tmp_path: Path) -> None:
    lamp = Lamp((turn(),), while_opening=never)
    async with open_world(tmp_path, tool_sources=[lamp]) as world:
        world.script("job", script().finish("Done."))
        await world.load('@manual  job  "Turn it."  tools=lamp:*  model=rehearsal:job.jsonl')
        await world.fire("job")
        (underway,) = await world.begin()
        await until(lambda: lamp.holders)
        underway.attempt.interrupt("cancel")
        assert await underway.task is State.CANCELLED
        assert [task.cancelled() for task in lamp.holders] == [True]


async def test_what_is_looked_for_after_a_crash_is_asked_of_the_new_session(tmp_path: Path) -> None:
    looked: list[str] = []

    async def probe(_: Args, context: ToolContext) -> Any:
        looked.append(context.key)
        return "happened"

    async def hangs(_: Args) -> str:
        await never()
        raise AssertionError("unreachable")

    lamp = Lamp((switch := turn(effect="probe", then=hangs, probe=probe),))
    async with a_world(tmp_path, lamp, "lamp__turn") as world:
        run_id = await world.fire("job")
        (underway,) = await world.begin()
        await switch.begun.wait()
        await underway.kill()
        await world.take_over()
        [call] = journal(world, run_id)
        assert (call.state, looked, len(lamp.opened)) == (CallState.DONE, [call.key], 2)
