"""Commands of the owner: gates and reports; the first word must be something that can be executed."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.adapters.crontab_file import FileLook
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
