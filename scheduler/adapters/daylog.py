"""The daily log: copy the records of the database to a file for each day.

There is no dedicated writer.  A process that needs the log on the disk takes the lock of its folder, copies
all missing records, also those of other processes, and releases it; the lock of a dead process is free at
once. So nothing waits for another process to wake up, and two daemons cannot fork the log: the last line says
what comes next.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

from scheduler.core.record import Head, Record, from_line
from scheduler.crash import crashpoint
from scheduler.errors import DayLogError
from scheduler.ports.store.records import Records

_AT_ONCE = 1_000
_TAIL = 65_536
_LOOKS = 1_000
_LOOK_AGAIN_SECONDS = 0.005
_NOTHING = Head()


class FileDayLog:
    """Implements `scheduler.ports.daylog.DayLog` on a folder.

    Args:
        folder: created if it is missing, for its owner only.
        open_records: opens the records of the database.
        pause: blocks the calling thread for this many seconds.
    """

    def __init__(
        self, folder: Path, open_records: Callable[[], Records], pause: Callable[[float], None]
    ) -> None:
        self._folder = folder
        self._open_records = open_records
        self._pause = pause
        self._turn = asyncio.Lock()
        self._next: asyncio.Future[None] | None = None

    async def sync(self) -> None:
        """Sync every committed record to the disk; concurrent callers share one turn.

        Raises:
            DayLogError: the log cannot be written, or does not match the database.
            StoreError: the records cannot be read.
        """
        if self._next is None:
            self._next = asyncio.ensure_future(self._take_turn())
        await asyncio.shield(self._next)

    async def head(self) -> Head:
        """Return the end of the log."""
        return await asyncio.to_thread(lambda: _end(self._folder).head)

    async def _take_turn(self) -> None:
        async with self._turn:
            # A later caller may have committed after the database was read: that is the next turn.
            self._next = None
            await asyncio.to_thread(self._copy)

    def _copy(self) -> None:
        try:
            # Only the records read first: later commits belong to the next turn.
            with _locked(self._folder, self._pause), self._open_records() as records:
                _append_missing(self._folder, records)
        except OSError as error:
            raise unusable(self._folder, error) from error


def unusable(folder: Path, error: OSError) -> DayLogError:
    """Return the error that explains why the log cannot be used."""
    why = (error.strerror or str(error)).lower()
    return DayLogError(
        f"the daily log in {folder} cannot be written: {why}",
        help="make room, or make the folder writable for its owner; nothing acts until then",
    )


@dataclass(frozen=True, slots=True)
class _End:
    """The end of the log: its last whole record, the newest file, and incomplete bytes at its end."""

    head: Head = _NOTHING
    path: Path | None = None
    whole_bytes: int = 0
    torn: bytes = b""


def files(folder: Path) -> list[Path]:
    """Return the files of the log, oldest first, which is also the order of the records."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".jsonl"))
    except FileNotFoundError:
        return []
    return [folder / name for name in names]


def read(path: Path) -> Iterator[bytes]:
    """Yield the whole lines of one file.  A last one without its line feed was cut by a crash."""
    with open(path, "rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line


@contextmanager
def _locked(folder: Path, pause: Callable[[float], None]) -> Iterator[None]:
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _take(lock, folder, pause)
        yield
    finally:
        os.close(lock)


def _take(lock: int, folder: Path, pause: Callable[[float], None]) -> None:
    """Take the lock; its holder writes for some milliseconds, unless it was suspended in the middle."""
    for _ in range(_LOOKS):
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pause(_LOOK_AGAIN_SECONDS)
    raise DayLogError(
        f"another process has kept the daily log in {folder} locked for {_LOOKS * _LOOK_AGAIN_SECONDS:g} s",
        help=f"see which with: fuser -v {folder / 'lock'}; nothing acts until it lets go",
    )


def _end(folder: Path) -> _End:
    newest = _End()
    for path in reversed(files(folder)):
        size = path.stat().st_size
        with open(path, "rb") as file:
            length = _TAIL
            while True:
                file.seek(max(0, size - length))
                tail = file.read()
                lines = tail.split(b"\n")
                # The first piece may be the middle of a line, unless the tail is the whole file.
                if len(lines) > 2 or length >= size:
                    break
                length *= 8
        if newest.path is None:
            newest = _End(path=path, whole_bytes=size - len(lines[-1]), torn=lines[-1])
        if len(lines) > 1:
            return _End(_head_of(path, lines[-2]), newest.path, newest.whole_bytes, newest.torn)
    return newest


def _head_of(path: Path, line: bytes) -> Head:
    try:
        return from_line(line).head
    except ValueError as error:
        raise DayLogError(
            f"the last line of {path} is no record: somebody changed it",
            help="check it with: agentcron log --verify; then move the file away, it is written again",
        ) from error


def _append_missing(folder: Path, records: Records) -> None:
    end = _end(folder)
    missing = records.after(end.head.seq)
    first = next(missing, None)
    _must_fit(folder, end, first, records)
    if end.torn and end.path is not None:
        _mend(end.path, end, first)
    if first is None:
        return
    last_day = end.path.stem if end.path is not None else ""
    for day, of_day in groupby(_with(first, missing), key=_days(last_day)):
        while batch := list(islice(of_day, _AT_ONCE)):
            _append(folder / f"{day}.jsonl", "".join(record.line() for record in batch).encode())


def _days(last_day: str) -> Callable[[Record], str]:
    """Return the day whose file a record goes to: never earlier than the last one."""

    def day(record: Record) -> str:
        nonlocal last_day
        last_day = max(last_day, record.day)
        return last_day

    return day


def _with(first: Record, others: Iterable[Record]) -> Iterator[Record]:
    yield first
    yield from others


def _must_fit(folder: Path, end: _End, first: Record | None, records: Records) -> None:
    """Refuse to continue from an end that the database does not have: the log would be forked."""
    if end.head == _NOTHING:
        return
    if first is not None:
        fits = first.seq == end.head.seq + 1 and first.prev_hash == end.head.hash
    else:
        fits = records.newest() == end.head
    if not fits:
        raise DayLogError(
            f"the daily log in {folder} and the database disagree: the log ends with record {end.head.seq}, "
            "and the database does not continue from there",
            help="a database is put back with: agentcron restore; or move the folder away, and the log is "
            "written again from the database",
        )


def _mend(path: Path, end: _End, first: Record | None) -> None:
    """Cut off an incomplete last line, if it is the beginning of the record that belongs there."""
    if first is None or not first.line().encode().startswith(end.torn):
        raise DayLogError(
            f"{path} ends in {len(end.torn)} bytes that are no part of the next record",
            help="another program wrote to it; check its end, then move the file away: it is written again",
        )
    os.truncate(path, end.whole_bytes)


def _append(path: Path, lines: bytes) -> None:
    is_new = not path.exists()
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    file = os.open(path, flags, 0o600)
    try:
        rest = memoryview(lines)
        while rest:
            rest = rest[os.write(file, rest) :]
        crashpoint("log.inside")
        os.fsync(file)
    finally:
        os.close(file)
    if is_new:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def behind(folder: Path, open_records: Callable[[], Records]) -> int:
    """Return how many records are not in the log yet.

    Raises:
        DayLogError: the log does not fit the database.
        StoreError: the database cannot be read.
    """
    try:
        with open_records() as records:
            end = _end(folder)
            first = next(records.after(end.head.seq), None)
            _must_fit(folder, end, first, records)
            newest = records.newest()
    except OSError as error:
        raise unusable(folder, error) from error
    return 0 if first is None or newest is None else newest.seq - first.seq + 1
