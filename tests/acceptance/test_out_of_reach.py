"""A home or a database that cannot be reached: read-only, of another user, locked by another process."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.needs import lacking
from tests.kit.person import Said, ask
from tests.kit.processes import Installation, Zygote
from tests.kit.spoiled import (
    CRONTAB,
    LOOKS,
    SCRIPT,
    VERBS,
    WRITES,
    Verb,
)

pytestmark = pytest.mark.process


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


def test_f30_a_database_of_another_user_can_only_be_read(
    zygote: Zygote, template: tuple[Path, str], public: Path
) -> None:
    if os.getuid() != 0:
        lacking("only root can become another user")
    home = public / "home"
    shutil.copytree(template[0], home)
    for path in (home, *home.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for name, argv in VERBS.items():
        if name in (*WRITES, "db upgrade"):
            status, out, err = _as_nobody(zygote, home, argv, template[1], public)
            said = Said(argv, status, out, err, 0).is_error(5)
            assert "read-only" in said.err or "permission" in said.err, said
    status, out, err = _as_nobody(zygote, home, ("doctor",), template[1], public)
    assert status == 1, err
    assert "belongs to another user" in out
    assert "cannot be written" in " ".join(out.split()), "the database, too"
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


def test_a_locked_database_blocks_nobody_for_long(used: Installation, template: tuple[Path, str]) -> None:
    holder = sqlite3.connect(used.home / "agentcron.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        # Who only looks is not even slowed down.
        for name in LOOKS:
            argv = [template[1] if word == "RUN" else word for word in VERBS[name]]
            said = ask(used, *argv).is_fine()
            assert said.seconds < 3, said
        started = [used.start(*VERBS[name]) for name in ("run", "pause", "unpause", "tick", "up")]
        for process in started:
            status = process.wait(25)
            said = Said(("?",), status, process.stdout, process.stderr, 0)
            said.is_error(5, "is locked by another process", "help: ")
        said = ask(used, "pause", "nap").is_error(5, "is locked by another process")
        assert said.seconds < 6, said
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    ask(used, "pause", "nap").is_fine("is paused")


def test_a_database_held_by_one_process_alone(used: Installation) -> None:
    holder = sqlite3.connect(used.home / "agentcron.db", isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    try:
        for name in ("list", "why"):
            said = ask(used, *VERBS[name]).is_error(5, "is locked by another process", "help: ")
            assert said.seconds < 6, said
    finally:
        holder.close()
