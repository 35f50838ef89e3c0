"""What the doctor looks at.  Each check gives findings; none of them raises, writes, or asks the network."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Sized
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from scheduler.config import HOME_VARIABLE, Config
from scheduler.doors.cli.times import Wall, span
from scheduler.errors import AgentcronError

Level = Literal["problem", "warning", "note", "ok"]

_LEAST_PYTHON = (3, 11)
_LEAST_FREE_BYTES = 100_000_000
_LOW_FREE_BYTES = 1_000_000_000
_OLDEST_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_CLOCK_SLACK = timedelta(minutes=5)
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and how to mend it."""

    level: Level
    name: str
    text: str
    fix: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        return asdict(self)


Findings = Iterator[Finding]


def all_findings(config: Config, clock: Wall) -> list[Finding]:
    """Do all checks; one that breaks is a problem of its own and stops no other."""
    checks: tuple[tuple[str, Callable[[Config, Wall], Findings]], ...] = (
        ("platform", _platform),
        ("python", _python),
        ("package", _package),
        ("zones", _zones),
        ("home", _home),
        ("disk", _disk),
        ("database", _database),
        ("crontab", _crontab),
        ("tools", _tools),
    )
    found: list[Finding] = []
    for name, check in checks:
        try:
            found += check(config, clock)
        except AgentcronError as error:
            found.append(Finding("problem", name, error.message, error.help))
        except OSError as error:
            found.append(Finding("problem", name, f"the system refused: {error.strerror or error}"))
    return found


def _platform(config: Config, clock: Wall) -> Findings:  # noqa: ARG001 - all checks take the same
    if sys.platform.startswith("linux"):
        yield Finding("ok", "platform", f"{sys.platform}, everything is supported")
    elif sys.platform == "darwin":
        text = "macOS: a suspended machine is noticed by the wall clock only"
        yield Finding("note", "platform", text)
    else:
        yield Finding("problem", "platform", f"{sys.platform} is not supported", "use Linux or macOS")


def _python(config: Config, clock: Wall) -> Findings:  # noqa: ARG001
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _LEAST_PYTHON:
        yield Finding("problem", "python", f"{version} is too old", "install Python 3.11 or later")
    else:
        yield Finding("ok", "python", version)


def _package(config: Config, clock: Wall) -> Findings:  # noqa: ARG001
    from importlib.metadata import packages_distributions

    owners = sorted(set(packages_distributions().get("scheduler", ())))
    if owners == ["agentcron"]:
        yield Finding("ok", "package", "`scheduler` belongs to agentcron alone")
    elif not owners:
        yield Finding("problem", "package", "agentcron is not installed here", "pip install agentcron")
    else:
        others = ", ".join(name for name in owners if name != "agentcron")
        text = f"another distribution installs a package `scheduler` too: {others}"
        yield Finding("problem", "package", text, f"pip uninstall {others}; pip install agentcron")


def _zones(config: Config, clock: Wall) -> Findings:  # noqa: ARG001
    from zoneinfo import ZoneInfo, available_timezones

    if "Europe/Berlin" not in available_timezones():
        yield Finding("problem", "zones", "there is no time zone data", "pip install tzdata")
        return
    summer = datetime(2026, 7, 1, tzinfo=UTC).astimezone(ZoneInfo("Europe/Berlin")).utcoffset()
    if summer != timedelta(hours=2):
        yield Finding("problem", "zones", "the time zone data is wrong", "pip install --upgrade tzdata")
    else:
        yield Finding("ok", "zones", f"local zone {clock.name}, now {clock(clock.now)}")
    if clock.now < _OLDEST_NOW:
        yield Finding("problem", "clock", f"the clock is years behind: {clock.now:%Y-%m-%d}", "set the clock")


def _home(config: Config, clock: Wall) -> Findings:  # noqa: ARG001
    home = config.home
    if not home.exists():
        yield Finding("note", "home", f"{home} is not there yet; the first start makes it")
        return
    if not home.is_dir():
        yield Finding("problem", "home", f"{home} is not a directory", f"move it, or set {HOME_VARIABLE}")
        return
    found = home.stat()
    mode = stat.S_IMODE(found.st_mode)
    quoted = shlex.quote(str(home))
    if found.st_uid != os.getuid():
        yield Finding("problem", "home", f"{home} belongs to another user", f"chown {os.getuid()} {quoted}")
    elif mode & 0o077:
        text = f"{home} is open to other users (mode {mode:04o})"
        yield Finding("problem", "home", text, f"chmod 700 {quoted}")
    elif not os.access(home, os.W_OK | os.X_OK):
        yield Finding("problem", "home", f"{home} cannot be written", f"chmod u+rwx {quoted}")
    else:
        yield Finding("ok", "home", f"{home} (mode {mode:04o})")


def _disk(config: Config, clock: Wall) -> Findings:  # noqa: ARG001
    place = config.home
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    text = f"{free / 1e9:.1f} GB free where {config.home} is"
    if free < _LEAST_FREE_BYTES:
        yield Finding("problem", "disk", text, "free some space; a full disk stops every run")
    elif free < _LOW_FREE_BYTES:
        yield Finding("warning", "disk", text)
    else:
        yield Finding("ok", "disk", text)


def _database(config: Config, clock: Wall) -> Findings:
    from scheduler.doors.cli.db import database_status

    if not config.database.exists():
        yield Finding("note", "database", "not there yet; the first start makes it")
        return
    status = database_status(config)
    if status["state"] != "current":
        fixes = {"older": "agentcron db upgrade", "newer": "pip install --upgrade agentcron"}
        text = f"its schema is {status['revision'] or 'none'}, this version has {status['head']}"
        yield Finding("problem", "database", text, fixes.get(status["state"], "agentcron up"))
        return
    from scheduler.adapters.sql.glance import Glance

    glance = Glance.open(config.database)
    with glance:
        sound = glance.pragma("quick_check(1)")
        mode = glance.pragma("journal_mode")
        runs, runners = glance.live_runs(), glance.runners()
    if sound != "ok":
        fix = "stop agentcron, keep a copy of the file, restore a backup"
        yield Finding("problem", "database", f"it is damaged: {sound}", fix)
        return
    if mode != "wal":
        yield Finding("problem", "database", f"its journal mode is {mode}, not wal", "agentcron up")
    size = f"{status['size_bytes'] / 1e6:.1f} MB"
    yield Finding("ok", "database", f"schema {status['revision']}, {size}, sound")
    newest = max([*(r.created_at for r in runs), *(r.seen_at for r in runners)], default=None)
    if newest is not None and newest - clock.now > _CLOCK_SLACK:
        ahead = span((newest - clock.now).total_seconds())
        text = f"the database knows a time {ahead} ahead of now: the clock was set back"
        yield Finding("problem", "clock", text, "set the clock")
    yield from _work(config, clock)


def _work(config: Config, clock: Wall) -> Findings:
    from scheduler.doors.cli.views import gather

    facts = gather(config, clock.now)
    if facts.orphans:
        shown = _named(sorted(facts.orphans))
        fix = "agentcron up" if facts.daemon is None else "the daemon takes them up by itself"
        yield Finding("problem", "runs", f"{len(facts.orphans)} running with a dead runner: {shown}", fix)
    if facts.unknown:
        ids = list(dict.fromkeys(call.run_id for call in facts.unknown))
        text = f"the outcome of a call is unknown in {len(ids)}: {_named(ids)}"
        yield Finding("warning", "runs", text, f"agentcron show {ids[0]}")
    overdue = [standing.name for standing in facts.standings if facts.is_overdue(standing)]
    waiting = [run for run in facts.runs if run.wake_at is not None and run.wake_at <= clock.now]
    if facts.daemon is not None:
        yield Finding(
            "ok", "daemon", f"up since {clock.short(facts.daemon.started_at)} (pid {facts.daemon.pid})"
        )
    elif overdue or waiting:
        what = [f"{_counted(overdue, 'job')} due ({_named(overdue)})"] if overdue else []
        what += [f"{_counted(waiting, 'run')} to be woken"] if waiting else []
        yield Finding("problem", "daemon", f"nobody is running; {', '.join(what)}", "agentcron up")
    else:
        yield Finding("note", "daemon", "nobody is running; start: agentcron up")


def _crontab(config: Config, clock: Wall) -> Findings:
    if not config.crontab.exists():
        yield Finding("problem", "crontab", f"there is none at {config.crontab}", "agentcron init")
        return
    from scheduler.doors.cli.linting import KEY_VARIABLE, lint_crontab

    linted = lint_crontab(config, clock.now)
    if linted.errors:
        first = next(problem for problem in linted.problems if problem.severity == "error")
        more = f" and {linted.errors - 1} more" if linted.errors > 1 else ""
        text = f"line {first.line}: {first.headline}{more}"
        yield Finding("problem", "crontab", text, "agentcron check")
    else:
        warned = f", warnings: {linted.warnings} (agentcron check)" if linted.warnings else ""
        yield Finding("ok", "crontab", f"{_counted(linted.table.jobs, 'job')}{warned}")
    if linted.keyless:
        whose = f"{_counted(linted.keyless, 'job')} ({_named(linted.keyless)})"
        text = f"{KEY_VARIABLE} is not set; needed by {whose}"
        yield Finding("problem", "key", text, f"export {KEY_VARIABLE}=..., or try: agentcron demo")
    elif linted.table.jobs:
        yield Finding("ok", "key", "set, or not needed by any job")
    yield from _commands(config, linted.table.jobs)


def _commands(config: Config, jobs: Any) -> Findings:
    """Gates are the crontab's own errors; a report command is first missed when a run has ended."""
    from scheduler.adapters.crontab_file import FileLook

    look = FileLook(config)
    for job in jobs:
        if job.report and (wrong := look.gate_problem(job.report)):
            yield Finding("problem", "report", f"{job.name}: {wrong}", "agentcron edit")


def _tools(config: Config, clock: Wall) -> Findings:  # noqa: ARG001
    if shutil.which("rg") is None:
        text = "ripgrep is not installed; the grep tool is slower without it"
        yield Finding("note", "tools", text, "install the package ripgrep")
    else:
        yield Finding("ok", "tools", "ripgrep is there")


def _counted(things: Sized, noun: str) -> str:
    return f"1 {noun}" if len(things) == 1 else f"{len(things)} {noun}s"


def _named(names: Any) -> str:
    listed = list(names)
    shown = ", ".join(listed[:_MOST_NAMED])
    return shown if len(listed) <= _MOST_NAMED else f"{shown}, ..."
