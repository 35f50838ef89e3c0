"""Notices of a run that is parked again and again: the owner is told once, not every hour."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.core.run.run import Run, State
from scheduler.errors import FaultKind
from tests.kit.models import Answer, call, fault, finish
from tests.kit.stage import Stage, stage


def told(s: Stage) -> int:
    """How many notices were written."""
    return len(s.notices())


async def later(s: Stage, run_id: str) -> Run:
    """Send what is to be sent, and go on to the next probe."""
    await s.world.send_reports()
    return await s.jump(run_id)


@pytest.mark.parametrize("kind", ["auth", "billing"])
async def test_hourly_probes_of_a_refused_key_tell_the_owner_once(tmp_path: Path, kind: FaultKind) -> None:
    async with stage(tmp_path, *[fault(kind) for _ in range(9)], options="report=true") as s:
        run = await s.play()
        assert told(s) == 1
        for _ in range(5):
            run = await later(s, run.id)
        assert run.state is State.PARKED
        assert s.model.requests == 6
        assert told(s) == 1


async def test_the_owner_is_told_again_when_the_key_had_worked_meanwhile(tmp_path: Path) -> None:
    lines: list[Answer] = [
        fault("auth"),
        call(("note", {"text": "n"})),
        fault("auth"),
        fault("auth"),
        finish(),
    ]
    async with stage(tmp_path, *lines, options="report=true") as s:
        run = await s.play()
        run = await later(s, run.id)
        assert told(s) == 2
        run = await later(s, run.id)
        assert told(s) == 2
        run = await later(s, run.id)
        assert run.state is State.SUCCEEDED
        assert told(s) == 3, "the end is news"


async def test_the_owner_is_told_of_another_reason(tmp_path: Path) -> None:
    async with stage(tmp_path, fault("auth"), fault("billing"), options="report=true") as s:
        run = await s.play()
        await later(s, run.id)
        assert told(s) == 2


async def test_the_owner_is_told_again_after_he_has_resumed_it(tmp_path: Path) -> None:
    async with stage(tmp_path, fault("auth"), fault("auth"), options="report=true") as s:
        run = await s.play()
        s.world.clock.advance(60)
        await s.resume(run.id)
        assert told(s) == 2
