"""The committer: one thread that writes everything, with many units of work in one commit.

**Units.** A unit of work is a function that gets the connection and changes nothing but the database.
Callers on any thread or event loop queue units; one thread takes whatever has gathered, runs the units one
after the other in the order of the queue, and commits them together. Units of one process are thereby
serialised without locks of their own, and BEGIN IMMEDIATE serialises them with those of other processes.
Units that check something and then write by it (budgets, claims, fires, caps, shares) depend on that. A
batch of units that only read takes no write lock.

**Group commit.** A commit on an ordinary disk waits milliseconds for its sync, whether it holds one row or
five hundred. While the thread waits, the next units gather in the queue, so the batch grows with the load
and with the slowness of the disk by itself: no timer, and no delay for a unit that comes alone. The
connection runs with WAL and synchronous=FULL, where COMMIT returns after the log was synced.

**Acknowledgement only after the sync.** A future is answered when COMMIT has returned, never before: what a
caller was told is on the disk. The opposite does not hold. A process that dies between the sync and the
answer, or a caller that is cancelled meanwhile, leaves a committed unit of which no caller was told. So every
unit must be harmless when it is found done: the next claim of the run reads its last step from the
database. The answers of one batch reach an event loop together, as waking it for each one costs more than
the statements (why #30).

**One that fails.** A unit may raise, and must be undone without the others of its batch. A savepoint for
each would be two statements for each, and hardly any unit fails. So the batch runs without; if one raises,
all is rolled back, and the units run again in the same order, now each in a savepoint. A unit may therefore
run twice before it is committed once, and gets its answer from the second time. Records that a failed unit
noted are dropped with it; those of the others are numbered and chained just before the COMMIT, under the
write lock, so that no other process forks the chain.

**One that fails for all.** A full disk or an I/O error may make SQLite roll the whole transaction back
inside the driver; statements after that would each be committed by themselves. Therefore the driver is
checked for its transaction after each failure, and if that is gone, every unit of the batch fails. An error
of the COMMIT itself fails all of them, too. Callers treat this as an outage, which costs no attempt (why
#37).

**The file.** Before each transaction the file's identity is compared with that of the one that was opened:
a restore puts another file in its place, and what is written to the old one would be lost (why #38).

**Crash points.** A unit passes ``inside`` when its rows are written and nothing is committed: a crash there
loses the whole batch, of which no caller was told. It passes ``after`` when the commit is durable and its
future is not answered: a crash there keeps the whole batch. Between the two there is only SQLite, whose log
is valid up to its last complete commit.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.sqlite.driver import SqliteConnection
from scheduler.adapters.sql.sqlite.opening import BEGIN_READ, BEGIN_WRITE, as_store_error, translate_errors
from scheduler.crash import crashpoint
from scheduler.errors import ReplacedError, StoreError

T = TypeVar("T")

_NOTHING = (0, 0)

MAX_UNITS = 512
"""How many units may share one commit."""


@dataclass(slots=True)
class _Unit(Generic[T]):
    work: Callable[[Connection], T]
    writes: bool
    after: str
    future: Future[T] | asyncio.Future[T]
    loop: asyncio.AbstractEventLoop | None = None
    answer: T | None = None
    error: BaseException | None = None

    def is_wanted(self) -> bool:
        """Whether its caller has not taken it back; from now on it is too late for that."""
        if isinstance(self.future, Future):
            return self.future.set_running_or_notify_cancel()
        return not self.future.cancelled()

    def tell(self) -> None:
        """Answer the caller; for one on an event loop, this runs in the thread of that loop."""
        if self.future.cancelled():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.answer)  # type: ignore[arg-type]


def _tell_all(units: Iterable[_Unit[Any]]) -> None:
    for unit in units:
        unit.tell()


class Committer:
    """Owns the one writing connection of this process.

    Args:
        engine: from ``open_engine``.
        path: the file, for messages.
        write_records: writes the records that the units of a transaction noted, just before its commit.

    Raises:
        StoreError: the database cannot be opened.
    """

    def __init__(self, engine: Engine, path: str, write_records: Callable[[Connection], None]) -> None:
        self.path = path
        self._write_records = write_records
        self.commits = 0
        """How many transactions that wrote were committed: for tests and figures."""
        self._queue: queue.SimpleQueue[_Unit[Any] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        with translate_errors(path):
            self._pooled = engine.raw_connection()
            assert isinstance(self._pooled.driver_connection, sqlite3.Connection)
            self._connection = SqliteConnection(self._pooled.driver_connection)
            self._file = _identity(path)
        self._thread = threading.Thread(target=self._work, name="agentcron-committer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Connection], T], *, writes: bool = True, after: str = "") -> Future[T]:
        """Queue a unit of work; its future is answered after the commit.

        Units run in the order in which they were submitted.  A future that is cancelled before its unit
        began takes the unit back; later it is too late, and the unit is committed all the same.

        Args:
            work: gets the connection; whatever it raises undoes this unit alone.  It may be called twice, so
                it changes nothing but the database.
            writes: false when it only reads: a batch of such units takes no write lock.
            after: a crash point to pass when the unit is durable and its caller has not been answered.

        Raises:
            StoreError: the committer was closed.
        """
        future: Future[T] = Future()
        self._put(_Unit(work, writes, after, future))
        return future

    def ask(
        self, work: Callable[[Connection], T], *, writes: bool = True, after: str = ""
    ) -> asyncio.Future[T]:
        """Do what ``submit`` does, for a caller on an event loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._put(_Unit(work, writes, after, future, loop))
        return future

    def _put(self, unit: _Unit[Any]) -> None:
        with self._lock:
            if self._closed:
                raise StoreError(f"the database {self.path} is closed")
            self._queue.put(unit)

    def close(self) -> None:
        """Finish what is queued, then close the connection.  Closing twice is harmless."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        open_ = True
        while open_:
            batch: list[_Unit[Any]] = []
            unit = self._queue.get()
            while True:
                if unit is None:
                    open_ = False
                    break
                if unit.is_wanted():
                    batch.append(unit)
                if len(batch) >= MAX_UNITS:
                    break
                try:
                    unit = self._queue.get_nowait()
                except queue.Empty:
                    break
            if batch:
                self._commit_batch(batch)
        self._pooled.close()

    def _commit_batch(self, batch: list[_Unit[Any]]) -> None:
        try:
            self._run(batch)
        except BaseException as error:
            # Nothing of this batch was kept.  Each caller must get an error, or it would wait without end.
            failure = as_store_error(error, self.path)
            self._roll_back()
            for unit in batch:
                unit.error = unit.error or failure
        by_loop: dict[asyncio.AbstractEventLoop, list[_Unit[Any]]] = {}
        for unit in batch:
            if unit.error is None and unit.after:
                crashpoint(unit.after)
            if unit.loop is None:
                unit.tell()
            else:
                by_loop.setdefault(unit.loop, []).append(unit)
        for loop, units in by_loop.items():
            # A loop that is closed by now has no caller that waits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_tell_all, units)

    def _run(self, batch: list[_Unit[Any]]) -> None:
        writes = any(unit.writes for unit in batch)
        begin = BEGIN_WRITE if writes else BEGIN_READ
        self._must_be_there()
        connection = self._connection
        send = connection.driver.execute
        send(begin)
        try:
            for unit in batch:
                unit.answer = unit.work(connection)
        except BaseException as error:
            self._roll_back()
            if len(batch) == 1:
                batch[0].error = self._told(error)
                return
            # A savepoint for each unit would be two statements for each, and units hardly ever fail: what
            # was done together is undone together, and done once more with savepoints.
            send(begin)
            self._each_by_itself(batch)
        if connection.noted:
            self._write_records(connection)
        send("COMMIT")
        if writes:
            self.commits += 1

    def _each_by_itself(self, batch: list[_Unit[Any]]) -> None:
        """Do the units again, so that one that fails is undone alone."""
        connection = self._connection
        send = connection.driver.execute
        for unit in batch:
            noted = len(connection.noted)
            send("SAVEPOINT unit")
            try:
                unit.answer = unit.work(connection)
            except BaseException as error:
                unit.error = self._told(error)
                # A full disk rolls back the WHOLE transaction inside the driver.  Units that ran after that
                # would each be committed by themselves: stop here, and fail every unit of the batch.
                if not connection.in_transaction:
                    raise unit.error from error
                send("ROLLBACK TO SAVEPOINT unit")
                del connection.noted[noted:]
            send("RELEASE SAVEPOINT unit")

    def _told(self, error: BaseException) -> BaseException:
        is_sql = isinstance(error, (sqlite3.Error, SQLAlchemyError))
        return as_store_error(error, self.path) if is_sql else error

    def _must_be_there(self) -> None:
        """Refuse to use a file that has no name any more: what is written there would be lost.

        Before reading, too: so an idle daemon notices another file in half a second.
        """
        present = _identity(self.path)
        if present == _NOTHING:
            raise StoreError(
                f"the database {self.path} was removed while it was in use",
                help="put it back, or restore a backup there",
            )
        if present != self._file:
            raise ReplacedError(
                f"the database {self.path} was replaced while it was in use",
                help="run the command again; a daemon takes up the new one by itself",
            )

    def _roll_back(self) -> None:
        self._connection.forget()
        try:
            if self._connection.in_transaction:
                self._connection.driver.execute("ROLLBACK")
        except sqlite3.Error:
            # The driver refused: it has no transaction any more, which is all that was wanted.
            pass


def _identity(path: str) -> tuple[int, int]:
    """Return what tells one file from another under the same name; zeros when there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return _NOTHING
    return (found.st_dev, found.st_ino)
