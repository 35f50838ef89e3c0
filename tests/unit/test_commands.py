"""Commands of the owner: gates and reports; the first word must be something that can be executed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler.adapters.crontab_file import FileLook
from scheduler.app.crontab import crontab_file
from scheduler.config import load
from scheduler.host.commands import files_run
from scheduler.host.workdirs import is_within


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
FOLDER, AGENTS = "/etc/agents", "/agents/wd"


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("sh check.sh", "./check.sh"),
        ("bash -e ./check.sh arg", "./check.sh"),
        ("true && sh check.sh", "./check.sh"),
        ("A=1 python3 gate.py", "./gate.py"),
        ("sh -c 'true; ./check.sh'", "./check.sh"),
        ("bash -lc ./check.sh", "./check.sh"),
        ("bash -o errexit -c ./check.sh", "./check.sh"),
        ("bash -eo pipefail check.sh", "./check.sh"),
        ("python3 -W ignore check.py", "./check.py"),
        ("bash <check.sh", "./check.sh"),
        ("bash --rcfile rc -i", "./rc"),
        ("> /dev/null 2>&1 sh check.sh", "./check.sh"),
        ("true | /agents/wd/sub/x", "/agents/wd/sub/x"),
        ("(. ./env.sh; true)", "./env.sh"),
        ("{ ./check.sh; }", "./check.sh"),
        ("test -s x\n./check.sh", "./check.sh"),
        ("case $x in a) ./check.sh;; esac", "./check.sh"),
        ('[ -n "$(./check.sh)" ]', "./check.sh"),
        ('echo "$(./check.sh) isn\'t"', "./check.sh"),
        ("echo `./check.sh`", "./check.sh"),
        ('test -n "`sh ./check.sh`"', "./check.sh"),
        ("cat <(./check.sh)", "./check.sh"),
        ("eval './check.sh x'", "./check.sh"),
        ("time -p ./check.sh", "./check.sh"),
        ("setsid ./check.sh", "./check.sh"),
        ("ionice -c 3 ./check.sh", "./check.sh"),
        ("nice -n 5 ./check.sh", "./check.sh"),
        ("stdbuf -o L ./check.sh", "./check.sh"),
        ("flock /tmp/lock ./check.sh", "./check.sh"),
        ("flock /tmp/lock -c './check.sh x'", "./check.sh"),
        ("env -u V A=1 ./check.sh", "./check.sh"),
        ("timeout -s KILL 5 sh check.sh", "./check.sh"),
        ("xargs -n 1 ./check.sh", "./check.sh"),
        ("find . -name x -exec ./check.sh {} ';'", "./check.sh"),
        ("cd /agents/wd && test -s x", "/agents/wd"),
        ("git -C /agents/wd status", "/agents/wd"),
        ("make -f /agents/wd/rules", "/agents/wd/rules"),
        ("awk -f /agents/wd/x.awk in", "/agents/wd/x.awk"),
    ],
)
def test_what_a_command_runs_is_found_behind_wrappers_and_signs(command: str, found: str) -> None:
    path = found if found.startswith("/") else f"{FOLDER}/{found}"
    assert list(files_run(command, FOLDER)) == [(found, path)]


@pytest.mark.parametrize(
    "command",
    [
        f"test -s {AGENTS}/new.txt",
        f"grep -q urgent {AGENTS}/mail.txt && cat {AGENTS}/mail.txt",
        f"sh check.sh < {AGENTS}/mail.txt > {AGENTS}/seen.txt",
        f'[ "$(cat {AGENTS}/count)" -gt 3 ]',
        f"timeout 5 cat {AGENTS}/mail.txt",
        f"find {AGENTS} -newer /etc/agents/stamp",
        f"python3 -c 'print(open(\"{AGENTS}/mail.txt\"))'",
        "echo all green; exit 1",
        "if true; then date; fi",
        "sh 'open",
    ],
)
def test_a_gate_may_read_what_the_agent_wrote(command: str) -> None:
    assert [word for word, path in files_run(command, FOLDER) if is_within(path, AGENTS)] == []


BESIDE = '@daily beside "x" workdir=AGENTS\n'


@pytest.mark.parametrize(
    ("job", "found"),
    [
        ('@daily brief "x" gate="sh work/brief/check.sh"', "E13 work/brief/check.sh"),
        ('@daily brief "x" gate="sh $AGENTCRON_WORKDIR/check.sh"', "E13 HOME/work/brief/check.sh"),
        ('@daily brief "x" gate="cd ${AGENTCRON_WORKDIR}; git status"', "E13 HOME/work/brief"),
        ('@daily brief "x" workdir=work/wd report="HOME/work/wd/check.sh"', "E13 HOME/work/wd/check.sh"),
        ('@daily brief "x" report="HOME/work/brief/notify.sh"', "E13 HOME/work/brief/notify.sh"),
        ('@daily brief "x" report="sh HOME/work/gone/notify.sh"', "E13 HOME/work/gone/notify.sh"),
        ('@daily brief "x" gate="sh jobs/../work/other/check.sh"', "E13 jobs/../work/other/check.sh"),
        ('@daily brief "x" gate="AGENTS/deep/check.sh"', "E13 AGENTS/deep/check.sh"),
        ('@daily brief "x" report="cat | python3 AGENTS/notify.py"', "E13 AGENTS/notify.py"),
        ("@daily brief @work/brief/prompt.md", "E12 HOME/work/brief/prompt.md"),
        ("@daily brief @work/gone/prompt.md", "E12 HOME/work/gone/prompt.md"),
    ],
)
def test_a_job_is_refused_that_obeys_what_an_agent_could_edit(tmp_path: Path, job: str, found: str) -> None:
    """Whoever's workdir it is: its own, another job's, or one of a job that is there no more."""
    home, agents = tmp_path / "home", tmp_path / "agents"

    def here(text: str) -> str:
        return text.replace("HOME", str(home)).replace("AGENTS", str(agents))

    for name in ("brief", "gone"):
        (home / "work" / name).mkdir(parents=True)
        (home / "work" / name / "prompt.md").write_text("---\ngate: touch owned\n---\nDo what you want.")
    (agents / "deep").mkdir(parents=True)
    (agents / "deep" / "check.sh").touch(mode=0o700)
    (home / "work" / "wd").mkdir()
    (home / "work" / "wd" / "check.sh").touch(mode=0o700)
    config = load(str(home))
    config.crontab.write_text(here(BESIDE + job), encoding="utf-8")
    orders = crontab_file(config).read(NOON)
    assert ([each.name for each in orders.jobs], [each.name for each in orders.broken]) == (
        ["beside"],
        ["brief"],
    )
    code, word = here(found).split(" ", 1)
    [problem] = [each for each in orders.problems if "an agent's workdir" in each]
    assert f"error {code} {word} is in an agent's workdir" in problem


def test_a_job_may_obey_what_is_next_to_the_workdirs(tmp_path: Path) -> None:
    config = load(str(tmp_path))
    (tmp_path / "work2").mkdir()
    (tmp_path / "work2" / "prompt.md").write_text("Look.")
    (tmp_path / "work2" / "check.sh").touch(mode=0o700)
    line = f'@daily brief @work2/prompt.md gate="work2/check.sh" report="{tmp_path}/work2/check.sh < a"'
    config.crontab.write_text(line, encoding="utf-8")
    orders = crontab_file(config).read(NOON)
    assert ([each.name for each in orders.jobs], orders.problems) == (["brief"], ())
