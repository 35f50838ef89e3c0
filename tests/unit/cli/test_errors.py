"""Every verb that looks, in every condition: the exit status, nothing on stdout, no traceback."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli import scenes
from tests.unit.cli.conftest import Build, Call

READERS = (("list",), ("next",), ("why", "digest"), ("show", "run00001"))


def garbage(home: Path) -> None:
    (home / "agentcron.db").write_bytes(b"this is no database at all" * 100)


def damaged(home: Path) -> None:
    # The middle of the file: the header is good, the pages are not.
    data = bytearray((home / "agentcron.db").read_bytes())
    data[4096 : len(data)] = b"\xee" * (len(data) - 4096)
    (home / "agentcron.db").write_bytes(bytes(data))


def newer(home: Path) -> None:
    connection = sqlite3.connect(home / "agentcron.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()


def directory(home: Path) -> None:
    for file in home.glob("agentcron.db*"):
        file.unlink()
    (home / "agentcron.db").mkdir()


@pytest.mark.parametrize("args", READERS, ids=lambda args: args[0])
@pytest.mark.parametrize("spoil", [garbage, damaged, newer, directory])
def test_a_database_that_cannot_be_read(
    call: Call, build: Build, home: Path, args: tuple[str, ...], spoil: Callable[[Path], None]
) -> None:
    build(scenes.busy)
    spoil(home)
    answer = call(*args)
    assert (answer.status, answer.out) == (5, "")
    assert answer.err.startswith("error: ")
    assert len([line for line in answer.err.splitlines() if line.startswith("error:")]) == 1


@pytest.mark.parametrize("args", READERS, ids=lambda args: args[0])
def test_no_database_and_no_crontab(call: Call, home: Path, args: tuple[str, ...]) -> None:
    answer = call(*args)
    assert (answer.status, answer.out) == (3, "")
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    "args", [("why",), ("show",), ("explain",), ("list", "--nope"), ("next", "-n", "x"), ("chekc",)]
)
def test_wrong_usage(call: Call, args: tuple[str, ...]) -> None:
    answer = call(*args)
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.startswith("error: ")


@pytest.mark.parametrize(
    "args", [*READERS, ("check",), ("doctor",), ("db", "status")], ids=lambda args: args[0]
)
def test_a_reader_changes_nothing(call: Call, build: Build, home: Path, args: tuple[str, ...]) -> None:
    build(scenes.busy)
    before = {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()}
    call(*args)
    after = {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()}
    # A reader of a WAL database may leave its two side files; they hold nothing of ours.
    assert {name: data for name, data in after.items() if not name.endswith(("-wal", "-shm"))} == before


def test_a_crontab_that_is_no_text(call: Call, home: Path) -> None:
    (home / "crontab").write_bytes(b"0 9 * * * digest \xff\xfe\n")
    for args in (("list",), ("next",), ("check",)):
        answer = call(*args)
        assert (answer.status, answer.out) == (1, "")
        assert "not UTF-8" in answer.err
