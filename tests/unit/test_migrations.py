"""The schema: made at once or by migrations, it is the same, and a newer one is left alone."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from scheduler.adapters.sql.migrate import run_migrations
from scheduler.adapters.sql.schema import HEAD, judge
from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.adapters.sql.sqlite.opening import open_engine
from scheduler.adapters.sql.sqlite.upgrade import upgrade
from scheduler.adapters.sql.tables import work as tables
from scheduler.core.record import digest
from scheduler.errors import StoreError


def shape(path: Path) -> dict[str, object]:
    """Return tables with their columns, checks and foreign keys, and indexes as SQL."""
    connection = sqlite3.connect(path)
    shape: dict[str, object] = {}
    for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name"):
        if kind == "table":
            shape[name] = (
                connection.execute(f"PRAGMA table_info({name})").fetchall(),
                connection.execute(f"PRAGMA foreign_key_list({name})").fetchall(),
                sorted(part.strip(" ,\n\t") for part in sql.splitlines() if "CHECK" in part),
            )
        else:
            shape[name] = None if sql is None else " ".join(sql.split())
    connection.close()
    return shape


def test_migrations_make_what_the_tables_say(tmp_path: Path) -> None:
    at_once, step_by_step = tmp_path / "a.db", tmp_path / "b.db"
    upgrade(at_once)
    engine = open_engine(step_by_step)
    with engine.begin() as connection:
        run_migrations(connection)
    assert shape(step_by_step) == shape(at_once)
    assert upgrade(step_by_step) is False, "nothing is left to do"


def test_0003_keeps_the_notices_and_lets_one_be_about_no_run(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    engine = open_engine(path)
    with engine.begin() as connection:
        run_migrations(connection, "0001")
    old = {"id": 7, "run_id": "r1", "job": "brief", "kind": "report", "target": "mail", "body": "ü\n"}
    old |= {"created_at": 1, "state": "waiting", "due_at": 2, "tries": 3, "runner": "", "sent_at": None}
    with closing(sqlite3.connect(path)) as database, database:
        insert(database, "runs", id="r1", job="brief", state="succeeded", origin="person")
        insert(database, "outbox", **old, error="no route")
    assert upgrade(path) is True
    with closing(sqlite3.connect(path)) as database, database:
        database.row_factory = sqlite3.Row
        [row] = map(dict, database.execute("SELECT * FROM outbox"))
        assert row == old | {
            "error": "no route",
            "title": "",
            "urgency": "normal",
            "dedupe_key": "",
            "dedupe_until": None,
            "attachments": "[]",
            "expires_at": None,
            "receipt": "",
        }
        insert(database, "outbox", **old | {"id": 8, "run_id": None}, error="")
        with pytest.raises(sqlite3.IntegrityError, match="outbox_urgency_known"):
            database.execute("UPDATE outbox SET urgency = 'shrill'")


def test_0005_keeps_each_frame_once_under_the_hash_that_steps_give_it(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    engine = open_engine(path)
    with engine.begin() as connection:
        run_migrations(connection, "0003")
    frames = {"r1": '{"model":"ä"}', "r2": '{"model":"ä"}', "r3": "{}", "r4": None}
    with closing(sqlite3.connect(path)) as database, database:
        for run_id, frame in frames.items():
            insert(database, "runs", id=run_id, job="brief", state="succeeded", origin="person")
            insert(database, "pins", run_id=run_id, spec=f"spec of {run_id}", frame=frame)
    assert upgrade(path) is True
    with closing(sqlite3.connect(path)) as database:
        kept = dict(database.execute("SELECT hash, frame FROM frames").fetchall())
        assert sorted(kept.values()) == ['{"model":"ä"}', "{}"]
        assert all(digest(frame) == name for name, frame in kept.items())
        pins = database.execute("SELECT run_id, spec, frame_hash FROM pins ORDER BY run_id").fetchall()
        assert {run_id: kept.get(name) for run_id, _, name in pins} == frames
        assert [spec for _, spec, _ in pins] == [f"spec of {run_id}" for run_id in frames]
        assert database.execute("SELECT * FROM pragma_foreign_key_check").fetchall() == []


RUNS_AT_0003 = (("r1", "reboot", "boot-1"), ("r2", "person", ""), ("r3", "person", ""))


def test_0004_makes_causes_of_origins_and_keeps_runs_with_what_they_wait_for(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with open_engine(path).begin() as connection:
        run_migrations(connection, "0003")
    with closing(sqlite3.connect(path)) as database, database:
        for number, (run_id, origin, key) in enumerate(RUNS_AT_0003):
            insert(database, "runs", id=run_id, job="brief", state="succeeded", origin=origin, key=key)
            insert(database, "pins", run_id=run_id, spec="{}")
            wait = {"run_id": run_id, "due": 7}
            for each in range(number):
                insert(database, "approvals", id=f"{run_id}-{each}", run_id=run_id, state="asked")
                insert(database, "wakeups", id=10 * number + each, kind="approval", state="open", **wait)
            insert(database, "wakeups", id=100 + number, kind="time", state="won", **wait)
    assert upgrade(path) is True
    with closing(sqlite3.connect(path)) as database, database:
        causes = database.execute("SELECT cause, cause_key FROM runs ORDER BY id").fetchall()
        assert causes == [("reboot", "boot-1"), ("person", ""), ("person", "")]
        keys = database.execute("SELECT run_id, key FROM wakeups WHERE due = 7 ORDER BY id").fetchall()
        assert keys[:3] == [("r2", "r2-0"), ("r3", "r3-0"), ("r3", "r3-1")]
        assert keys[3:] == [("r1", ""), ("r2", ""), ("r3", "")]
        assert database.execute("SELECT count(*) FROM pins").fetchone() == (3,)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        insert(database, "runs", id="r4", job="brief", state="queued", cause="of a plug-in", cause_key="1")
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            insert(database, "runs", id="r5", job="brief", state="queued", cause="reboot", cause_key="boot-1")


def insert(database: sqlite3.Connection, table: str, **values: object) -> None:
    """Insert a row; columns that need a value and are given none become 0 or empty."""
    for _, name, kind, needed, default, _ in database.execute(f"PRAGMA table_info({table})").fetchall():
        if needed and default is None and name not in values:
            values[name] = "" if kind == "TEXT" else 0
    if table == "runs":
        values["overlap"] = "skip"
    places = ", ".join("?" * len(values))
    database.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", tuple(values.values()))


def test_a_killed_migration_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = open_engine(path).connect()
    transaction = connection.begin()
    run_migrations(connection)
    transaction.rollback()  # what SQLite does with the journal of a process that died
    connection.close()
    assert shape(path) == {}
    with pytest.raises(StoreError, match="no agentcron database"):
        SqliteDatabase(path).history()


def test_all_tables_of_the_metadata_are_made(tmp_path: Path) -> None:
    upgrade(tmp_path / "a.db")
    made = sqlite3.connect(tmp_path / "a.db")
    names = {row[0] for row in made.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    made.close()
    assert names == {*tables.metadata.tables, "alembic_version"}


def test_upgrade_says_whether_it_did_anything(tmp_path: Path) -> None:
    assert upgrade(tmp_path / "a.db") is True
    assert upgrade(tmp_path / "a.db") is False


def test_f35_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    upgrade(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match="newer agentcron"):
        SqliteDatabase(path).history()
    with pytest.raises(StoreError, match="newer agentcron") as caught:
        upgrade(path)
    assert str(path) in caught.value.message
    assert "upgrade agentcron" in caught.value.help


def test_the_tables_of_another_program_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE jobs (id INTEGER)")
    connection.close()
    with pytest.raises(StoreError, match="another program"):
        upgrade(path)
    assert list(shape(path)) == ["jobs"]


@pytest.mark.parametrize(
    "revision, state",
    [(None, "missing"), (HEAD, "current"), ("0002", "older"), ("9999", "newer")],
)
def test_judging_a_revision(revision: str | None, state: str) -> None:
    assert judge(revision) == state


def test_a_file_that_is_not_there_is_missing_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no agentcron database"):
        SqliteDatabase(tmp_path / "a.db").history()
    assert not (tmp_path / "a.db").exists()


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    upgrade(tmp_path / "a.db")
    assert (tmp_path / "a.db").stat().st_mode & 0o777 == 0o600


def test_a_start_on_a_current_database_does_not_import_alembic(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom scheduler.adapters.sql.sqlite.upgrade import upgrade\n"
        "upgrade(sys.argv[1])\nassert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.db")], check=True)


@pytest.mark.process
def test_processes_that_create_one_database_at_once_agree(tmp_path: Path) -> None:
    code = "import sys\nfrom scheduler.adapters.sql.sqlite.upgrade import upgrade\nupgrade(sys.argv[1])"
    path = tmp_path / "a.db"
    together = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(4)]
    assert [process.wait() for process in together] == [0, 0, 0, 0]
    assert upgrade(path) is False, "nothing is left to do"
