"""What will be skipped is announced as skipped: ``next``, ``list``, ``why``, ``check``, ``unpause``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scheduler.testing.clock import FakeClock
from scheduler.testing.world import World
from tests.unit.cli import scenes
from tests.unit.cli.conftest import Build, Call

AT = '@at 2026-11-20T09:00 launch "Post the note" tz=Europe/Berlin model=rehearsal:digest.jsonl\n'


async def scene(world: World) -> None:
    await scenes.load(world, AT)


def test_a_one_shot_beyond_its_window_does_not_fire(call: Call, build: Build, clock: FakeClock) -> None:
    build(scene)
    clock.advance(3 * 3600)
    assert "overdue     launch  fires" in call("next").fits().out
    assert "launch: overdue by 2h 30m; no daemon is running" in call("list").fits().out
    clock.advance(30 * 3600)
    assert "overdue     launch  will be skipped: the slot was missed" in call("next").fits().out
    [entry] = json.loads(call("next", "--json").out)["next"]
    assert entry["kind"] == "skip"
    said = call("list").fits().out
    assert "launch: missed 1d 8h ago, will be skipped: the slot was missed" in said
    assert "missed, will be skipped" in said.splitlines()[-1]
    assert "older than the window" in json.loads(call("list", "--json").out)["jobs"][0]["will_skip"]
    said = " ".join(call("why", "launch").fits().out.split())
    assert (
        "It will be skipped: the slot was missed 1d 8h" in said
        or "It will be skipped: the slot was missed 32h" in said
    )
    assert "Start: agentcron up" not in said


@pytest.mark.parametrize(("clock_time", "warned"), [("2026-11-20T08:00", True), ("2026-11-20T09:00", False)])
def test_check_warns_of_an_instant_that_is_past(
    call: Call, home: Path, clock_time: str, warned: bool
) -> None:
    (home / "crontab").write_text(AT.replace("2026-11-20T09:00", clock_time))
    said = call("check")
    assert ("W17" in said.out + said.err) is warned


def test_unpausing_a_past_one_shot_says_that_it_does_not_fire(
    call: Call, build: Build, clock: FakeClock
) -> None:
    build(scene)
    call("pause", "launch")
    clock.advance(3600)
    said = call("unpause", "launch").out
    assert "its time is past: it will not fire" in said
    assert "agentcron run launch" in said
    assert "launch  fires" not in call("next").out
    said = " ".join(call("why", "launch").out.split())
    assert "launch did not run at 09:00 Europe/Berlin: the job is paused: paused by a person." in said


def test_why_names_the_pause_of_a_job_with_a_live_run(call: Call, build: Build) -> None:
    build(scenes.busy)
    call("pause", "review")
    said = " ".join(call("why", "review").out.split())
    assert "sleeping" in said
    assert "review is paused now: paused by a person." in said
    assert "agentcron unpause review" in said
