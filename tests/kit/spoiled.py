"""A home with one run that is over, the verbs, and the ways in which a home can be spoiled."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

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
    "backup": ("backup", "copy"),
    "prune": ("prune",),
}
WRITES = ("run", "run --wait", "up", "tick", "resume", "pause", "unpause", "cancel", "prune")
LOOKS = ("list", "next", "next JOB", "show", "why", "backup")

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
