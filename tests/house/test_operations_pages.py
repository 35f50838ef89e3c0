"""The pages for operators say what the code does, and the files for service managers are spelled right."""

from __future__ import annotations

import configparser
import plistlib
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from scheduler.adapters.metrics.figures import Figures
from scheduler.adapters.metrics.server import SILENT_SECONDS
from scheduler.adapters.metrics.stored import StoredFigures
from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.adapters.system import SystemClock
from scheduler.core.run.run import Move
from scheduler.doors.cli.text.logs import _FIELDS
from scheduler.doors.cli.verbs.run.up import up_command
from scheduler.engine.move_log import EVENTS
from scheduler.testing.world import open_world
from tests.house.tree import ROOT, python_files

HOWTO = ROOT / "docs" / "howto"
SERVICE = HOWTO / "service"
UNITS = ("agentcron.service", "agentcron-user.service")

DIRECTIVES = {
    "Unit": {"Description", "Documentation", "Wants", "After"},
    "Service": {
        *("Type", "NotifyAccess", "User", "StateDirectory", "StateDirectoryMode", "UMask", "Environment"),
        *("EnvironmentFile", "ExecStart", "ExecReload", "WatchdogSec", "Restart", "RestartSec"),
        *("TimeoutStopSec", "KillMode", "OOMPolicy", "NoNewPrivileges", "ProtectSystem", "PrivateTmp"),
        *("ProtectClock", "ProtectControlGroups", "ProtectHostname", "ProtectKernelLogs"),
        *("ProtectKernelModules", "ProtectKernelTunables", "RestrictRealtime", "RestrictSUIDSGID"),
        "LockPersonality",
    },
    "Install": {"WantedBy"},
}
"""Directives that systemd 247 and later know, as they are spelled there."""


def rows(page: str) -> list[list[str]]:
    """Return the cells of all tables of a page."""
    lines = (HOWTO / page).read_text(encoding="utf-8").splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("| ") and not line.startswith("|---")
    ]


# -- the log ------------------------------------------------------------------------------------------
def test_the_page_of_the_log_has_every_move_and_its_event() -> None:
    told = {row[0]: row[1].strip("`") for row in rows("logs.md")}
    for move in Move:
        event = EVENTS[move][0] if move in EVENTS else ""
        assert told.get(move.value.replace("_", " ")) == event, move


def test_the_page_of_the_log_has_every_field() -> None:
    told = {name for row in rows("logs.md") for name in re.findall(r"`(\w+)`", row[0])}
    assert {*_FIELDS, "time", "level", "message"} <= told


def test_the_page_of_the_log_has_every_event_that_the_source_names() -> None:
    page = (HOWTO / "logs.md").read_text(encoding="utf-8")
    named = set()
    for name in python_files("scheduler"):
        source = (ROOT / name).read_text(encoding="utf-8")
        named |= set(re.findall(r'"event": "([a-z]+\.[a-z_]+)"', source))
    assert len(named) > 5, "the search itself works"
    assert {event for event in named if f"`{event}`" not in page} == set()


# -- metrics --------------------------------------------------------------------------------------------
async def test_the_page_of_metrics_has_every_metric_with_its_labels(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    figures = Figures(registry, datetime(2026, 1, 1, tzinfo=UTC))
    async with open_world(tmp_path) as world:
        registry.register(StoredFigures(SqliteDatabase(world.config.database), SystemClock()))
        await world.load('@manual  one  "x"  model=rehearsal:x\n')
        found = {family.name: family for family in registry.collect()}
    labelled = {
        metric._name: set(metric._labelnames) for metric in vars(figures).values() if hasattr(metric, "_name")
    }
    cells = [row for row in rows("metrics.md") if row[0].startswith("`agentcron_")]
    told = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[1])) for row in cells}
    endings = {"counter": "_total", "info": "_info"}
    assert {f"{name}{endings.get(family.type, '')}" for name, family in found.items()} == set(told)
    for name, labels in labelled.items():
        ending = endings.get(found[name].type, "")
        assert told[f"{name}{ending}"] == labels or found[name].type == "info", name


def test_the_page_of_metrics_says_when_a_loop_counts_as_hung() -> None:
    assert f"not run for {SILENT_SECONDS:.0f} seconds" in " ".join((HOWTO / "metrics.md").read_text().split())


# -- services -------------------------------------------------------------------------------------------
def unit(name: str) -> configparser.ConfigParser:
    """Read a unit's file; a directive that stands there twice is an error."""
    parsed = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parsed.optionxform = str  # type: ignore[method-assign, assignment]
    parsed.read(SERVICE / name, encoding="utf-8")
    return parsed


def grace(command: str) -> float:
    """Return the grace time of a command line, or the default one."""
    found = re.search(r"--grace (\d+)", command)
    (option,) = (option for option in up_command.params if option.name == "grace")
    return float(found[1]) if found else float(str(option.default))


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_spelled_right(name: str, tmp_path: Path) -> None:
    parsed = unit(name)
    assert set(parsed.sections()) == set(DIRECTIVES)
    for section in parsed.sections():
        assert set(parsed[section]) <= DIRECTIVES[section], section
    service = parsed["Service"]
    assert service["Type"] == "notify"
    assert service["KillMode"] == "mixed"
    assert float(service["TimeoutStopSec"]) >= grace(service["ExecStart"]) + 10
    assert float(service["WatchdogSec"]) >= 2 * SILENT_SECONDS
    options = {word for option in up_command.params for word in option.opts}
    assert set(re.findall(r"--[a-z-]+", service["ExecStart"])) <= options
    assert systemd_says(name, tmp_path) == ""


def systemd_says(name: str, folder: Path) -> str:
    """Return what systemd's own checker has against a unit; nothing where there is no such checker."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return ""
    copy = folder / name
    # That the program is not installed on this machine is no fault of the file.
    text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", (SERVICE / name).read_text(), flags=re.M)
    copy.write_text(text, encoding="utf-8")
    done = subprocess.run([analyze, "verify", str(copy)], capture_output=True, text=True, check=False)
    return "" if "Failed to initialize manager" in done.stderr else done.stderr


def test_the_file_for_launchd() -> None:
    found = plistlib.loads((SERVICE / "agentcron.plist").read_bytes())
    assert found["ProgramArguments"][1] == "up"
    assert found["ExitTimeOut"] >= grace(" ".join(found["ProgramArguments"])) + 10
    assert found["KeepAlive"] == {"SuccessfulExit": False}
    assert found["Umask"] == 0o77


def test_the_recipe_for_a_container() -> None:
    text = (SERVICE / "Dockerfile").read_text(encoding="utf-8")
    joined = re.sub(r"\\\n\s*", " ", text)
    known = {"FROM", "RUN", "USER", "ENV", "VOLUME", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    assert {line.split()[0] for line in lines} == known
    options = {word for option in up_command.params for word in option.opts}
    (command,) = (line for line in lines if line.startswith("CMD "))
    assert set(re.findall(r"--[a-z-]+", command)) <= options
    stop = re.search(r"docker stop --time (\d+)", (HOWTO / "service.md").read_text(encoding="utf-8"))
    assert stop is not None
    assert float(stop[1]) >= grace(command.replace('", "', " ")) + 10


def test_the_page_about_services_names_every_file() -> None:
    page = (HOWTO / "service.md").read_text(encoding="utf-8")
    for file in SERVICE.iterdir():
        assert f"(service/{file.name})" in page, file.name
