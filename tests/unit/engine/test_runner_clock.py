"""The runner when its clock is set or its machine is suspended: nothing doubled, nothing given up."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.adapters import system
from scheduler.core.run.run import State
from tests.kit.house import SHORT, House, MovedClock, house, serving
from tests.kit.models import call, fault, finish, sleep
from tests.kit.stage import Recorder, until

HOUR, DAY = 3600.0, 86_400.0


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.getLogger("agentcron").setLevel(logging.CRITICAL)


async def jumped(h: House, count: int = 1) -> None:
    """Wait until so many jumps are on record."""

    def look() -> bool:
        with h.world.reader() as reader:
            return len(reader.jumps(datetime(2000, 1, 1, tzinfo=UTC))) >= count

    await until(look)


@pytest.mark.parametrize("what", ["suspend", "set"])
async def test_f39_a_call_that_a_suspend_or_a_step_outlasts_its_lease_is_not_taken_away(
    tmp_path: Path, what: str
) -> None:
    go_on = asyncio.Event()

    async def slow(_: object) -> str:
        await go_on.wait()
        return "done at last"

    tool, clock = Recorder("slow", effect="opaque", then=slow), MovedClock()
    async with house(tmp_path, recorders=(tool,), clock=clock) as h:
        h.crontab('@manual  one  "x"\n')
        h.model.lines = [call(("slow", {})), finish("All in one go.")]
        run_id = await h.load_and_fire("one")
        # Two daemons: neither takes the run away from the other.
        async with serving(h.runner("r1"), h.runner("r2")):
            await tool.begun.wait()
            getattr(clock, what)(8 * HOUR)
            await jumped(h)
            await asyncio.sleep(5 * SHORT.poll_seconds)
            go_on.set()
            await until(lambda: h.count(State.SUCCEEDED))
        run = await h.world.run(run_id)
        assert (run.summary, run.attempts, run.epoch) == ("All in one go.", 1, 1)
        assert len(tool.calls) == 1


async def test_f39_what_came_due_during_a_suspend_follows_the_misfire_rule_once(tmp_path: Path) -> None:
    clock = MovedClock()
    async with house(tmp_path, clock=clock) as h:
        h.crontab('*/10 * * * *  often  "x"\n*/10 * * * *  strict  "x"  catchup=skip\n')
        async with serving(h.runner()):
            await until(lambda: h.loads)
            clock.suspend(8 * HOUR)
            await until(lambda: h.count(State.SUCCEEDED) >= 1 and h.runs("strict"))
        fired = [run for run in h.runs("often") if run.state is State.SUCCEEDED]
        assert len(fired) <= 2, "one fire for the night, and perhaps one on time"
        assert sum(run.missed for run in h.runs("often")) >= 46
        assert h.runs("strict")[-1].reason_code == "misfire"


async def test_a_sleeper_wakes_at_once_when_the_clock_passes_its_time(tmp_path: Path) -> None:
    clock = MovedClock()
    async with house(tmp_path, clock=clock, settings=replace(SHORT, longest_wait_seconds=600)) as h:
        h.crontab('@manual  nap  "x"\n')
        h.model.lines = [sleep("8h"), finish("Slept well.")]
        await h.load_and_fire("nap")
        async with serving(h.runner()):
            await until(lambda: h.count(State.SLEEPING))
            clock.suspend(9 * HOUR)
            await until(lambda: h.count(State.SUCCEEDED), 5)


async def test_f38_no_job_waits_for_the_year_that_a_clock_once_showed(tmp_path: Path) -> None:
    clock = MovedClock()
    async with house(tmp_path, clock=clock) as h:
        h.crontab('@every 1s  beat  "x"\n@manual  retry  "x"\n')
        async with serving(h.runner()):
            await until(lambda: h.count(State.SUCCEEDED))
            clock.set(400 * DAY)
            await jumped(h)
            h.model.lines = [fault("rate_limited", 3600)]
            h.world.jobs = {}
            await h.load_and_fire("retry")
            await until(lambda: h.count(State.RETRYING))
            clock.set(-400 * DAY)
            await jumped(h, 2)
            right = clock.now()
            await until(
                lambda: any(right <= run.fire_time < right + timedelta(hours=1) for run in h.runs("beat"))
            )
        [waiting] = [run for run in h.runs() if run.state is State.RETRYING]
        assert waiting.wake_at is not None
        assert 0 < (waiting.wake_at - clock.now()).total_seconds() < 3700
        slots = Counter(run.fire_time for run in h.runs("beat"))
        assert max(slots.values()) == 1


async def test_a_change_of_the_machines_zone_moves_the_jobs_without_tz(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A laptop that travels: noticed within a pass, although the crontab is the same."""
    place = ["Europe/Berlin"]
    monkeypatch.setattr(system, "local_zone", lambda: place[0])
    async with house(tmp_path) as h:
        h.crontab('0 9 * * *  here  "x"\n0 9 * * *  there  "x"  tz=UTC\n')
        logging.getLogger("agentcron").setLevel(logging.WARNING)
        async with serving(h.runner()):
            await until(lambda: h.loads)
            before = {each.name: each.next_fire for each in await h.world.store.standings()}
            place[0] = "America/New_York"
            await until(lambda: len(h.loads) == 2)
            after = {each.name: each.next_fire for each in await h.world.store.standings()}
        assert after["there"] == before["there"]
        assert after["here"] != before["here"]
        meta = await h.world.store.meta()
    [line] = [record.getMessage() for record in caplog.records if "zone" in record.getMessage()]
    assert line == (
        "the machine's zone is now America/New_York (it was Europe/Berlin): jobs without tz= follow it"
    )
    assert meta["zone_change"].startswith("Europe/Berlin America/New_York 20")
