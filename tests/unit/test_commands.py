"""Commands of the owner: gates and reports; the first word must be something that can be executed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler.adapters.commands import runs_inside
from scheduler.adapters.crontab_file import CrontabFile, FileLook
from scheduler.config import load


@pytest.mark.parametrize(
    "command",
    [
        *(
            "true",
            "true; date",
            "(cat; echo x) >> file",
            "{ cat; }",
            "! test -e stop",
            "true&&date",
            "true|cat",
        ),
        *("if true; then date; fi", 'sh -c "exit 0"', "'true' # why", "cat>file"),
    ],
)
def test_what_the_shell_can_begin_with_is_no_problem(tmp_path: Path, command: str) -> None:
    assert FileLook(load(str(tmp_path))).gate_problem(command) is None


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("(no-such-program; date)", "no-such-program is not on PATH"),
        ("no-such-program; date", "no-such-program is not on PATH"),
        ("./gate.sh", "./gate.sh does not exist"),
        ("'open", "its quotes are not closed"),
        (" ", "it is empty"),
        ("()", "it is empty"),
    ],
)
def test_what_it_cannot_begin_with_is_said(tmp_path: Path, command: str, problem: str) -> None:
    assert FileLook(load(str(tmp_path))).gate_problem(command) == problem


NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WORKDIR = "/agents/wd"


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("sh check.sh", "./check.sh"),
        ("bash -e ./check.sh arg", "./check.sh"),
        ("true && sh check.sh", "./check.sh"),
        ("A=1 python3 gate.py", "./gate.py"),
        ("timeout 5 sh check.sh", "./check.sh"),
        ("sh -c 'true; ./check.sh'", "./check.sh"),
        ("true | /agents/wd/sub/x", "/agents/wd/sub/x"),
        ("(. ./env.sh; true)", "./env.sh"),
        ("sh /agents/other/../wd/check.sh", "/agents/other/../wd/check.sh"),
    ],
)
def test_a_gate_that_would_run_a_file_of_the_workdir_is_found(command: str, found: str) -> None:
    assert runs_inside(command, WORKDIR, WORKDIR) == found


@pytest.mark.parametrize(
    "command",
    [
        "test -s inbox/new.txt",
        "grep -q urgent ./mail.txt && cat ./mail.txt",
        "sh /etc/agents/check.sh ./mail.txt",
        "cat < ./mail.txt > ./seen.txt",
        "python3 -c 'import sys'",
        "echo all green; exit 1",
        "if true; then date; fi",
        "true",
        "sh 'open",
    ],
)
def test_a_gate_may_read_what_the_agent_wrote(command: str) -> None:
    assert runs_inside(command, WORKDIR, WORKDIR) is None


def test_a_link_does_not_hide_the_workdir(tmp_path: Path) -> None:
    (tmp_path / "wd").mkdir()
    (tmp_path / "innocent").symlink_to(tmp_path / "wd")
    command = f"sh {tmp_path}/innocent/check.sh"
    assert runs_inside(command, str(tmp_path / "wd"), "/") == f"{tmp_path}/innocent/check.sh"


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ('gate="sh check.sh"', "./check.sh"),
        ('workdir=wd gate="wd/check.sh"', "HOME/wd/check.sh"),
        ('workdir=wd report="HOME/wd/notify.sh"', "HOME/wd/notify.sh"),
        ('report="HOME/work/brief/notify.sh"', "HOME/work/brief/notify.sh"),
    ],
)
def test_a_crontab_is_refused_whose_commands_the_agent_could_edit(
    tmp_path: Path, command: str, found: str
) -> None:
    config = load(str(tmp_path))
    here = str(tmp_path)
    config.crontab.write_text(f'@daily brief "x" {command}'.replace("HOME", here), encoding="utf-8")
    problems = [text for text in CrontabFile(config).read(NOON).problems if "agent's workdir" in text]
    [problem] = problems
    assert "error E13" in problem
    assert f"{found.replace('HOME', here)} lies in the agent's workdir" in problem
