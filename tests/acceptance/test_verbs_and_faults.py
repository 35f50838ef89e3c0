"""Every verb in every bad condition: the exit status, one clear message, and nothing of our insides.

The exit status is the contract: 0 ok, 1 the answer is no, 2 usage, 3 not found, 4 refused in this state,
5 cannot work.  Each cell of the table starts a real process on a home of its own.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kit.person import Said, ask
from tests.kit.processes import Installation, Zygote

pytestmark = pytest.mark.process

CRONTAB = """\
MODEL = rehearsal:script.jsonl
@manual      nap    "Take a nap"
0 9 * * 1-5  brief  "Brief me"
"""
SCRIPT = '{"text": "Rested."}\n'

Verb = tuple[str, ...]

VERBS: dict[str, Verb] = {
    "init": ("init",),
    "edit": ("edit",),
    "check": ("check",),
    "explain": ("explain", "0 9 * * *"),
    "next": ("next",),
    "next JOB": ("next", "nap"),
    "list": ("list",),
    "show": ("show", "RUN"),
    "run": ("run", "nap"),
    "run --wait": ("run", "nap", "--wait"),
    "up": ("up",),
    "tick": ("tick",),
    "resume": ("resume", "RUN"),
    "pause": ("pause", "nap"),
    "unpause": ("unpause", "nap"),
    "cancel": ("cancel", "RUN"),
    "why": ("why", "nap"),
    "doctor": ("doctor",),
    "db status": ("db", "status"),
    "db upgrade": ("db", "upgrade"),
    "db path": ("db", "path"),
}
WRITES = ("run", "run --wait", "up", "tick", "resume", "pause", "unpause", "cancel")
LOOKS = ("list", "next", "next JOB", "show", "why")

# The condition: how a home is spoiled, and what the verbs then end with.  What is not named is not asked.
Spoil = Callable[[Path], None]


def same(status: int, *names: str) -> dict[str, int]:
    return dict.fromkeys(names, status)


def bad_line(home: Path) -> None:
    (home / "crontab").write_text(CRONTAB.replace("0 9", "61 9").replace("nap ", "nap x "))


def no_key(home: Path) -> None:
    (home / "crontab").write_text(CRONTAB.replace("MODEL = rehearsal:script.jsonl", ""))


def no_prompt_file(home: Path) -> None:
    (home / "crontab").write_text("@manual  nap  @prompts/nap.md\n")


def wrong_zone(home: Path) -> None:
    (home / "crontab").write_text('@manual  nap  "Nap"  tz=Europe/Berln\n')


def no_crontab(home: Path) -> None:
    (home / "crontab").unlink()


def nothing(home: Path) -> None:
    shutil.rmtree(home)


def no_database(home: Path) -> None:
    for file in home.glob("agentcron.db*"):
        file.unlink()


def no_tables(home: Path) -> None:
    no_database(home)
    (home / "agentcron.db").touch()


def newer(home: Path) -> None:
    connection = sqlite3.connect(home / "agentcron.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()


def corrupt(home: Path) -> None:
    path = home / "agentcron.db"
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xee" * (len(data) - 4096)
    path.write_bytes(data)


def garbage(home: Path) -> None:
    no_database(home)
    (home / "agentcron.db").write_text("Dear diary, this is no database.\n" * 100)


def directory(home: Path) -> None:
    no_database(home)
    (home / "agentcron.db").mkdir()


def crontab_is_a_directory(home: Path) -> None:
    no_crontab(home)
    (home / "crontab").mkdir()


def crontab_is_no_text(home: Path) -> None:
    (home / "crontab").write_bytes(b'@manual nap "caf\xe9"\n')


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
        | same(0, "init", "list", "show", "db status"),
    ),
    "nothing at all": (
        nothing,
        FINE
        | same(3, "check", "run", "up", "tick", "pause", "unpause", "resume", "cancel", *LOOKS, "db upgrade")
        | same(1, "doctor", "db status")
        | same(0, "init"),
    ),
    "no database": (
        no_database,
        FINE
        | same(3, "show", "resume", "cancel", "db upgrade")
        | same(1, "db status")
        | same(0, "check", "list", "next", "next JOB", "why", "pause", "unpause", "run", "tick"),
    ),
    "a database without tables": (
        no_tables,
        FINE | same(3, "show", "resume", "cancel") | same(0, "check", "list", "next", "why", "run", "tick"),
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


@pytest.fixture(scope="module")
def template(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home with one run that is over, and that run's id."""
    home = tmp_path_factory.mktemp("template") / "home"
    place = Installation(zygote, home)
    place.crontab(CRONTAB)
    (home / "script.jsonl").write_text(SCRIPT)
    run: str = place.json("run", "nap", "--wait")["run"]
    for file in (*home.glob("out.*"), *home.glob("err.*")):
        file.unlink()
    return home, run


@pytest.fixture
def spoiled(zygote: Zygote, template: tuple[Path, str], tmp_path: Path) -> Iterator[Callable[..., Said]]:
    """Run one verb on a fresh copy of the template, spoiled."""
    source, run = template
    places = []

    def made(name: str, spoil: Spoil, **more: str) -> Said:
        home = tmp_path / name.replace(" ", "-")
        shutil.copytree(source, home)
        spoil(home)
        place = Installation(zygote, home)
        places.append(place)
        argv = [run if word == "RUN" else word for word in VERBS[name]]
        # `true` is an editor that changes nothing.
        return ask(place, *argv, seconds=30, EDITOR="true", **more)

    yield made
    for place in places:
        place.close()


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


@pytest.fixture
def place(zygote: Zygote, template: tuple[Path, str], tmp_path: Path) -> Iterator[Installation]:
    """A copy of the template."""
    shutil.copytree(template[0], tmp_path / "home")
    made = Installation(zygote, tmp_path / "home")
    yield made
    made.close()


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
def test_unknown_names(place: Installation, argv: tuple[str, ...], words: tuple[str, ...]) -> None:
    ask(place, *argv).is_error(3, "help: ", *words)


@pytest.mark.parametrize(
    "argv",
    [
        ("lst",),
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
def test_usage(place: Installation, argv: tuple[str, ...]) -> None:
    ask(place, *argv).is_error(2, "help: ")


def test_a_group_alone_shows_its_help_as_an_error(place: Installation) -> None:
    said = ask(place, "db").is_clean()
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("Usage: agentcron")
    assert "\\n" not in said.err


@pytest.mark.parametrize("budget", ["nan", "inf", "1e30"])
def test_a_budget_is_money(place: Installation, template: tuple[Path, str], budget: str) -> None:
    ask(place, "resume", template[1], "--budget", budget).is_error(2, "help: ")


@pytest.mark.parametrize("verb", ["resume", "cancel"])
def test_what_is_over_is_over(place: Installation, template: tuple[Path, str], verb: str) -> None:
    ask(place, verb, template[1]).is_error(4, template[1])


def test_wrong_schedules_and_zones(place: Installation) -> None:
    ask(place, "explain", "0 25 * * *").is_error(1, "hour 25 is out of range 0-23", "help: ")
    ask(place, "explain", "0 9 * * *", "--tz", "Europe/Berln").is_error(1, "did you mean Europe/Berlin?")
    for verb in ("list", "next", "check", "tick"):
        said = ask(place, verb, TZ="Nowhere/Special").is_clean()
        assert said.status == 0, said


def test_the_demo_with_claude_needs_a_key(place: Installation) -> None:
    ask(place, "demo", "--live").is_error(5, "ANTHROPIC_API_KEY is not set", "help: ")


@pytest.mark.parametrize("verb", ["run", "up", "tick"])
def test_a_missing_key_is_said_once_with_the_jobs_and_the_line_to_type(
    place: Installation, verb: str
) -> None:
    no_key(place.home)
    said = ask(place, *VERBS[verb]).is_error(
        5, "ANTHROPIC_API_KEY is not set", "nap", "export ANTHROPIC_API_KEY="
    )
    assert said.err.count("ANTHROPIC_API_KEY is not set") == 1


@pytest.mark.parametrize("home", ["/proc/agentcron", "/sys/agentcron", "FILE"])
def test_a_home_that_cannot_be_written(zygote: Zygote, tmp_path: Path, home: str) -> None:
    file = tmp_path / "file"
    file.write_text("not a directory")
    crontab, script = tmp_path / "crontab", tmp_path / "script.jsonl"
    crontab.write_text(CRONTAB)
    script.write_text(SCRIPT)
    place = Installation(zygote, tmp_path / "elsewhere")
    there = str(file) if home == "FILE" else home
    where = ("--home", there, "--crontab", str(crontab))
    for name in ("run", "up", "tick", "pause", "unpause"):
        ask(place, *where, *VERBS[name]).is_error(5, there, "help: ")
    for name in ("check", "list", "next", "why"):
        assert ask(place, *where, *VERBS[name]).is_clean().status == 0
    for name in ("init", "edit"):
        ask(place, "--home", there, name, EDITOR="true").is_error(5, there, "help: ")
    said = ask(place, *where, "doctor").is_clean()
    assert said.status == 1, said


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that another user can reach, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="agentcron-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_database_of_another_user(zygote: Zygote, template: tuple[Path, str], public: Path) -> None:
    home = public / "home"
    shutil.copytree(template[0], home)
    for path in (home, *home.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for name, argv in VERBS.items():
        if name in (*WRITES, "db upgrade"):
            status, out, err = _as_nobody(zygote, home, argv, template[1], public)
            said = Said(argv, status, out, err, 0).is_error(5)
            assert "read-only" in said.err or "permission" in said.err, said
    assert stat.S_IMODE((home / "agentcron.db").stat().st_mode) == 0o644


def _as_nobody(zygote: Zygote, home: Path, argv: Verb, run: str, place: Path) -> tuple[int, str, str]:
    from tests.kit.processes import Process, clean_environment

    out, err = place / "out", place / "err"
    for path in (out, err):
        path.write_text("")
    order = {
        "op": "start",
        "argv": ["--home", str(home), *(run if word == "RUN" else word for word in argv)],
        "env": clean_environment() | {"HOME": str(place)},
        "cwd": str(place),
        "stdout": str(out),
        "stderr": str(err),
        "uid": 65534,
    }
    process = Process(zygote, zygote.ask(order)["pid"], out, err)
    return process.wait(), process.stdout, process.stderr


def test_a_locked_database_blocks_nobody_for_long(place: Installation, template: tuple[Path, str]) -> None:
    holder = sqlite3.connect(place.home / "agentcron.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        # Who only looks is not even slowed down.
        for name in LOOKS:
            argv = [template[1] if word == "RUN" else word for word in VERBS[name]]
            said = ask(place, *argv).is_fine()
            assert said.seconds < 3, said
        started = [place.start(*VERBS[name]) for name in ("run", "pause", "unpause", "tick", "up")]
        for process in started:
            status = process.wait(25)
            said = Said(("?",), status, process.stdout, process.stderr, 0)
            said.is_error(5, "is locked by another process", "help: ")
        said = ask(place, "pause", "nap").is_error(5, "is locked by another process")
        assert said.seconds < 6, said
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    ask(place, "pause", "nap").is_fine("is paused")


def test_a_database_held_by_one_process_alone(place: Installation) -> None:
    holder = sqlite3.connect(place.home / "agentcron.db", isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    try:
        for name in ("list", "why"):
            said = ask(place, *VERBS[name]).is_error(5, "is locked by another process", "help: ")
            assert said.seconds < 6, said
    finally:
        holder.close()
