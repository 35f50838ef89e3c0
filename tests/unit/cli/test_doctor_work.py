"""Every fault of the work and of the machine that the doctor knows, and how it tells of it."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import socket
import zoneinfo
from pathlib import Path

import pytest

from scheduler.adapters.presence import FilePresence
from scheduler.core.run.run import State
from scheduler.testing.clock import FakeClock
from scheduler.testing.rehearsal import script
from scheduler.testing.world import World
from tests.kit.needs import lacking
from tests.unit.cli import scenes
from tests.unit.cli.conftest import Build, Call
from tests.unit.cli.patients import lived, problems


# -- the work ---------------------------------------------------------------------------------------------
def test_parked_runs_want_a_person(call: Call, build: Build) -> None:
    async def scene(world: World) -> None:
        await scenes.load(world)
        run_id = await scenes.interrupt(world)
        await scenes.give_up(world, run_id)

    build(scene)
    found = problems(call("doctor", "--json"))
    assert (
        found["parked"]
        == "1 run parked for a person: run00001 (writer): the run has spent $0.50 of its $0.50"
    )
    assert found["unknown"] == "it is unknown whether a call happened, in 1 run: run00001"
    assert "fix: agentcron show run00001, then: agentcron resume" in call("doctor").out


def test_a_job_that_was_paused_because_it_fails(call: Call, build: Build) -> None:
    async def scene(world: World) -> None:
        world.script("bad", script().finish("No way.", "failed").finish("No way.", "failed"))
        await world.load('@manual  bad  "x"  model=rehearsal:bad.jsonl  pause-after=2\n')
        for _ in range(2):
            assert (await world.play("bad")).state is State.FAILED

    build(scene)
    assert problems(call("doctor", "--json"))["jobs"] == "paused after 2 failures in a row: bad"


def test_reports_that_cannot_be_sent(call: Call, build: Build, clock: FakeClock) -> None:
    async def scene(world: World) -> None:
        world.script("told", script().finish("Tell them."))
        await world.load('@manual  told  "x"  model=rehearsal:told.jsonl  report="exit 3"\n')
        await world.play("told")
        await world.send_reports()

    async def give_up(world: World) -> None:
        for _ in range(6):
            world.clock.advance(4 * 3600)
            await world.send_reports()

    build(scene)
    found = problems(call("doctor", "--json"))
    assert found["reports"] == "1 report cannot be sent yet; of told: the report command ended with status 3"
    build(give_up)
    found = problems(call("doctor", "--json"))
    assert found["reports"].startswith("1 report given up; the last, of told: the report command ended with")
    clock.advance(4 * 86400)
    assert "reports" not in problems(call("doctor", "--json")), "after some days it is history"


def test_a_lease_that_ran_out_with_nobody_to_take_over(call: Call, build: Build, home: Path) -> None:
    alive = FilePresence(home / "runners")

    async def scene(world: World) -> None:
        await scenes.load(world)
        await world.store.enter(scenes.runner(world, "runner-9", alive.hold("runner-9")))
        await scenes.interrupt(world)
        world.clock.advance(600)

    build(scene)
    found = problems(call("doctor", "--json"))
    alive.drop("runner-9")
    assert found["leases"] == "the lease of 1 run ran out and no daemon took over: run00001"


def test_a_daemon_that_lives_and_does_nothing(call: Call, build: Build, home: Path, clock: FakeClock) -> None:
    alive = FilePresence(home / "runners")

    async def scene(world: World) -> None:
        await lived(world)
        await world.store.enter(scenes.runner(world, "d1", alive.hold("d1"), pid=4242))

    build(scene)
    assert problems(call("doctor", "--json")) == {}
    clock.advance(2 * 86400)
    found = problems(call("doctor", "--json"))
    alive.drop("d1")
    assert found["hang"].startswith("the daemon (pid 4242) hangs: ")


def test_a_runner_that_ended_without_saying_so_is_no_problem(call: Call, build: Build) -> None:
    async def scene(world: World) -> None:
        await lived(world)
        await world.store.enter(scenes.runner(world, "d1", "/nowhere/d1.lock", pid=4242))

    build(scene)
    answer = call("doctor", "--json")
    assert problems(answer) == {}
    assert "1 runner ended without a clean stop: pid 4242" in answer.out


def test_live_runs_of_a_job_that_is_gone(call: Call, build: Build) -> None:
    async def scene(world: World) -> None:
        await lived(world)
        await world.load('@manual  other  "x"  model=rehearsal:digest.jsonl\n')

    build(scene)
    assert "removed from the crontab, with runs that are not over: review" in call("doctor", "--json").out


# -- this machine -----------------------------------------------------------------------------------------
def test_a_crontab_that_cannot_be_read(call: Call, build: Build, home: Path) -> None:
    build(lived)
    (home / "crontab").unlink()
    (home / "crontab").mkdir()
    assert "crontab" in problems(call("doctor", "--json"))
    (home / "crontab").rmdir()
    (home / "crontab").write_bytes(b'@manual nap "caf\xe9"\n')
    assert "crontab" in problems(call("doctor", "--json"))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("not an address", "is not an address"),
        ("ftp://proxy.example.com", "is not an address"),
        ("https://[oops", "is not an address"),
        ("http://proxy.example.com", "sent unencrypted"),
    ],
)
def test_a_way_to_the_api_that_leads_nowhere(
    call: Call, build: Build, monkeypatch: pytest.MonkeyPatch, url: str, words: str
) -> None:
    build(lived)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    assert words in problems(call("doctor", "--json"))["api"]


def test_a_proxy_of_this_machine_that_is_not_there(
    call: Call, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(lived)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
        assert problems(call("doctor", "--json")) == {}
    assert problems(call("doctor", "--json"))["api"] == f"no server listens at {url} (ANTHROPIC_BASE_URL)"


def test_a_proxy_elsewhere_is_not_called(call: Call, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the doctor asked another machine")

    build(lived)
    monkeypatch.setattr(socket, "create_connection", never)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://proxy.example.com")
    assert problems(call("doctor", "--json")) == {}


def test_old_zone_data(call: Call, build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(lived)
    folder = tmp_path / "zones"
    folder.mkdir()
    monkeypatch.setattr(zoneinfo, "TZPATH", (str(folder),))
    (folder / "tzdata.zi").write_text("# version 2019c\n")
    assert "the time zone data is of 2019c" in problems(call("doctor", "--json"))["zones"]
    (folder / "tzdata.zi").write_text("# version 2026a\n")
    assert problems(call("doctor", "--json")) == {}
    (folder / "tzdata.zi").unlink()
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "2020.1")
    assert "the time zone data is of 2020.1" in problems(call("doctor", "--json"))["zones"]


def test_no_zone_data(call: Call, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    build(lived)
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    assert problems(call("doctor", "--json"))["zones"] == "there is no time zone data"


def test_a_disk_with_no_room_for_another_file(
    call: Call, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(lived)
    real = os.statvfs("/")
    few = os.statvfs_result((*real[:5], 1_000_000, 3, 3, *real[8:]))
    monkeypatch.setattr(os, "statvfs", lambda _: few)
    assert "room for 3 more files" in problems(call("doctor", "--json"))["disk"]


def test_a_home_of_somebody_else(call: Call, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    build(lived)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert "belongs to another user" in problems(call("doctor", "--json"))["home"]


def test_a_home_that_is_a_file(call: Call, home: Path) -> None:
    shutil.rmtree(home)
    home.write_text("")
    assert "is not a directory" in problems(call("doctor", "--json"))["home"]


def test_a_sandbox_that_is_missing_matters_to_jobs_that_want_a_shell(
    call: Call, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(home))
    (home / "crontab").write_text('@manual quiet "x"\n')
    answer = call("doctor").fits()
    assert answer.status == 0
    said = " ".join(answer.out.split())
    assert "sandbox: the shell tool is off: there is no sandbox: bubblewrap is not installed" in said
    (home / "crontab").write_text('@manual loud "x" tools=shell\n')
    assert problems(call("doctor", "--json"))["sandbox"].endswith("needed by 1 job (loud)")
    assert "apt install bubblewrap" in " ".join(call("doctor").fits().out.split())


def test_a_sandbox_that_holds_is_good_news(call: Call, home: Path) -> None:
    if shutil.which("bwrap") is None:
        lacking("bubblewrap is not installed (Debian: apt-get install bubblewrap)")
    (home / "crontab").write_text('@manual loud "x" tools=shell\n')
    assert "passed its test; the shell tool works" in " ".join(call("doctor").fits().out.split())
