"""Every fault of the database that the doctor knows: planted by hand, and named with a way to mend it."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.adapters.presence import FilePresence
from scheduler.adapters.sql.schema import HEAD, TABLES
from scheduler.adapters.sql.tables import work as tables
from scheduler.core.time.clocks import Jump
from scheduler.testing.clock import FakeClock
from scheduler.testing.world import World
from scheduler.views.doctor import store as checkup_store
from tests.kit.old_homes import load_home
from tests.unit.cli import scenes
from tests.unit.cli.conftest import Build, Call, Sql
from tests.unit.cli.patients import lived, problems


def test_a_home_that_has_lived_is_healthy(call: Call, build: Build) -> None:
    build(lived)
    assert problems(call("doctor", "--json", "--deep")) == {}
    answer = call("doctor", "--deep").fits()
    assert "every row was read and is consistent" in answer.out
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
    "belong to a run that does not exist": (
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


def test_a_database_that_is_gone(call: Call, build: Build, home: Path) -> None:
    build(lived)
    FilePresence(home / "runners").hold("r1")
    for file in home.glob("agentcron.db*"):
        file.unlink()
    assert problems(call("doctor", "--json"))["database"].startswith(
        "it is missing, although agentcron has run"
    )


def test_half_a_change_of_the_schema(call: Call, build: Build, home: Path, sql: Sql) -> None:
    build(lived)
    connection = sqlite3.connect(home / "agentcron.db")
    connection.execute("DROP TABLE outbox")
    connection.close()
    assert "no table outbox" in problems(call("doctor", "--json"))["database"]
    sql("DELETE FROM alembic_version")
    assert "tables and no revision" in problems(call("doctor", "--json"))["database"]


def test_a_home_from_before_the_first_release(call: Call, home: Path) -> None:
    load_home(home, "0002")
    assert f"its schema is 0002, this version has {HEAD}" in problems(call("doctor", "--json"))["database"]
    assert "agentcron db upgrade" in call("db", "status").out
    assert call("db", "upgrade").status == 0
    assert call("db", "status").status == 0


def test_a_home_from_before_grants(call: Call, home: Path) -> None:
    load_home(home, "0001")
    assert "its schema is 0001 without grants" in problems(call("doctor", "--json"))["database"]
    assert "with commit 73f3c62" in " ".join(call("doctor").fits().out.split())
    status = call("db", "status")
    assert (status.status, "with commit 73f3c62" in " ".join(status.out.split())) == (1, True)
    answer = call("db", "upgrade")
    assert answer.status == 5
    assert "this version cannot upgrade it" in " ".join(answer.err.split())


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
    monkeypatch.setattr(checkup_store, "_MAX_WAL_BYTES", 1_000)
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
    assert problems(call("doctor", "--json"))["clock"].endswith("in the future: the clock was set back")


def test_a_clock_that_was_set_back_and_noticed(call: Call, build: Build, clock: FakeClock) -> None:
    async def noticed(world: World) -> None:
        before = world.clock.now()
        world.clock.advance(-5 * 3600)
        await world.store.record_jump(Jump("set_back", before, world.clock.now(), 5 * 3600), {})

    build(lived)
    build(noticed)
    answer = call("doctor", "--json")
    assert problems(answer) == {}
    assert "a daemon has handled that" in answer.out


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
