"""The leasekeeper: renews what is held, and hands on what a person asked for or another runner took."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from scheduler.core.actor import PERSON
from scheduler.core.job.standing import RunnerInfo
from scheduler.core.run.run import State
from scheduler.engine.daemon.leases import keep_leases
from scheduler.engine.services import Services
from scheduler.errors import StoreError
from scheduler.testing.world import Underway
from tests.kit.models import call
from tests.kit.stage import Recorder, Stage, hang, stage, until


@asynccontextmanager
async def keeping(services: Services, *underway: Underway) -> AsyncIterator[None]:
    """Keep leases beside the test; the fake clock runs on by itself meanwhile."""
    executors = {each.attempt.run_id: each.attempt for each in underway}
    keeper = asyncio.create_task(keep_leases(services, "runner-1", executors))
    try:
        yield
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)


@asynccontextmanager
async def busy(folder: Path) -> AsyncIterator[tuple[Stage, Underway]]:
    """A run in the middle of a call that does not end."""
    slow = Recorder("slow", then=hang)
    async with stage(folder, call(("slow", {})), recorders=(slow,)) as s:
        now = s.world.clock.now()
        await s.world.store.enter(RunnerInfo("runner-1", "daemon", "here", 1, now, now))
        await s.fire()
        (underway,) = await s.world.begin()
        await slow.begun.wait()
        yield s, underway
        slow.then = None
        await underway.kill()


async def test_a_lease_that_is_renewed_does_not_run_out(tmp_path: Path) -> None:
    async with busy(tmp_path) as (s, underway):
        began = s.world.clock.monotonic()
        async with keeping(s.world.services, underway):
            await until(lambda: s.world.clock.monotonic() > began + 120)
            assert (await s.world.tick()).rescued == []
        assert not underway.task.done()
        s.world.clock.advance(31)
        assert len((await s.world.tick()).rescued) == 1


async def test_a_runner_shows_that_it_lives_even_without_runs(tmp_path: Path) -> None:
    async with busy(tmp_path) as (s, _):
        async with keeping(s.world.services):
            await until(lambda: s.world.clock.monotonic() > 60)
        (info,) = await s.world.store.runners()
        assert (info.seen_at - info.started_at).total_seconds() >= 50


async def test_a_cancel_stops_a_call_in_its_middle(tmp_path: Path) -> None:
    async with busy(tmp_path) as (s, underway):
        run_id = underway.attempt.run_id
        await s.world.store.cancel(run_id, s.world.clock.now(), "enough", actor=PERSON)
        async with keeping(s.world.services, underway):
            assert await underway.task is State.CANCELLED
        assert (await s.world.run(run_id)).reason == "enough"


async def test_a_lease_that_another_runner_has_taken_stops_the_executor(tmp_path: Path) -> None:
    async with busy(tmp_path) as (s, underway):
        s.world.clock.advance(31)
        await s.world.tick()
        s.world.runner = "runner-2"
        (second,) = await s.world.begin()
        async with keeping(s.world.services, underway):
            await underway.task
        assert not second.task.done()
        assert (await s.world.run(underway.attempt.run_id)).epoch == 2
        await second.kill()


async def test_a_database_that_is_away_for_a_while_does_not_end_the_keeper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with busy(tmp_path) as (s, underway):
        store: Any = s.world.store
        renew, failures = store.renew, 0

        async def flaky(*given: Any) -> set[str]:
            nonlocal failures
            failures += 1
            if failures < 3:
                raise StoreError("locked")
            found: set[str] = await renew(*given)
            return found

        monkeypatch.setattr(store, "renew", flaky)
        with caplog.at_level(logging.CRITICAL, logger="agentcron"):
            async with keeping(s.world.services, underway):
                await until(lambda: failures > 4)
        assert not underway.task.done()
