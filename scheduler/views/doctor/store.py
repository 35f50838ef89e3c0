"""Check the database: file, schema, locks, and the consistency of its rows."""

from __future__ import annotations

import os
import shlex
from datetime import timedelta
from typing import TYPE_CHECKING

from scheduler.errors import StoreError
from scheduler.ports.store.audit import DatabaseState
from scheduler.views.clock import Wall, span
from scheduler.views.doctor.finding import Finding, Findings, counted, named

if TYPE_CHECKING:
    from scheduler.views.home import Home

_CLOCK_SLACK = timedelta(minutes=5)
_QUICK_CHECK_BYTES = 200_000_000
"""A larger database takes longer than two seconds to read, so only ``--deep`` reads it."""
_MAX_WAL_BYTES = 256_000_000
_LOCK_SECONDS = 1.0
_BACKUP = "stop agentcron, keep a copy of the file, restore a backup"


def check_database(home: Home, clock: Wall) -> Findings:
    """Whether the database exists, is ours, current, sound and writable, and not from the future."""
    config = home.config
    if not home.has_database():
        if config.runners.exists():
            text = f"it is missing, although agentcron has run here: {home.database_name()}"
            yield Finding("problem", "database", text, "restore a backup, or: agentcron up")
        else:
            yield Finding("note", "database", "does not exist yet; the first start creates it")
        return
    database = home.database()
    if database.state != "current":
        yield _of_schema(database)
        return
    if database.missing_tables:
        missing = named(database.missing_tables)
        text = f"it is incomplete (no table {missing}): a change of its schema was interrupted"
        yield Finding("problem", "database", text, _BACKUP)
        return
    bytes_ = database.size_bytes or 0
    small = bytes_ <= _QUICK_CHECK_BYTES
    with home.audit() as audit:
        damage = audit.damage(whole=False) if small else ""
        if damage:
            yield Finding("problem", "database", f"it is damaged: {damage}", _BACKUP)
            return
        mode = audit.journal_mode()
        flaws, latest, noticed = audit.quick(), audit.latest(), audit.set_back_from()
    if mode != "wal":
        yield Finding("problem", "database", f"its journal mode is {mode}, not wal", "agentcron up")
    how = "sound" if small else "large: agentcron doctor --deep reads all of it"
    size = f"{bytes_ / 1e6:.1f} MB"
    yield Finding("ok", "database", f"schema {database.revision}, {size}, {how}")
    for flaw in flaws:
        yield _flawed(flaw.what, flaw.runs)
    yield from _locks(home, database)
    if latest is not None and latest - clock.now > _CLOCK_SLACK:
        ahead = span((latest - clock.now).total_seconds())
        text = f"the database has a time {ahead} in the future: the clock was set back"
        if noticed is not None and latest <= noticed + _CLOCK_SLACK:
            yield Finding("note", "clock", f"{text}, and a daemon has handled that")
        else:
            yield Finding("problem", "clock", text, "set the clock")


def check_log(home: Home, clock: Wall) -> Findings:  # noqa: ARG001 - all checks have this signature
    """Whether the daily log can be written and matches the database: without it nothing acts."""
    config = home.config
    if not home.has_database():
        return
    if config.log.exists() and not os.access(config.log, os.W_OK | os.X_OK):
        text = f"the daily log in {config.log} cannot be written, so nothing acts"
        yield Finding("problem", "log", text, f"chmod u+rwx {shlex.quote(str(config.log))}")
        return
    missing = home.records_behind()
    text = (
        "the daily log matches the database" if not missing else f"{missing} records are not in the log yet"
    )
    yield Finding("ok", "log", text)


def check_deep(home: Home, clock: Wall) -> Findings:  # noqa: ARG001 - all checks have this signature
    """Read every row; the time depends on the size of the database."""
    if not home.has_database():
        return
    with home.audit() as audit:
        damage = audit.damage(whole=True)
        if damage:
            yield Finding("problem", "deep", f"the database is damaged: {damage}", _BACKUP)
            return
        dangling, flaws, unchained = audit.dangling(), audit.deep(), audit.unchained()
    if unchained:
        text = f"the chain of records is broken: {unchained}"
        yield Finding("problem", "deep", text, "agentcron log --verify")
    if dangling:
        text = f"rows of {named(dangling)} belong to a run that does not exist"
        yield Finding("problem", "deep", text, _BACKUP)
    for flaw in flaws:
        yield _flawed(flaw.what, flaw.runs)
    if not dangling and not flaws and not unchained:
        yield Finding("ok", "deep", "every row was read and is consistent")


def _of_schema(database: DatabaseState) -> Finding:
    if database.state == "missing" and database.is_begun:
        text = "it has tables and no revision: a change of its schema was interrupted"
        return Finding("problem", "database", text, _BACKUP)
    fixes = {
        "older": "agentcron db upgrade",
        "newer": "pip install --upgrade agentcron",
        "abandoned": database.way_out,
    }
    text = f"its schema is {database.revision or 'none'}, this version has {database.head}"
    return Finding("problem", "database", text, fixes.get(database.state, "agentcron up"))


def _flawed(what: str, runs: tuple[str, ...]) -> Finding:
    text = f"{counted(runs, 'run')} {what}: {named(runs)}"
    fix = (
        f"agentcron show {runs[0]}; was the database changed by hand? If not, report it, and restore a backup"
    )
    return Finding("problem", "rows", text, fix)


def _locks(home: Home, database: DatabaseState) -> Findings:
    path = home.database_name()
    if database.log_bytes > _MAX_WAL_BYTES:
        size = database.log_bytes / 1e6
        text = f"{path}-wal has grown to {size:.0f} MB: a process keeps a read of the database open"
        yield Finding("problem", "wal", text, "end the process that has it open, then restart: agentcron up")
    try:
        home.require_writable(_LOCK_SECONDS)
    except StoreError as told:
        locked = "locked" in told.message
        fix = f"see which process has it open: fuser -v {shlex.quote(path)}" if locked else told.help
        yield Finding("problem", "lock", told.message, fix)
