"""Statements that SQLAlchemy writes once and the driver executes: what the rooms of the store rely on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, insert, text

from scheduler.adapters.sql.sqlite.driver import SqliteConnection
from scheduler.adapters.sql.words import many

FRUITS = Table("fruits", MetaData(), Column("id", Integer, primary_key=True), Column("name", Text))
INSERT = insert(FRUITS)
NAMES = text("SELECT name FROM fruits ORDER BY name")
NAMED = text("SELECT id FROM fruits WHERE name IN :names ORDER BY id").bindparams(many("names"))
RENAME = text("UPDATE fruits SET name = :name WHERE id > :id RETURNING id")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[SqliteConnection]:
    driver = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    driver.execute("CREATE TABLE fruits (id INTEGER PRIMARY KEY, name TEXT)")
    made = SqliteConnection(driver)
    made.execute(INSERT, [{"name": name} for name in ("pear", "apple", "fig")])
    yield made
    driver.close()


def test_one_statement_serves_lists_of_every_length(connection: SqliteConnection) -> None:
    for names, found in (([], []), (["fig"], [3]), (["fig", "pear", "kiwi"], [1, 3])):
        assert list(connection.execute(NAMED, {"names": names}).scalars()) == found


def test_what_looks_like_sql_in_a_list_is_only_text(connection: SqliteConnection) -> None:
    connection.execute(INSERT, {"name": "x'); DROP TABLE fruits; --"})
    assert list(
        connection.execute(NAMED, {"names": ["x'); DROP TABLE fruits; --", '"', "\\"]}).scalars()
    ) == [4]


def test_a_row_that_is_not_there_is_none(connection: SqliteConnection) -> None:
    assert connection.execute(NAMED, {"names": ["kiwi"]}).first() is None
    assert connection.execute(NAMED, {"names": ["kiwi"]}).scalar() is None


def test_a_statement_that_is_not_read_to_its_end_holds_up_no_commit(connection: SqliteConnection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    assert connection.execute(RENAME, {"name": "plum", "id": 1}).first() is not None
    assert connection.execute(NAMES).first() == ("pear",)
    connection.exec_driver_sql("COMMIT")
    assert not connection.in_transaction
    assert list(connection.execute(NAMES).scalars()) == ["pear", "plum", "plum"]


def test_no_values_at_all_change_nothing(connection: SqliteConnection) -> None:
    connection.execute(INSERT, [])
    assert connection.execute(NAMES).all() == [("apple",), ("fig",), ("pear",)]


def test_a_statement_that_takes_a_list_is_refused_for_several_values(connection: SqliteConnection) -> None:
    rename = text("UPDATE fruits SET name = 'plum' WHERE name IN :names").bindparams(many("names"))
    with pytest.raises(TypeError, match=r"takes lists \(names\) is executed for one at a time"):
        connection.execute(rename, [{"names": ["fig"]}, {"names": ["pear"]}])
    assert connection.execute(NAMES).all() == [("apple",), ("fig",), ("pear",)]
