"""The verb ``why``: past, present and future, with the daemon off."""

from __future__ import annotations

import fcntl
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.core.actor import PERSON
from scheduler.core.run.run import Move
from scheduler.core.run.step import Step
from scheduler.testing.clock import FakeClock
from scheduler.testing.world import World
from tests.unit.cli import scenes
from tests.unit.cli.conftest import Build, Call


def test_a_slot_that_ran(call: Call, build: Build) -> None:
    build(scenes.busy)
    answer = call("why", "digest").fits()
    assert answer.out.splitlines() == [
        "digest ran at 09:00 Europe/Berlin: run run00001, done, $0.00.",
        "Next: Sat 09:00 (in 23h 53m).",
        "",
        "schedule   0 9 * * *: at 09:00 every day (Europe/Berlin)",
        "previous   Fri 20 Nov 09:00 (6m 2s ago): run run00001, done",
        "next       Sat 21 Nov 09:00 (in 23h 53m)",
        "policy     overlap=skip catchup=latest window=1d",
        "budget     $0.00 of $2.00 spent since 00:00",
        "",
        "See: agentcron show run00001",
    ]


def test_an_instant_without_a_slot_is_answered_field_by_field(call: Call, build: Build) -> None:
    build(scenes.busy)
    answer = call("why", "digest", "yesterday 10:07").fits()
    assert "digest did not run at Thu 10:07 Europe/Berlin: its schedule 0 9 * * * has no" in answer.out
    assert "  minute        07         NOT in     0" in answer.out
    assert "  hour          10         NOT in     9" in answer.out
    assert "  day of week   Thursday   allowed by *" in answer.out
    assert "next       Fri 20 Nov 09:00" in answer.out


def test_the_future(call: Call, build: Build) -> None:
    build(scenes.busy)
    answer = call("why", "digest", "tomorrow 09:00").fits()
    assert answer.out.startswith("digest will run at Sat 09:00 Europe/Berlin (in 23h 53m).\n")
    assert answer.out.splitlines()[-1] == "Start: agentcron up"
    assert json.loads(call("why", "digest", "tomorrow 09:00", "--json").out)["verdict"] == "will_run"


def test_a_gate_that_said_no(call: Call, build: Build) -> None:
    build(scenes.busy)
    answer = call("why", "gated").fits()
    assert answer.out.startswith("gated did not run at 09:00 Europe/Berlin: the gate said no: nothing new.\n")
    values = json.loads(call("why", "gated", "09:00", "--json").out)
    assert (values["verdict"], values["run"]["reason_code"]) == ("skipped", "gate")
    assert all(field["matched"] for field in values["fields"])


def test_an_overlap_names_the_run(call: Call, build: Build) -> None:
    async def scene(world: World) -> None:
        scenes.files(world)
        await world.load('*/30 * * * * review "Look" tz=Europe/Berlin model=rehearsal:review.jsonl\n')
        for _ in range(2):
            world.clock.advance(1800)
            await world.settle()

    build(scene)
    # The agent sleeps until tomorrow 09:00; the slot at 09:30 finds it asleep.
    answer = call("why", "review", "09:30").fits()
    assert answer.out.splitlines()[:2] == [
        "review did not run at 09:30 Europe/Berlin: run run00001 is not over.",
        "Policy: catchup=latest within 1d. Next: 10:00 (in 30m).",
    ]
    assert (
        "If run run00001 (sleeping) is not over then, the slot is skipped"
        in call("why", "review", "10:00").out
    )


def test_a_run_whose_runners_died_waits_until_no_other_such_run_is_at_work(
    call: Call, build: Build, home: Path
) -> None:
    lock = home / "d1.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        async def scene(world: World) -> None:
            await scenes.load(world)
            await world.fire("writer")
            for dead in ("r1", "r2"):
                await world.store.claim(dead, world.clock.now(), limit=1, lease_seconds=30)
                await world.store.rescue(world.clock.now(), [dead], 5)
            await world.store.enter(scenes.runner(world, lock=str(lock)))

        build(scene)
        said = " ".join(call("why", "writer").fits().out.split())
    assert "is queued; its runner died 2 times, so it does not run together with other such runs." in said


def test_downtime_is_named_and_the_run_that_stands_for_the_slot(
    call: Call, build: Build, clock: FakeClock
) -> None:
    async def scene(world: World) -> None:
        scenes.files(world)
        await world.load('0 * * * * digest "x" tz=Europe/Berlin model=rehearsal:digest.jsonl\n')
        first = scenes.runner(world, "d1")
        await world.store.enter(first)
        world.clock.jump_to(scenes.START + timedelta(minutes=15))  # 08:45
        await world.store.leave("d1", world.clock.now())
        world.clock.jump_to(scenes.START + timedelta(hours=2, minutes=45))  # 11:15
        await world.store.enter(replace(scenes.runner(world, "d2")))
        await world.settle()
        await world.store.leave("d2", world.clock.now())

    build(scene)
    answer = call("why", "digest", "09:00").fits()
    assert answer.out.splitlines()[:3] == [
        "digest did not run at 09:00 Europe/Berlin: no daemon was running (down 08:45 -",
        "11:15).",
        "Policy: catchup=latest within 1d. It ran once at 11:15 instead: run run00001,",
    ]
    values = json.loads(call("why", "digest", "09:00", "--json").out)
    assert (values["verdict"], values["run"]["id"], values["run"]["missed"]) == ("missed", "run00001", 2)
    assert values["run"]["last_missed"] == "2026-11-20T09:00:00Z"
    late = call("why", "digest", "11:00").fits().out
    assert late.startswith("digest ran at 11:00 Europe/Berlin: run run00001, done, $0.00.\n")
    assert "It started 15m late, at 11:15 (down 08:45 - 11:15)." in late.replace("\n", " ")


def test_what_is_too_old_is_skipped_by_the_window(call: Call, build: Build, clock: FakeClock) -> None:
    async def scene(world: World) -> None:
        await scenes.load(world)
        world.clock.advance(30 * 3600)
        await world.settle()

    build(scene)
    answer = call("why", "digest", "yesterday 09:00").fits()
    assert answer.out.startswith("digest did not run at Fri 09:00 Europe/Berlin: ")
    assert "older than the window of 1d" in answer.out.replace("\n", " ")


def test_overdue_without_a_daemon(call: Call, build: Build, clock: FakeClock) -> None:
    build(scenes.load)
    clock.advance(3600)
    answer = call("why", "digest").fits()
    assert answer.out.startswith(
        "digest has not run at 09:00 Europe/Berlin: no daemon is running.\nOverdue by 30m."
    )
    assert answer.out.splitlines()[-1] == "Start: agentcron up"


def test_paused(call: Call, build: Build, clock: FakeClock) -> None:
    async def scene(world: World) -> None:
        await scenes.load(world)
        await world.store.pause("digest", "paused by a person", world.clock.now(), actor=PERSON)
        world.clock.advance(3600)
        await world.settle()

    build(scene)
    answer = call("why", "digest").fits()
    assert answer.out.startswith("digest is paused since Fri 20 Nov 08:30: paused by a person.\n")
    assert answer.out.splitlines()[-1] == "Let it fire again: agentcron unpause digest"
    assert "did not run at 09:00 Europe/Berlin: the job is paused" in call("why", "digest", "09:00").out
    assert "will not run at Sat 09:00" in call("why", "digest", "tomorrow 09:00").out


def test_before_the_job_was_there(call: Call, build: Build) -> None:
    build(scenes.load)
    out = call("why", "digest", "yesterday 09:00").fits().out
    assert out.startswith("digest did not run at Thu 09:00 Europe/Berlin: it was first loaded at 08:30.\n")
    assert "digest has not run yet: it was loaded at 08:30" in call("why", "digest").out


def test_live_runs(call: Call, build: Build) -> None:
    build(scenes.busy)
    answer = call("why", "review").fits()
    assert answer.out.splitlines()[0] == (
        "review was started by hand at 09:00 Europe/Berlin: run run00003 is sleeping"
    )
    assert answer.out.splitlines()[-1] == "Continue now: agentcron resume run00003"
    assert "its runner is dead" in call("why", "writer").fits().out


def test_without_a_database(call: Call, home: Path) -> None:
    (home / "crontab").write_text('0 9 13 * FRI digest "x" tz=Europe/Berlin\n@every 1h often "x"\n')
    answer = call("why", "digest", "2026-11-13 09:00").fits()
    assert answer.status == 0
    assert "the crontab was never loaded" in answer.out.replace("\n", " ")
    assert "one matching day field is enough" in answer.out
    assert call("why", "often").fits().status == 0


def test_slots_on_seconds_of_their_own(call: Call, home: Path, clock: FakeClock) -> None:
    (home / "crontab").write_text('@every 20s quick "x" tz=UTC\n')
    values = json.loads(call("why", "quick", "2026-11-20T09:00:59Z", "--json").out)
    later = json.loads(call("why", "quick", "2026-11-20T09:00:00Z", "--json").out)
    assert values["slot"] != later["slot"], "the last slot until then, and the first one of the minute"
    seconds = values["slot"][-3:-1]
    assert f":{seconds}" in values["sentence"]


def test_an_invalid_job_says_its_error(call: Call, home: Path) -> None:
    (home / "crontab").write_text('0 25 * * * bad "x"\n')
    answer = call("why", "bad").fits()
    assert answer.out.splitlines() == [
        "bad cannot run: E02 hour 25 is out of range 0-23",
        "Fix it: agentcron edit",
    ]


@pytest.mark.parametrize("when", ["soon", "25:61", "2026-13-01T00:00"])
def test_a_time_that_cannot_be_read(call: Call, build: Build, when: str) -> None:
    build(scenes.load)
    answer = call("why", "digest", when)
    assert (answer.status, answer.out) == (2, "")


def test_an_unknown_job(call: Call, build: Build) -> None:
    build(scenes.load)
    answer = call("why", "digst")
    assert (answer.status, answer.out) == (3, "")
    assert "did you mean digest?" in answer.err


def test_a_failed_run_gives_its_reason(call: Call, build: Build) -> None:
    async def scene(world: World) -> None:
        await scenes.load(world)
        world.clock.jump_to(scenes.START + timedelta(minutes=30))
        await world.tick()
        [lease] = await world.store.claim("r", world.clock.now(), limit=1, lease_seconds=30)
        failed = Step(at=world.clock.now(), move=Move.FAIL, reason="the model refused", reason_code="refusal")
        await world.store.commit(lease, failed)

    build(scene)
    out = call("why", "digest").fits().out
    assert "run run00001, failed, $0.00.\nReason: the model refused." in out
