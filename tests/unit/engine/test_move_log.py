"""The move log: every committed move is one log line, and every observer hears of it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from scheduler.core.actor import PERSON
from scheduler.core.run.lease import Lease
from scheduler.core.run.run import FINAL, Move, State
from scheduler.core.run.step import Step
from scheduler.engine.move_log import EVENTS, MoveLog
from scheduler.engine.settings import Settings
from scheduler.ports.observer import Moved, Observer
from scheduler.testing.world import World, open_world
from tests.kit.models import FakeModel, call, finish, sleep
from tests.kit.stage import Recorder, hang

WORK = '@manual  work  "Work."  retries=1\n'


class Ears(Observer):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.moves: list[Moved] = []

    def moved(self, moved: Moved) -> None:
        self.moves.append(moved)

    def heard(self) -> list[str]:
        return [moved.move.value for moved in self.moves]


class Deaf(Observer):
    """Breaks whenever it is told something."""

    def moved(self, *_: Any) -> None:
        raise ZeroDivisionError("no ears")

    def claimed(self, *_: Any) -> None:
        raise ZeroDivisionError("no ears")

    def stepped(self, *_: Any) -> None:
        raise ZeroDivisionError("no ears")


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="agentcron")


def events(log: pytest.LogCaptureFixture) -> list[str]:
    """The moves that the log tells of."""
    names = {event for event, _ in EVENTS.values()}
    return [found for line in log.records if (found := getattr(line, "event", "")) in names]


def ears(world: World, *more: Observer) -> Ears:
    """Let somebody listen to a world."""
    listening = Ears()
    world.services.move_log._observers = (*more, listening)
    return listening


async def test_a_sleeper_is_told_move_by_move(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = FakeModel([sleep("1h"), finish("Rested.")])
    async with open_world(tmp_path, model=model, price_usd=0.25) as world:
        heard = ears(world)
        await world.load('0 10 * * *  work  "Work."  tz=UTC\n')
        world.clock.advance(3600 + 5)
        await world.settle()
        await world.jump()
    assert heard.heard() == ["fire", "suspend", "wake", "finish"]
    assert events(caplog) == ["run.fired", "run.suspended", "run.woke", "run.finished"]
    fire, slept, woke, ended = heard.moves
    assert (fire.late_seconds, woke.late_seconds) == (5.0, 0.0)
    assert slept.wake_at is not None
    assert (slept.wake_at - slept.at).total_seconds() == 3600
    assert (slept.state, woke.state, ended.state) == (State.SLEEPING, State.QUEUED, State.SUCCEEDED)
    assert ended.cost_microusd == 500_000
    line = next(line for line in caplog.records if getattr(line, "event", "") == "run.suspended")
    assert getattr(line, "cost_usd", None) == 0.25
    assert getattr(line, "wake_at", "").endswith("Z")
    assert f"run {slept.run_id} of work is sleeping until " in line.getMessage()


async def test_skips_and_replaced_runs_are_told(tmp_path: Path) -> None:
    model = FakeModel([sleep("3d")])
    async with open_world(tmp_path, model=model) as world:
        heard = ears(world)
        await world.load('0 * * * *  one  "x"  overlap=replace\n')
        for _ in range(2):
            world.clock.advance(3600)
            await world.tick()
            await world.store.claim("x", world.clock.now(), limit=0, lease_seconds=1)
        assert heard.heard() == ["fire", "cancel", "fire"]
        assert heard.moves[1].reason == "replaced by a newer run (overlap=replace)"
        heard.moves.clear()
        await world.load('0 * * * *  one  "x"  overlap=skip\n')
        world.clock.advance(3600)
        await world.tick()
        assert [(m.move, m.reason_code) for m in heard.moves] == [(Move.SKIP, "overlap")]


async def test_dead_runners_rescues_and_burials_are_told(tmp_path: Path) -> None:
    slow = Recorder("slow", then=hang)
    model = FakeModel([call(("slow", {})), call(("slow", {}))])
    settings = Settings(max_attempts=2)
    async with open_world(tmp_path, model=model, tools={"slow": slow.made()}, settings=settings) as world:
        heard = ears(world)
        await world.load(WORK)
        await world.fire("work")
        for _ in range(2):
            (underway,) = await world.begin()
            await slow.begun.wait()
            await underway.kill()
            world.clock.advance(settings.lease_seconds)
            await world.tick()
    assert heard.heard() == ["rescue", "bury"]
    assert {moved.runner for moved in heard.moves} == {"runner-1"}


async def test_a_cancel_that_comes_while_the_run_is_suspended_is_told_too(tmp_path: Path) -> None:
    async with open_world(tmp_path, model=FakeModel([sleep("1h")])) as world:
        heard = ears(world)
        await world.load(WORK)
        run_id = await world.fire("work")
        write: Any = world.store.commit

        async def just_before(lease: Lease, step: Step) -> bool:
            if step.move is Move.SUSPEND:
                await world.store.cancel(run_id, world.clock.now(), "enough", actor=PERSON)
            cancelled: bool = await write(lease, step)
            return cancelled

        world.store.commit = just_before  # type: ignore[method-assign]
        await world.settle()
        assert (await world.run(run_id)).state is State.CANCELLED
    assert heard.heard() == ["suspend", "cancel"]


async def test_an_observer_that_breaks_disturbs_neither_the_run_nor_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_world(tmp_path, model=FakeModel([finish("Done.")])) as world:
        heard = ears(world, Deaf())
        await world.load(WORK)
        run = await world.play("work")
        assert run.state is State.SUCCEEDED
    assert heard.heard() == ["finish"]
    assert any("Deaf broke: ZeroDivisionError: no ears" in line.getMessage() for line in caplog.records)


async def test_an_agent_cannot_forge_a_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    forged = "Done.\n09:00:00 job other fired run aaaaaaaa\x1b[2J" + "x" * 1_000
    async with open_world(tmp_path, model=FakeModel([finish(forged)])) as world:
        await world.load(WORK)
        await world.play("work")
    (line,) = [line for line in caplog.records if getattr(line, "event", "") == "run.finished"]
    assert "\n" not in line.getMessage()
    assert "\x1b" not in line.getMessage()
    assert len(line.getMessage()) < 400


def test_every_move_of_the_state_machine_has_its_line() -> None:
    # A person's own move is told by the person's command; a restore is one line for all of its runs.
    assert set(EVENTS) == set(Move) - {Move.RETRY, Move.RESTORE}
    names = [event for event, _ in EVENTS.values()]
    assert len(set(names)) == len(names)
    assert FINAL, "the states come from the table"


def test_nobody_needs_to_listen() -> None:
    MoveLog().beat(1.0)
