"""A million sleepers cost nothing: what a daemon asks all the time reads small indexes, never all rows."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import TextClause

from scheduler.adapters.sql import selects, words
from scheduler.adapters.sql.sqlite.driver import SqliteConnection
from scheduler.adapters.sql.sqlite.upgrade import upgrade
from scheduler.adapters.sql.units import claims, fires, outbox, queries, run_ended, steps, wakes

SMALL = "runs_queued|runs_lease|runs_held|wakeups_due|jobs_due|outbox_due|requests_out"
"""The partial indexes, which hold only what can come due: sleepers and ended runs are not in them."""

FEW_ROWS = {"_STANDINGS", "_RUNNERS", "_META", "_FLEET_SPENT"}
"""Questions about whole tables that stay small: jobs, runners, and what is known of the crontab."""

ROOMS = (claims, run_ended, fires, queries, outbox, words, steps, wakes)


def hot() -> Iterator[tuple[str, TextClause]]:
    """Return every statement of the rooms that a daemon goes through at each pass and each step."""
    for room in ROOMS:
        for name, value in vars(room).items():
            several = value if isinstance(value, tuple) else (value,)
            for number, each in enumerate(several):
                if isinstance(each, TextClause) and name not in FEW_ROWS:
                    yield f"{room.__name__.rpartition('.')[2]}.{name}.{number}", each


STATEMENTS = dict(hot())


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteConnection]:
    path = tmp_path_factory.mktemp("plans") / "agentcron.db"
    upgrade(path)
    driver = sqlite3.connect(path)
    yield SqliteConnection(driver)
    driver.close()


def plan(connection: SqliteConnection, statement: TextClause) -> list[str]:
    """Return how SQLite would execute a statement, line by line."""
    explained = TextClause(f"EXPLAIN QUERY PLAN {statement.text}").bindparams(*statement._bindparams.values())
    values: dict[str, Any] = {
        name: [] if parameter.expanding else None for name, parameter in statement._bindparams.items()
    }
    return [row[3] for row in connection.execute(explained, values)]


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_hot_statement_reads_all_runs(connection: SqliteConnection, name: str) -> None:
    lines = plan(connection, STATEMENTS[name])
    scans = [line for line in lines if line.startswith("SCAN ")]
    allowed = re.compile(rf"INDEX ({SMALL})\b|^SCAN (json_each|CONSTANT ROW|placed|o$|\(subquery-\d+\)$)")
    assert [line for line in scans if not allowed.search(line)] == []


@pytest.mark.parametrize("question", [selects.SPENT, selects.FLEET_SPENT])
def test_what_was_spent_today_is_a_range_of_an_index(connection: SqliteConnection, question: str) -> None:
    *_, line = plan(connection, TextClause(question))
    assert line == "SEARCH q USING INDEX requests_ended (job=? AND ended_at>?)"


def test_this_test_sees_a_statement_that_reads_everything(connection: SqliteConnection) -> None:
    everything = TextClause("SELECT count(*) FROM runs WHERE attempts > 3")
    assert plan(connection, everything) == ["SCAN runs"]
