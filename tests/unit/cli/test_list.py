"""The verb ``list``: golden texts, and the schema of its JSON."""

from __future__ import annotations

import io
import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.adapters import system
from scheduler.app.clock import wall
from scheduler.app.home import FileHome
from scheduler.config import load
from scheduler.doors.cli.verbs.look.list import text_lines
from scheduler.testing.clock import FakeClock
from scheduler.testing.world import World
from scheduler.views import jobs as views
from tests.unit.cli import scenes
from tests.unit.cli.conftest import Build, Call


class Terminal(io.StringIO):
    """A stdout that says it is a terminal."""

    def isatty(self) -> bool:
        return True


NOBODY = "no daemon is running; due jobs wait. Start: agentcron up"


def test_a_day_with_a_sleeper_and_a_crash(call: Call, build: Build) -> None:
    build(scenes.busy)
    answer = call("list").fits()
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.splitlines() == [
        NOBODY,
        "",
        "needs attention",
        "  writer: run run00004: its runner is dead; to resume it: agentcron up",
        "",
        "RUN       JOB               STATE      WHAT",
        "run00003  review            sleeping   in 23h 53m, Sat 09:00: waiting for the r…",
        "run00004  writer            running    its runner is dead",
        "",
        "JOB      SCHEDULE      NEXT (Europe/Berlin)          LAST RUN",
        "digest   0 9 * * *     Sat 21 Nov 09:00  in 23h 53m  done 6m",
        "gated    */30 * * * *  Fri 20 Nov 09:30  in 23m 58s  skipped 6m",
        "nightly  0 3 * * SUN   paused                        -",
        "review   @manual       -                             -",
        "writer   @manual       -                             -",
    ]


def test_json_has_the_promised_keys(call: Call, build: Build) -> None:
    build(scenes.busy)
    answer = call("list", "--json")
    assert answer.out.isascii()
    values = json.loads(answer.out)
    assert [job["name"] for job in values["jobs"]] == ["digest", "gated", "nightly", "review", "writer"]
    for job in values["jobs"]:
        assert {"name", "schedule", "zone", "state", "next_fire", "last_run"} <= set(job)
    digest = values["jobs"][0]
    assert digest["next_fire"] == "2026-11-21T08:00:00Z"
    assert digest["last_run"] == {"id": "run00001", "state": "succeeded", "ended_at": "2026-11-20T08:00:00Z"}
    assert values["jobs"][3]["last_run"] is None
    for run in values["runs"]:
        assert {"id", "job", "state", "fire_time", "wake_at", "waiting_for", "reason"} <= set(run)
    sleeping = next(run for run in values["runs"] if run["state"] == "sleeping")
    assert sleeping["wake_at"] == "2026-11-21T08:00:00Z"
    assert sleeping["waiting_for"] == "waiting for the reviewers"
    assert all(run["state"] != "succeeded" for run in values["runs"])


def test_all_shows_what_is_over_too(call: Call, build: Build) -> None:
    build(scenes.busy)
    assert "run00001" not in call("list").out
    answer = call("list", "--all").fits()
    assert "run00001  digest            done       6m 2s ago: All quiet." in answer.out
    states = {run["state"] for run in json.loads(call("list", "--all", "--json").out)["runs"]}
    assert {"succeeded", "skipped"} <= states


def test_unknown_outcomes_and_parked_runs_are_on_top(call: Call, build: Build) -> None:
    async def scene(world: World) -> None:
        await scenes.load(world)
        await scenes.give_up(world, await scenes.interrupt(world))

    build(scene)
    lines = call("list").fits().out.splitlines()
    at = lines.index("needs attention")
    assert lines[at + 1] == "  writer: run run00001: outcome of post is unknown (opaque); it was not repeated"
    assert lines[at + 2] == "  writer: run run00001: parked: the run has spent $0.50 of its $0.50"


def test_overdue_jobs_and_late_sleepers_are_named_when_no_daemon_runs(
    call: Call, build: Build, clock: FakeClock
) -> None:
    build(scenes.busy)
    clock.advance(2 * 86400)
    out = call("list").fits().out
    assert "  digest: overdue by 1d; no daemon is running" in out
    assert "  review: run run00003: should have woken 1d ago; no daemon is running" in out
    assert "digest   0 9 * * *     overdue" in out


def test_a_living_daemon_is_named(call: Call, build: Build, home: Path) -> None:
    import fcntl

    lock = home / "d1.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        async def scene(world: World) -> None:
            await scenes.load(world)
            await world.store.enter(scenes.runner(world, lock=str(lock)))

        build(scene)
        assert call("list").out.splitlines()[0] == "daemon up since 08:30 (pid 4242)"
        daemon = json.loads(call("list", "--json").out)["daemon"]
        assert (daemon["pid"], daemon["since"]) == (4242, "2026-11-20T07:30:00Z")
    # Its lock is free: it is dead, however lately it was heard of.
    assert call("list").out.splitlines()[0] == NOBODY


def test_without_a_database_the_crontab_is_shown(call: Call, home: Path) -> None:
    (home / "crontab").write_text('0 9 * * * digest "x"\n0 25 * * * bad "y"\n')
    answer = call("list").fits()
    assert answer.status == 0
    assert "there is no database" in answer.err
    assert "  bad: invalid: E02 hour 25 is out of range 0-23" in answer.out
    assert "digest  0 9 * * *  Fri 20 Nov 09:00  in 30m      -" in answer.out
    values = json.loads(call("list", "--json").out)
    assert [(job["name"], job["state"]) for job in values["jobs"]] == [
        ("bad", "invalid"),
        ("digest", "active"),
    ]
    assert values["runs"] == []


def test_a_changed_crontab_is_shown_and_said(call: Call, build: Build, home: Path) -> None:
    build(scenes.busy)
    text = scenes.CRONTAB.replace("0 9 * * *    digest", "0 10 * * *   digest").replace(
        "@manual      writer", "#"
    )
    (home / "crontab").write_text(text + '@manual fresh "new" model=rehearsal:digest.jsonl\n')
    answer = call("list").fits()
    assert "the crontab has changed since it was loaded" in answer.err
    assert "no longer in it: writer" in answer.err
    jobs = {job["name"]: job for job in json.loads(call("list", "--json").out)["jobs"]}
    assert set(jobs) == {"digest", "fresh", "gated", "nightly", "review"}
    assert jobs["digest"]["next_fire"] == "2026-11-20T09:00:00Z"
    assert jobs["gated"]["last_run"]["state"] == "skipped"


def test_a_vanished_crontab_leaves_what_was_loaded(call: Call, build: Build, home: Path) -> None:
    build(scenes.busy)
    (home / "crontab").unlink()
    answer = call("list")
    assert answer.status == 0
    assert "this shows the version loaded last" in answer.err
    assert "digest" in answer.out


def test_nothing_at_all_says_how_to_begin(call: Call) -> None:
    answer = call("list")
    assert (answer.status, answer.out) == (3, "")
    assert "agentcron init" in answer.err


def test_hostile_words_never_reach_the_terminal(call: Call, build: Build) -> None:
    async def scene(world: World) -> None:
        await scenes.load(world)
        run_id = await scenes.interrupt(world)
        await scenes.give_up(world, run_id, reason="\x1b]52;c;aGk=\x07 \u202eevil\nline")

    build(scene)
    for args in (("list",), ("list", "--all"), ("list", "--json"), ("why", "writer"), ("show", "run00001")):
        out = call(*args).out
        assert not set(out) & {"\x1b", "\x07", "\u202e"}, args


def test_colour_on_a_terminal_only(
    call: Call, build: Build, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(scenes.busy)
    assert "\x1b" not in call("list").out
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", Terminal())
    facts = views.gather(FileHome(load(str(home))), scenes.START)
    assert any("\x1b[31m" in line for line in text_lines(facts, wall()))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not any("\x1b" in line for line in text_lines(facts, wall()))


def test_the_digest_is_the_one_that_the_loader_writes(home: Path, build: Build) -> None:
    from scheduler.adapters.crontab_file import digest

    (home / "crontab").write_text("# Grüße\n@manual x 'y'\n", encoding="utf-8")
    assert FileHome(load(str(home))).crontab_digest() == digest("# Grüße\n@manual x 'y'\n")


def test_many_jobs_stay_within_80_columns(call: Call, build: Build, clock: FakeClock) -> None:
    async def scene(world: World) -> None:
        lines = [
            f'{i % 60} {i % 24} 1-20,{i % 8 + 21} * MON-FRI {"n" * (i % 50)}ame-{i} "x"' for i in range(300)
        ]
        await scenes.load(world, "MODEL = rehearsal:digest.jsonl\n" + "\n".join(lines) + "\n")

    build(scene)
    clock.advance(timedelta(hours=1).total_seconds())
    assert len(call("list").fits().out.splitlines()) > 300


def test_a_change_of_the_machines_zone_is_said_for_a_week(
    call: Call, build: Build, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def travel(world: World) -> None:
        await scenes.load(world)
        monkeypatch.setattr(system, "local_zone", lambda: "America/New_York")
        await scenes.load(world)

    build(travel)
    said = "the machine's zone changed from Europe/Berlin to America/New_York"
    assert said in " ".join(call("list").err.split())
    clock.advance(8 * 86_400)
    assert said not in " ".join(call("list").err.split())
