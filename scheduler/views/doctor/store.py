"""What the doctor looks at in the database: file, schema, locks, and what must hold between its rows."""

from __future__ import annotations

import os
import shlex
import sqlite3
from datetime import timedelta

from scheduler.adapters.sql.errors import THROUGH_0002, explain, read_only
from scheduler.adapters.sql.schema import TABLES
from scheduler.adapters.sql.sqlite.audit import Audit
from scheduler.config import Config
from scheduler.views.clock import Wall, span
from scheduler.views.database import database_status
from scheduler.views.doctor.finding import Finding, Findings, counted, named

_CLOCK_SLACK = timedelta(minutes=5)
_QUICK_CHECK_BYTES = 200_000_000
"""A larger database takes longer than two seconds to read: ``--deep`` does it."""
_MOST_WAL_BYTES = 256_000_000
_LOCK_SECONDS = 1.0
_BACKUP = "stop agentcron, keep a copy of the file, restore a backup"


def check_database(config: Config, clock: Wall) -> Findings:
    """Whether the database is there, ours, current, sound, writable, and from the past."""
    if not config.database.exists():
        if config.runners.exists():
            text = f"it is gone, although agentcron has run here: {config.database}"
            yield Finding("problem", "database", text, "put a backup in its place, or: agentcron up")
        else:
            yield Finding("note", "database", "not there yet; the first start makes it")
        return
    status = database_status(config)
    if status["state"] != "current":
        yield _of_schema(config, status)
        return
    missing = _missing_tables(config)
    if missing:
        text = f"half of it is missing (no table {named(missing)}): a change of its schema was broken off"
        yield Finding("problem", "database", text, _BACKUP)
        return
    small = status["size_bytes"] <= _QUICK_CHECK_BYTES
    with Audit.open(config.database) as audit:
        sound = audit.pragma("quick_check(1)") if small else "ok"
        if sound != "ok":
            yield Finding("problem", "database", f"it is damaged: {sound}", _BACKUP)
            return
        mode = audit.pragma("journal_mode")
        flaws, latest, noticed = audit.quick(), audit.latest(), audit.set_back_from()
    if mode != "wal":
        yield Finding("problem", "database", f"its journal mode is {mode}, not wal", "agentcron up")
    how = "sound" if small else "large: agentcron doctor --deep reads all of it"
    size = f"{status['size_bytes'] / 1e6:.1f} MB"
    yield Finding("ok", "database", f"schema {status['revision']}, {size}, {how}")
    for flaw in flaws:
        yield _flawed(flaw.what, flaw.runs)
    yield from _locks(config)
    if latest is not None and latest - clock.now > _CLOCK_SLACK:
        ahead = span((latest - clock.now).total_seconds())
        text = f"the database knows a time {ahead} ahead of now: the clock was set back"
        if noticed is not None and latest <= noticed + _CLOCK_SLACK:
            yield Finding("note", "clock", f"{text}, and a daemon has dealt with that")
        else:
            yield Finding("problem", "clock", text, "set the clock")


def check_log(config: Config, clock: Wall) -> Findings:  # noqa: ARG001 - all checks take the same
    """Whether the daily log can be written, and goes on where the database does: else nothing acts."""
    from scheduler.adapters.daylog import behind
    from scheduler.adapters.sql.read_connection import connect_to

    if not config.database.exists():
        return
    if config.log.exists() and not os.access(config.log, os.W_OK | os.X_OK):
        text = f"the daily log in {config.log} cannot be written: nothing acts"
        yield Finding("problem", "log", text, f"chmod u+rwx {shlex.quote(str(config.log))}")
        return
    missing = behind(config.log, connect_to(config.database))
    text = "the daily log fits the database" if not missing else f"{missing} records are not in the log yet"
    yield Finding("ok", "log", text)


def check_deep(config: Config, clock: Wall) -> Findings:  # noqa: ARG001 - all checks take the same
    """Read every row; takes as long as the database is large."""
    if not config.database.exists():
        return
    with Audit.open(config.database) as audit:
        sound = audit.pragma("integrity_check(1)")
        if sound != "ok":
            yield Finding("problem", "deep", f"the database is damaged: {sound}", _BACKUP)
            return
        dangling, flaws, unchained = audit.dangling(), audit.deep(), audit.unchained()
    if unchained:
        text = f"the chain of records is broken: {unchained}"
        yield Finding("problem", "deep", text, "agentcron log --verify")
    if dangling:
        text = f"rows of {named(dangling)} belong to a run that is gone"
        yield Finding("problem", "deep", text, _BACKUP)
    for flaw in flaws:
        yield _flawed(flaw.what, flaw.runs)
    if not dangling and not flaws and not unchained:
        yield Finding("ok", "deep", "every row was read; nothing is amiss")


def _of_schema(config: Config, status: dict[str, object]) -> Finding:
    if status["state"] == "missing" and _tables(config) & set(TABLES):
        text = "it has tables and no revision: a change of its schema was broken off"
        return Finding("problem", "database", text, _BACKUP)
    fixes = {
        "older": "agentcron db upgrade",
        "newer": "pip install --upgrade agentcron",
        "abandoned": THROUGH_0002,
    }
    text = f"its schema is {status['revision'] or 'none'}, this version has {status['head']}"
    return Finding("problem", "database", text, fixes.get(str(status["state"]), "agentcron up"))


def _tables(config: Config) -> set[str]:
    connection = None
    try:
        connection = read_only(config.database)
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error as error:
        raise explain(error, str(config.database)) from error
    finally:
        if connection is not None:
            connection.close()


def _missing_tables(config: Config) -> list[str]:
    return sorted(set(TABLES) - _tables(config))


def _flawed(what: str, runs: tuple[str, ...]) -> Finding:
    text = f"{counted(runs, 'run')} {what}: {named(runs)}"
    fix = f"agentcron show {runs[0]}; was the database changed by hand? Else report it, and restore a backup"
    return Finding("problem", "rows", text, fix)


def _locks(config: Config) -> Findings:
    path = str(config.database)
    wal = f"{path}-wal"
    if os.path.exists(wal) and os.path.getsize(wal) > _MOST_WAL_BYTES:
        size = os.path.getsize(wal) / 1e6
        text = f"{wal} has grown to {size:.0f} MB: somebody reads the database and never ends"
        yield Finding("problem", "wal", text, "end what has it open, then restart: agentcron up")
    # To take the lock and give it back writes nothing, and says what no look at the file can say.
    connection = sqlite3.connect(
        f"file:{_quoted(path)}?mode=rw", uri=True, timeout=_LOCK_SECONDS, isolation_level=None
    )
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        told = explain(error, path)
        locked = "locked" in told.message
        fix = f"see who has it open: fuser -v {shlex.quote(path)}" if locked else told.help
        yield Finding("problem", "lock", told.message, fix)
    finally:
        connection.close()


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(path)
