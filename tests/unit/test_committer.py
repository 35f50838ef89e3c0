"""The committer: many units to a commit, each by itself; a full disk fails the batch and nothing more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.sqlite.committer import Committer
from scheduler.adapters.sql.sqlite.opening import open_engine
from scheduler.adapters.sql.units import records
from scheduler.errors import RefusedError, StoreError

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ADD = text("INSERT INTO t (v) VALUES (:v)")


@pytest.fixture
def committer(tmp_path: Path) -> Iterator[Committer]:
    path = str(tmp_path / "a.db")
    engine = open_engine(path)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (v TEXT UNIQUE)")
    made = Committer(engine, path, write_records=records.write)
    yield made
    made.close()


def add(value: str, committer: Committer) -> None:
    committer.submit(lambda c: c.execute(ADD, {"v": value})).result()


def values(committer: Committer) -> list[str]:
    return committer.submit(
        lambda c: list(c.execute(text("SELECT v FROM t ORDER BY v")).scalars()), writes=False
    ).result()


class Held:
    """Holds the committer inside a unit, so that a batch gathers behind it."""

    def __init__(self, committer: Committer) -> None:
        self._go = threading.Event()
        inside = threading.Event()

        def hold(_: Connection) -> None:
            inside.set()
            assert self._go.wait(10)

        self._future = committer.submit(hold)
        assert inside.wait(10)

    def release(self) -> None:
        self._go.set()
        self._future.result()


def test_a_unit_is_answered_with_what_it_returned(committer: Committer) -> None:
    assert committer.submit(lambda c: c.execute(text("SELECT 7")).scalar()).result() == 7


def test_units_that_wait_together_share_one_commit(committer: Committer) -> None:
    held = Held(committer)
    futures = [
        committer.submit(lambda c, n=n: c.execute(ADD, {"v": f"{n:03}"}).rowcount)  # type: ignore[misc]
        for n in range(200)
    ]
    before = committer.commits
    held.release()
    assert all(future.result() == 1 for future in futures)
    assert committer.commits - before == 2  # the unit that was held, and all the others
    assert len(values(committer)) == 200


def test_a_unit_that_fails_is_undone_alone(committer: Committer) -> None:
    held = Held(committer)

    def half(c: Connection) -> None:
        c.execute(ADD, {"v": "half"})
        raise RefusedError("not like this")

    good = committer.submit(lambda c: c.execute(ADD, {"v": "good"}))
    bad = committer.submit(half)
    double = committer.submit(lambda c: c.execute(ADD, {"v": "good"}))
    late = committer.submit(lambda c: c.execute(ADD, {"v": "late"}))
    held.release()
    good.result()
    late.result()
    with pytest.raises(RefusedError, match="not like this"):
        bad.result()
    with pytest.raises(StoreError):
        double.result()
    assert values(committer) == ["good", "late"]


def test_a_lone_unit_that_fails_is_undone(committer: Committer) -> None:
    def half(c: Connection) -> None:
        c.execute(ADD, {"v": "half"})
        raise RefusedError("no")

    with pytest.raises(RefusedError):
        committer.submit(half).result()
    assert values(committer) == []


def _note(seen: list[int], number: int, _: Connection) -> None:
    seen.append(number)


def test_units_run_in_the_order_they_were_given(committer: Committer) -> None:
    seen: list[int] = []
    held = Held(committer)
    for number in range(50):
        committer.submit(partial(_note, seen, number))
    held.release()
    values(committer)
    assert seen == list(range(50))


def test_a_unit_cancelled_before_it_began_is_taken_back(committer: Committer) -> None:
    held = Held(committer)
    future = committer.submit(lambda c: c.execute(ADD, {"v": "never"}))
    assert future.cancel()
    held.release()
    assert values(committer) == []


def test_reading_units_take_no_write_lock(committer: Committer, tmp_path: Path) -> None:
    other = open_engine(tmp_path / "a.db").connect()
    with other.begin():
        other.execute(ADD, {"v": "theirs"})
        assert values(committer) == []


def fill(c: Connection) -> None:
    c.execute(ADD, {"v": "x" * 200_000})


def limit_pages(committer: Committer, pages: int) -> None:
    committer.submit(lambda c: c.execute(text(f"PRAGMA max_page_count={pages}")).all(), writes=False).result()


def test_a_full_disk_fails_the_whole_batch_and_keeps_nothing_of_it(committer: Committer) -> None:
    limit_pages(committer, 10)
    held = Held(committer)
    before = committer.submit(lambda c: c.execute(ADD, {"v": "before"}))
    full = committer.submit(fill)
    # The trap: SQLite has rolled back everything, and this unit would be committed outside any transaction.
    behind = committer.submit(lambda c: c.execute(ADD, {"v": "behind"}))
    held.release()
    for future in (before, full, behind):
        with pytest.raises(StoreError, match="the disk that holds"):
            future.result()
    assert values(committer) == []


def test_it_works_again_when_there_is_space(committer: Committer) -> None:
    limit_pages(committer, 10)
    with pytest.raises(StoreError, match="the disk that holds") as caught:
        committer.submit(fill).result()
    assert "free some space" in caught.value.help
    limit_pages(committer, 100_000)
    committer.submit(fill).result()
    add("after", committer)
    assert len(values(committer)) == 2


def test_a_bug_in_a_unit_neither_hangs_nor_ends_the_thread(committer: Committer) -> None:
    with pytest.raises(ZeroDivisionError):
        committer.submit(lambda _: 1 // 0).result()
    add("on", committer)
    assert values(committer) == ["on"]


def test_closing_finishes_what_was_queued(tmp_path: Path, committer: Committer) -> None:
    held = Held(committer)
    futures = [
        committer.submit(lambda c, n=n: c.execute(ADD, {"v": str(n)}).rowcount)  # type: ignore[misc]
        for n in range(20)
    ]
    closing = threading.Thread(target=committer.close)
    closing.start()
    held.release()
    closing.join(10)
    assert all(future.result() == 1 for future in futures)
    with pytest.raises(StoreError, match="closed"):
        committer.submit(lambda _: None)


def test_a_replaced_file_is_noticed_before_anything_is_written(tmp_path: Path, committer: Committer) -> None:
    add("one", committer)
    (tmp_path / "a.db").rename(tmp_path / "old.db")
    with pytest.raises(StoreError, match="was removed"):
        add("two", committer)
    (tmp_path / "old.db").rename(tmp_path / "a.db")
    add("three", committer)
    assert values(committer) == ["one", "three"]


def test_units_that_go_well_together_need_no_savepoints(committer: Committer) -> None:
    said: list[str] = []
    committer._connection.driver.set_trace_callback(said.append)
    held = Held(committer)
    futures = [committer.submit(partial(_add_note, f"{n}")) for n in range(3)]
    held.release()
    for future in futures:
        future.result()
    values(committer)
    assert not any("SAVEPOINT" in each for each in said)


def _add_note(value: str, connection: Connection) -> None:
    connection.execute(ADD, {"v": value})


def test_what_is_done_once_more_is_kept_once_with_its_records(tmp_path: Path) -> None:
    path = str(tmp_path / "a.db")
    engine = open_engine(path)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (v TEXT)")
    kinds: list[list[str]] = []

    def write_records(c: Connection) -> None:
        kinds.append([noted[1] for noted in c.noted])
        c.forget()

    committer = Committer(engine, path, write_records=write_records)
    times: list[int] = []

    def good(c: Connection) -> None:
        times.append(len(times))
        c.execute(ADD, {"v": "good"})
        records.append(c, NOW, "good", "job")

    def bad(c: Connection) -> None:
        records.append(c, NOW, "bad", "job")
        raise RefusedError("no")

    held = Held(committer)
    kept, lost = committer.submit(good), committer.submit(bad)
    held.release()
    kept.result()
    with pytest.raises(RefusedError):
        lost.result()
    assert len(times) == 2
    assert values(committer) == ["good"]
    assert kinds == [["good"]]
    committer.close()
