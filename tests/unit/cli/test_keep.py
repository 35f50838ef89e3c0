"""The verbs ``db``, ``completion`` and ``help``."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import click
import pytest

from scheduler.core.text.safe import cells
from scheduler.core.time.when import parse_when
from scheduler.doors.cli.main import VERBS, cli
from scheduler.doors.cli.verbs.keep.topics import TOPICS, topic_text
from scheduler.errors import WhenError
from tests.unit.cli import scenes
from tests.unit.cli.conftest import Build, Call


def test_db_path_and_status(call: Call, build: Build, home: Path) -> None:
    assert call("db", "path").out == f"{home}/agentcron.db\n"
    answer = call("db", "status", "--json")
    assert (answer.status, json.loads(answer.out)["state"]) == (1, "missing")
    build(scenes.load)
    answer = call("db", "status", "--json")
    assert (answer.status, json.loads(answer.out)["state"]) == (0, "current")
    assert "current" in call("db", "status").out


def test_db_upgrade(call: Call, build: Build, home: Path) -> None:
    answer = call("db", "upgrade")
    assert (answer.status, answer.out) == (3, "")
    build(scenes.load)
    assert call("db", "upgrade").out == "the database is up to date\n"
    connection = sqlite3.connect(home / "agentcron.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    answer = call("db", "upgrade")
    assert (answer.status, answer.out) == (5, "")
    assert "newer agentcron" in answer.err


def test_help_lists_the_topics_and_shows_them(call: Call) -> None:
    listed = call("help").fits()
    for topic in TOPICS:
        assert topic in listed.out
        assert call("help", topic).fits().out == topic_text(topic)


def test_help_of_a_verb_is_its_help_page(call: Call) -> None:
    assert "Usage: agentcron check" in call("help", "check").out


def test_help_of_nothing(call: Call) -> None:
    answer = call("help", "slep")
    assert (answer.status, answer.out) == (3, "")
    assert "did you mean sleep?" in answer.err


def test_every_topic_is_a_file_and_the_other_way_round() -> None:
    import scheduler.doors.cli as package

    files = {path.stem for path in (Path(package.__path__[0]) / "topics").glob("*.md")}
    assert files == set(TOPICS)
    for topic in TOPICS:
        assert all(cells(line) <= 80 for line in topic_text(topic).split("\n"))


def test_the_sleep_topic_tells_the_truth() -> None:
    for text in ("45m", "1h30m", "in 2 days", "18:00", "9am", "noon", "tomorrow 09:00", "friday 9am"):
        assert text in topic_text("sleep")
        parse_when(text, scenes.START)
    for text in ("9", "1M", "next week"):
        assert f'"{text}"' in topic_text("sleep")
        with pytest.raises(WhenError):
            parse_when(text, scenes.START)


@pytest.mark.parametrize(
    "verb",
    [
        "list",
        "next",
        "show",
        "why",
        "check",
        "explain",
        "doctor",
        "db",
        "completion",
        "help",
        "backup",
        "restore",
        "prune",
    ],
)
def test_the_help_page_of_each_verb_has_an_example_and_fits(call: Call, verb: str) -> None:
    answer = call(verb, "--help").fits()
    assert answer.status == 0
    assert "Example:  " in answer.out
    assert len(answer.out.splitlines()) <= 24


def complete(home: Path, *words: str) -> list[str]:
    """What bash would offer for the last word."""
    env = os.environ | {
        "_AGENTCRON_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("agentcron", "--home", str(home), *words)),
        "COMP_CWORD": str(len(words) + 2),
    }
    done = subprocess.run(
        [sys.executable, "-c", "from scheduler.doors.cli.main import main; main()"],
        env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.mark.process
def test_jobs_and_runs_complete(build: Build, home: Path) -> None:
    assert complete(home, "show", "") == []
    (home / "crontab").write_text('0 9 * * * digest "x"\n@every 5m dig "y"\n@manual other "z"\n')
    assert complete(home, "why", "di") == ["dig", "digest"]
    build(scenes.busy)
    assert complete(home, "why", "di") == ["digest"]
    assert sorted(complete(home, "show", "run0000")) == [f"run0000{number}" for number in (1, 2, 3, 4)]
    (home / "agentcron.db").write_bytes(b"no database at all" * 100)
    assert complete(home, "show", "") == []


@pytest.mark.parametrize(
    "shell, word", [("bash", "complete -o nosort"), ("zsh", "#compdef"), ("fish", "complete --")]
)
def test_completion_scripts(call: Call, shell: str, word: str) -> None:
    answer = call("completion", shell)
    assert answer.status == 0
    assert word in answer.out
    assert "_AGENTCRON_COMPLETE" in answer.out


def test_completion_of_an_unknown_shell(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/ksh")
    answer = call("completion")
    assert (answer.status, answer.out) == (2, "")


def test_every_verb_can_be_imported() -> None:
    context = click.Context(cli)
    for verb in VERBS:
        command = cli.get_command(context, verb)
        assert command is not None
        assert command.name == verb
