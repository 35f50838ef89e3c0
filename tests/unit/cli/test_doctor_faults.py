"""Every fault that the doctor knows: planted by hand, named by it, with a way to mend it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import socket
import sqlite3
import zoneinfo
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.adapters.presence import FilePresence
from scheduler.adapters.sql import tables
from scheduler.adapters.sql.schema import TABLES
from scheduler.core.run import State
from scheduler.doors.cli import checkup_store
from scheduler.testing.clock import FakeClock
from scheduler.testing.rehearsal import script
from scheduler.testing.world import World
from tests.unit.cli import scenes
from tests.unit.cli.conftest import Answer, Build, Call

Sql = Callable[[str], None]


def problems(answer: Answer) -> dict[str, str]:
    """Names and texts of the problems; each has a fix, and they decide about the exit status."""
    values = json.loads(answer.out)
    found = [check for check in values["checks"] if check["level"] == "problem"]
    assert answer.status == (1 if found else 0)
    assert all(check["fix"] for check in found), found
    assert len({check["name"] for check in found}) == len(found), "one fault is told once"
    return {check["name"]: check["text"] for check in found}


@pytest.fixture
def sql(home: Path) -> Sql:
    """Change the database by hand, as nobody should."""

    def do(statement: str) -> None:
        connection = sqlite3.connect(home / "agentcron.db")
        with connection:
            changed = connection.execute(statement).rowcount
        connection.close()
        assert changed, f"nothing was changed: {statement}"

    return do


async def lived(world: World) -> None:
    """A digest is done, a review sleeps; a daemon is about."""
    await scenes.load(world)
    world.clock.jump_to(scenes.START + timedelta(minutes=30))
    await world.settle()
    await world.fire("review")
    await world.settle()


def test_a_home_that_has_lived_is_healthy(call: Call, build: Build) -> None:
    build(lived)
    assert problems(call("doctor", "--json", "--deep")) == {}
    answer = call("doctor", "--deep").fits()
    assert "every row was read; nothing is amiss" in answer.out
    assert len(answer.out.splitlines()) <= 40


# -- what must hold between the rows --------------------------------------------------------------------
SLEEPER = "id = (SELECT id FROM runs WHERE state = 'sleeping')"
OF_SLEEPER = "run_id = (SELECT id FROM runs WHERE state = 'sleeping')"
OF_DONE = "run_id = (SELECT id FROM runs WHERE state = 'succeeded' LIMIT 1)"

QUICK = {
    "without its pinned job": f"DELETE FROM pins WHERE {OF_SLEEPER}",
    "at rest with nothing that wakes it": "UPDATE wakeups SET state = 'dropped'",
    "with a wake-up although it is not at rest": f"UPDATE runs SET state = 'queued' WHERE {SLEEPER}",
    "with a request under way although it does not run": (
        f"UPDATE requests SET state = 'sent' WHERE {OF_SLEEPER}"
    ),
    "whose number of claims is not that of its attempts": f"UPDATE runs SET epoch = 7 WHERE {SLEEPER}",
    "whose last message is missing": (
        f"DELETE FROM messages WHERE {OF_SLEEPER}"
        f" AND seq = (SELECT max(seq) FROM messages WHERE {OF_SLEEPER})"
    ),
}
DEEP = {
    "with a gap in its conversation": f"DELETE FROM messages WHERE {OF_DONE} AND seq = 2",
    "that ended well with an open call": f"UPDATE calls SET state = 'started' WHERE {OF_DONE}",
    "that is over and has an open attempt": f"UPDATE attempts SET released_at = NULL WHERE {OF_DONE}",
    "whose cost is not the sum of its requests": f"UPDATE runs SET cost_microusd = 5 WHERE {SLEEPER}",
    "with calls and results that do not match": (
        "UPDATE messages SET content = replace(content, 'tool_result', 'tool_riddle')"
        f" WHERE {OF_DONE} AND seq = 3"
    ),
    "belong to a run that is gone": (
        "INSERT INTO wakeups (run_id, kind, due, state) VALUES ('nobody', 'time', 1, 'won')"
    ),
}


@pytest.mark.parametrize("words", QUICK)
def test_a_flaw_of_what_is_not_over(call: Call, build: Build, sql: Sql, words: str) -> None:
    build(lived)
    sql(QUICK[words])
    answer = call("doctor", "--json")
    assert answer.status == 1
    found = [check for check in json.loads(answer.out)["checks"] if check["name"] == "rows"]
    assert any(words in check["text"] for check in found), found
    assert all(check["fix"].startswith("agentcron show ") for check in found)


@pytest.mark.parametrize("words", DEEP)
def test_a_flaw_that_only_a_deep_look_finds(call: Call, build: Build, sql: Sql, words: str) -> None:
    build(lived)
    sql(DEEP[words])
    assert problems(call("doctor", "--json")) == {}
    answer = call("doctor", "--json", "--deep")
    assert answer.status == 1
    texts = [check["text"] for check in json.loads(answer.out)["checks"] if check["level"] == "problem"]
    assert any(words in text for text in texts), texts


def test_a_run_that_runs_without_an_attempt(call: Call, build: Build, sql: Sql) -> None:
    build(lived)
    sql("UPDATE wakeups SET state = 'dropped'")
    sql(f"UPDATE runs SET state = 'running', lease_expires_at = 1 << 60 WHERE {SLEEPER}")
    assert "running without an open attempt" in call("doctor", "--json").out


# -- the database's file --------------------------------------------------------------------------------
def test_the_list_of_tables_is_the_one_of_the_schema() -> None:
    assert set(TABLES) == set(tables.metadata.tables)


def test_half_a_change_of_the_schema(call: Call, build: Build, home: Path, sql: Sql) -> None:
    build(lived)
    connection = sqlite3.connect(home / "agentcron.db")
    connection.execute("DROP TABLE outbox")
    connection.close()
    assert "no table outbox" in problems(call("doctor", "--json"))["database"]
    sql("DELETE FROM alembic_version")
    assert "tables and no revision" in problems(call("doctor", "--json"))["database"]


def test_a_damaged_page(call: Call, build: Build, home: Path) -> None:
    build(lived)
    path = home / "agentcron.db"
    data = bytearray(path.read_bytes())
    for begin in range(4096 * 3, len(data), 4096):
        data[begin : begin + 64] = b"\xee" * 64
    path.write_bytes(data)
    assert "damaged" in problems(call("doctor", "--json"))["database"]


def test_a_journal_that_is_not_a_wal(call: Call, build: Build, home: Path) -> None:
    build(lived)
    connection = sqlite3.connect(home / "agentcron.db")
    connection.execute("PRAGMA journal_mode=delete")
    connection.close()
    assert problems(call("doctor", "--json"))["database"] == "its journal mode is delete, not wal"


def test_a_lock_that_is_never_given_back(
    call: Call, build: Build, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkup_store, "_LOCK_SECONDS", 0.05)
    build(lived)
    holder = sqlite3.connect(home / "agentcron.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert "locked by another process" in problems(call("doctor", "--json"))["lock"]
    holder.execute("ROLLBACK")
    assert problems(call("doctor", "--json")) == {}
    holder.close()


def test_a_log_that_grows_and_grows(
    call: Call, build: Build, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(lived)
    reader = sqlite3.connect(home / "agentcron.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM runs").fetchall()
    writer = sqlite3.connect(home / "agentcron.db")
    writer.execute("CREATE TABLE big (x)")
    writer.commit()
    monkeypatch.setattr(checkup_store, "_MOST_WAL_BYTES", 1_000)
    assert "has grown to" in problems(call("doctor", "--json"))["wal"]
    writer.close()
    reader.close()


def test_a_large_database_is_read_whole_only_when_asked(
    call: Call, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(lived)
    monkeypatch.setattr(checkup_store, "_QUICK_CHECK_BYTES", 1)
    assert "large: agentcron doctor --deep reads all of it" in " ".join(call("doctor").out.split())


def test_a_clock_that_was_set_back_after_the_last_run_ended(
    call: Call, build: Build, clock: FakeClock, sql: Sql
) -> None:
    build(lived)
    sql("DELETE FROM wakeups")
    sql("UPDATE runs SET state = 'succeeded', ended_at = created_at WHERE state = 'sleeping'")
    clock.jump_to(clock.now() - timedelta(hours=5))
    assert problems(call("doctor", "--json"))["clock"].endswith("ahead of now: the clock was set back")


# -- the work ---------------------------------------------------------------------------------------------
def test_parked_runs_want_a_person(call: Call, build: Build) -> None:
    async def scene(world: World) -> None:
        await scenes.load(world)
        run_id = await scenes.interrupt(world)
        await scenes.give_up(world, run_id)

    build(scene)
    found = problems(call("doctor", "--json"))
    assert found["parked"] == "1 run for a person: run00001 (writer): the run has spent $0.50 of its $0.50"
    assert found["unknown"] == "nobody knows whether a call happened, in 1 run: run00001"
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
    assert found["leases"] == "a lease ran out and nobody took over, of 1 run: run00001"


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
    assert "1 runner ended without saying so: pid 4242" in answer.out


def test_live_runs_of_a_job_that_is_gone(call: Call, build: Build) -> None:
    async def scene(world: World) -> None:
        await lived(world)
        await world.load('@manual  other  "x"  model=rehearsal:digest.jsonl\n')

    build(scene)
    assert "no longer in the crontab, with runs that are not over: review" in call("doctor", "--json").out


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
        ("not an address", "is no address"),
        ("ftp://proxy.example.com", "is no address"),
        ("https://[oops", "is no address"),
        ("http://proxy.example.com", "in the clear"),
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
    assert problems(call("doctor", "--json"))["api"] == f"nobody listens at {url} (ANTHROPIC_BASE_URL)"


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


def test_everything_at_once_fits_a_screen(call: Call, build: Build, sql: Sql, clock: FakeClock) -> None:
    build(scenes.busy)
    for statement in (*QUICK.values(), DEEP["with a gap in its conversation"]):
        try:
            sql(statement)
        except AssertionError:
            continue  # an earlier one took away what it would change
    clock.advance(10 * 86400)
    answer = call("doctor", "--deep").fits()
    lines = answer.out.splitlines()
    assert answer.status == 1
    assert len(lines) <= 40
    assert lines[0].startswith("PROBLEM")
    assert lines[-1].endswith(" problems")
