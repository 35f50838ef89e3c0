"""``agentcron edit``: change the crontab, and keep the old one when the new one is broken."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from scheduler.config import Config
from scheduler.doors.cli.init import starter
from scheduler.doors.cli.out import hint, say
from scheduler.errors import CannotWorkError, NotFoundError


@click.command("edit", epilog="Example:  EDITOR=nano agentcron edit")
@click.pass_obj
def edit_command(config: Config) -> int:
    """Open the crontab in $VISUAL or $EDITOR; it is linted on save, and a broken one is not installed."""
    from scheduler.adapters.crontab_file import read_text

    try:
        old = read_text(config)
    except NotFoundError:
        config.make_home()
        old = starter()
    text = old
    while True:
        text = _let_edit(config, text)
        if text == old and config.crontab.exists():
            say("nothing changed")
            return 0
        problems = _lint(config, text)
        if not problems:
            _install(config, text)
            say(f"installed {config.crontab}")
            say("look: agentcron check    then: agentcron up   (a running daemon has noticed already)")
            return 0
        for problem in problems:
            hint(problem)
        if not (sys.stdin.isatty() and click.confirm("The crontab has errors. Edit it again?", default=True)):
            kept = _keep_rejected(config, text)
            hint(f"the old crontab stays; your text is in {kept}")
            return 1


def _let_edit(config: Config, text: str) -> str:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    handle, name = tempfile.mkstemp(prefix="crontab.", suffix=".edit", dir=config.crontab.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        try:
            done = subprocess.run([*shlex.split(editor), name], check=False)
        except OSError as error:
            raise CannotWorkError(
                f"cannot start the editor {editor!r}: {error.strerror}", help="set EDITOR to one that is installed"
            ) from error
        if done.returncode != 0:
            raise CannotWorkError(f"the editor ended with status {done.returncode}; the crontab stays as it was")
        return Path(name).read_text(encoding="utf-8", errors="surrogateescape")
    finally:
        Path(name).unlink(missing_ok=True)


def _lint(config: Config, text: str) -> list[str]:
    from scheduler.adapters.crontab_file import FileLook
    from scheduler.adapters.system import local_zone, now
    from scheduler.core.crontab.load import parse

    table = parse(
        text, file=config.crontab.name, look=FileLook(config), now=now(), default_tz=local_zone()
    )
    return [problem.render() for problem in table.errors]


def _install(config: Config, text: str) -> None:
    """Replace the crontab in one step: no reader ever sees half of it."""
    fresh = config.crontab.with_name(config.crontab.name + ".new")
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, config.crontab)
    except OSError as error:
        raise CannotWorkError(f"cannot write {config.crontab}: {error.strerror}") from error


def _keep_rejected(config: Config, text: str) -> Path:
    kept = config.crontab.with_name(config.crontab.name + ".rejected")
    kept.write_text(text, encoding="utf-8", errors="surrogateescape")
    return kept
