"""Tick: one pass takes back what dead runners held, wakes what is due, fires what is due."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduler.core.job.standing import RunnerInfo
from scheduler.core.run.run import State
from scheduler.engine.daemon.tick import Pass
from scheduler.testing.world import open_world
from tests.kit.models import call, sleep
from tests.kit.stage import Recorder, hang, stage

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


async def test_a_pass_with_nothing_due_changes_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, schedule="0 12 * * *") as s:
        assert await s.world.tick() == Pass()


async def test_what_is_due_fires_once_however_often_is_looked(tmp_path: Path) -> None:
    async with stage(tmp_path, schedule="0 * * * *") as s:
        s.world.clock.advance(3600)
        first, second = await s.world.tick(), await s.world.tick()
        (run,) = first.fired
        assert run.fire_time == START + timedelta(hours=1)
        assert second == Pass()


async def test_a_clock_that_is_set_back_fires_nothing_again(tmp_path: Path) -> None:
    async with stage(tmp_path, schedule="0 * * * *") as s:
        s.world.clock.advance(3600)
        await s.world.settle()
        s.world.clock.advance(-7200)
        assert await s.world.tick() == Pass()
        s.world.clock.advance(7200)
        assert await s.world.tick() == Pass()


async def test_a_clock_that_jumps_a_year_fires_once_and_accounts_for_the_rest(tmp_path: Path) -> None:
    async with stage(tmp_path, schedule="0 9 * * *", options="window=2d") as s:
        s.world.clock.advance(400 * 86400)
        done = await s.world.tick()
        assert [run.missed for run in done.fired] == [1]
        assert [run.reason_code for run in done.skipped] == ["misfire"]
        assert done.skipped[0].missed + done.fired[0].missed + 2 == 400


async def test_a_fire_over_a_living_run_is_a_skip_with_its_reason(tmp_path: Path) -> None:
    async with stage(tmp_path, sleep("2h"), schedule="0 * * * *") as s:
        s.world.clock.advance(3600)
        await s.world.settle()
        s.world.clock.advance(3600)
        done = await s.world.tick()
        assert [(run.state, run.reason_code) for run in done.skipped] == [(State.SKIPPED, "overlap")]


async def test_what_wakes_is_queued(tmp_path: Path) -> None:
    async with stage(tmp_path, sleep("1h")) as s:
        run = await s.play()
        s.world.clock.advance(3600)
        assert [woke.run_id for woke in (await s.world.tick()).woken] == [run.id]
        assert (await s.world.run(run.id)).state is State.QUEUED


async def test_a_dead_runners_runs_are_taken_back_before_their_lease_ends(tmp_path: Path) -> None:
    slow = Recorder("slow", then=hang)
    async with stage(tmp_path, call(("slow", {})), recorders=(slow,)) as s:
        await s.world.store.enter(RunnerInfo(s.world.runner, "daemon", "here", 1, START, START))
        run_id = await s.fire()
        (underway,) = await s.world.begin()
        await slow.begun.wait()
        assert (await s.world.tick()).rescued == []
        await underway.kill()
        s.world.presence.fallen.add(s.world.runner)
        (rescued,) = (await s.world.tick()).rescued
        assert (rescued.run_id, rescued.state, rescued.runner) == (run_id, State.QUEUED, "runner-1")
        assert s.world.clock.now() == START


async def test_a_job_of_another_crontab_is_left_alone(tmp_path: Path) -> None:
    async with stage(tmp_path, schedule="0 * * * *") as s:
        s.world.clock.advance(3600)
        s.world.jobs = {}
        assert await s.world.tick() == Pass()
        assert await s.world.store.due_jobs(s.world.clock.now()) == ["job"], "it stays due for its own daemon"


async def test_a_schedule_that_breaks_does_not_keep_the_others_from_firing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def next_after(self, _: datetime) -> datetime | None:
            raise OverflowError("no such year")

    async with open_world(tmp_path) as world:
        await world.load('0 * * * *  bad  "x"  model=rehearsal:x\n0 * * * *  good  "x"  model=rehearsal:x\n')
        broken: Any = Broken()
        world.jobs["bad"] = replace(world.jobs["bad"], trigger=broken)
        world.clock.advance(3600)
        with caplog.at_level(logging.CRITICAL, logger="agentcron"):
            done = await world.tick()
        assert [run.job for run in done.fired] == ["good"]


async def test_two_daemons_make_one_run_of_a_slot(tmp_path: Path) -> None:
    async with stage(tmp_path, schedule="0 * * * *") as s:
        s.world.clock.advance(3600)
        async with open_world(tmp_path, clock=s.world.clock) as other:
            other.jobs = s.world.jobs
            fired = (await s.world.tick()).fired + (await other.tick()).fired
        assert len(fired) == 1
