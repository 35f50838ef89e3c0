"""Every verb in every bad condition: the exit status, one clear message, and nothing of our insides.

The exit status is the contract: 0 ok, 1 the answer is no, 2 usage, 3 not found, 4 refused in this state,
5 cannot work.  Each cell of the table starts a real process on a home of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kit.person import Said, ask
from tests.kit.processes import Installation, Zygote
from tests.kit.spoiled import (
    LOOKS,
    VERBS,
    WRITES,
    Spoil,
    bad_line,
    corrupt,
    crontab_is_a_directory,
    crontab_is_no_text,
    directory,
    garbage,
    newer,
    no_crontab,
    no_database,
    no_key,
    no_prompt_file,
    no_tables,
    nothing,
    same,
    wrong_zone,
)

pytestmark = pytest.mark.process

FINE = same(0, "explain", "db path")
NO_DB = same(5, *WRITES, *LOOKS, "db status", "db upgrade") | same(0, "check", "edit") | same(4, "init")
TABLE: dict[str, tuple[Spoil, dict[str, int]]] = {
    "a bad line": (
        bad_line,
        FINE
        | same(1, "check")
        | same(4, "run", "run --wait", "pause", "unpause", "next JOB", "init")
        | same(0, "list", "next", "why", "show", "tick", "edit", "db status"),
    ),
    "no key": (
        no_key,
        FINE
        | same(5, "run", "run --wait", "up", "tick")
        | same(0, "check", "list", "next", "next JOB", "why", "show", "pause", "unpause", "edit"),
    ),
    "no prompt file": (
        no_prompt_file,
        FINE | same(1, "check") | same(4, "run", "pause", "next JOB") | same(0, "list", "why", "tick"),
    ),
    "a wrong zone": (
        wrong_zone,
        FINE | same(1, "check") | same(4, "run", "pause", "next JOB") | same(0, "list", "why", "tick"),
    ),
    "no crontab": (
        no_crontab,
        FINE
        | same(3, "check", "run", "run --wait", "up", "tick", "pause", "unpause")
        | same(4, "resume", "cancel")
        | same(3, "prune")
        | same(0, "init", "list", "show", "db status", "backup"),
    ),
    "nothing at all": (
        nothing,
        FINE
        | same(3, "check", "run", "up", "tick", "pause", "unpause", "resume", "cancel", *LOOKS, "db upgrade")
        | same(3, "prune")
        | same(1, "doctor", "db status")
        | same(0, "init"),
    ),
    "no database": (
        no_database,
        FINE
        | same(3, "show", "resume", "cancel", "db upgrade", "backup", "prune")
        | same(1, "db status")
        | same(0, "check", "list", "next", "next JOB", "why", "pause", "unpause", "run", "tick"),
    ),
    "a database without tables": (
        no_tables,
        FINE
        | same(5, "backup")
        | same(3, "show", "resume", "cancel")
        | same(0, "check", "list", "next", "why", "run", "tick"),
    ),
    "a newer schema": (newer, FINE | NO_DB | same(1, "doctor", "db status")),
    "a corrupt database": (corrupt, FINE | same(5, *WRITES, *LOOKS) | same(1, "doctor")),
    "garbage for a database": (garbage, FINE | NO_DB | same(1, "doctor")),
    "a directory for a database": (directory, FINE | NO_DB | same(1, "doctor")),
    "a directory for a crontab": (
        crontab_is_a_directory,
        FINE | same(5, "check", "run", "up", "tick", "pause", "edit") | same(4, "init") | same(1, "doctor"),
    ),
    "a crontab that is no text": (
        crontab_is_no_text,
        FINE | same(1, "check", "run", "up", "tick", "pause", "doctor") | same(4, "init"),
    ),
}
ANSWERS_NO = ("check", "doctor", "db status")
"""Verbs whose "no" is an answer on stdout, not an error."""


@pytest.fixture
def spoiled(zygote: Zygote, template: tuple[Path, str], tmp_path: Path) -> Iterator[Callable[..., Said]]:
    """Run one verb on a fresh copy of the template, spoiled."""
    source, run = template
    places = []

    def made(name: str, spoil: Spoil, **more: str) -> Said:
        home = tmp_path / name.replace(" ", "-")
        shutil.copytree(source, home)
        spoil(home)
        used = Installation(zygote, home)
        places.append(used)
        argv = [run if word == "RUN" else word for word in VERBS[name]]
        # `true` is an editor that changes nothing.
        return ask(used, *argv, seconds=30, EDITOR="true", **more)

    yield made
    for used in places:
        used.close()


@pytest.mark.parametrize("condition", TABLE)
def test_each_verb(spoiled: Callable[..., Said], condition: str) -> None:
    spoil, wanted = TABLE[condition]
    for name, status in wanted.items():
        said = spoiled(name, spoil)
        if status and not (name in ANSWERS_NO and said.out):
            said.is_error(status)
            assert "help: " in said.err, said
        else:
            said.is_clean()
            assert said.status == status, said
        if name in ("list", "next", "why") and not status:
            assert said.out, said


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("run", "nao"), ('no job named "nao"', "did you mean nap?", "agentcron list")),
        (("pause", "zzz"), ('no job named "zzz"', "agentcron list")),
        (("unpause", "breif"), ("did you mean brief?",)),
        (("why", "nappy"), ("did you mean nap?",)),
        (("next", "Nap"), ("did you mean nap?",)),
        (("show", "nope"), ('no run begins with "nope"',)),
        (("resume", "nope"), ('no run begins with "nope"',)),
        (("cancel", "nope"), ('no run begins with "nope"',)),
        (("show", ""), ("run",)),
        (("help", "slep"), ("did you mean sleep?",)),
    ],
)
def test_unknown_names(used: Installation, argv: tuple[str, ...], words: tuple[str, ...]) -> None:
    ask(used, *argv).is_error(3, "help: ", *words)


@pytest.mark.parametrize(
    "argv",
    [
        ("lst",),
        ("--home", "", "list"),
        ("--crontab", "", "list"),
        ("run",),
        ("run", "nap", "--wiat"),
        ("next", "-n", "many"),
        ("next", "--after", "whenever"),
        ("why", "nap", "whenever"),
        ("resume", "x", "--budget", "-3"),
        ("up", "--concurrency", "0"),
        ("explain",),
        ("check", "--format", "xml"),
    ],
    ids=" ".join,
)
def test_usage(used: Installation, argv: tuple[str, ...]) -> None:
    ask(used, *argv).is_error(2, "help: ")


def test_a_group_alone_shows_its_help_as_an_error(used: Installation) -> None:
    said = ask(used, "db").is_clean()
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("Usage: agentcron")
    assert "\\n" not in said.err


@pytest.mark.parametrize("budget", ["nan", "inf", "1e30"])
def test_a_budget_is_money(used: Installation, template: tuple[Path, str], budget: str) -> None:
    ask(used, "resume", template[1], "--budget", budget).is_error(2, "help: ")


@pytest.mark.parametrize("verb", ["resume", "cancel"])
def test_what_is_over_is_over(used: Installation, template: tuple[Path, str], verb: str) -> None:
    ask(used, verb, template[1]).is_error(4, template[1])


def test_wrong_schedules_and_zones(used: Installation) -> None:
    ask(used, "explain", "0 25 * * *").is_error(1, "hour 25 is out of range 0-23", "help: ")
    ask(used, "explain", "0 9 * * *", "--tz", "Europe/Berln").is_error(1, "did you mean Europe/Berlin?")
    for verb in ("list", "next", "check", "tick"):
        said = ask(used, verb, TZ="Nowhere/Special").is_clean()
        assert said.status == 0, said


def test_the_demo_with_claude_needs_a_key(used: Installation) -> None:
    ask(used, "demo", "--live").is_error(5, "ANTHROPIC_API_KEY is not set", "help: ")


@pytest.mark.parametrize("verb", ["run", "up", "tick"])
def test_a_missing_key_is_said_once_with_the_jobs_and_the_line_to_type(used: Installation, verb: str) -> None:
    no_key(used.home)
    said = ask(used, *VERBS[verb]).is_error(
        5, "ANTHROPIC_API_KEY is not set", "nap", "export ANTHROPIC_API_KEY="
    )
    assert said.err.count("ANTHROPIC_API_KEY is not set") == 1
