"""``agentcron edit``: edit the crontab, and keep the old one if the new one has errors."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from scheduler.app.clock import now
from scheduler.app.home import FileHome
from scheduler.config import Config
from scheduler.doors.cli.text.out import hint, say
from scheduler.doors.cli.verbs.start.init import make_folder, starter
from scheduler.errors import CannotWorkError, ConfigError, NotFoundError, RefusedError

_MAX_REJECTED = 100


@click.command("edit", epilog="Example:  EDITOR=nano agentcron edit")
@click.pass_obj
def edit_command(config: Config) -> int:
    """Edit the crontab in $VISUAL or $EDITOR; it is linted on save, and a broken one is not installed."""
    old = _current(config)
    if old is None:
        config.make_home()
        make_folder(config)
    text = starter() if old is None else old
    while True:
        text = _let_edit(config, text)
        if text == old:
            say("nothing changed")
            say("see: agentcron check")
            return 0
        problems = _lint(config, text)
        if not problems:
            break
        for problem in problems:
            hint(problem)
        if not _again():
            hint(f"the old crontab is unchanged; your text is in {_keep(config, text)}")
            return 1
    if _current(config) != old:
        raise RefusedError(
            f"{config.crontab} was changed by another process; your text is in {_keep(config, text)}",
            help="merge your text into the new one: agentcron edit",
        )
    _install(config, text)
    say(f"installed {config.crontab}")
    say("next:  agentcron check    (what it may cost; a running daemon has noticed it already)")
    say("then:  agentcron up")
    return 0


def _current(config: Config) -> str | None:
    """Return the installed crontab, even if it has errors; None if there is none."""
    try:
        return FileHome(config).crontab_text()
    except NotFoundError:
        return None


def _again() -> bool:
    """Ask whether to edit again; a pipe or the end of the input means no."""
    try:
        return sys.stdin.isatty() and click.confirm(
            "The crontab has errors. Edit it again?", default=True, err=True
        )
    except click.Abort:
        hint("")
        return False


def _let_edit(config: Config, text: str) -> str:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        words = shlex.split(editor)
    except ValueError:
        words = []
    if not words:
        raise CannotWorkError(
            f"EDITOR is not a command: {editor!r}", help="for example: EDITOR=nano agentcron edit"
        )
    handle, name = tempfile.mkstemp(prefix="crontab.", suffix=".edit", dir=config.crontab.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
        try:
            done = subprocess.run([*words, name], check=False)
        except OSError as error:
            raise CannotWorkError(
                f"cannot start the editor {editor!r}: {(error.strerror or 'refused').lower()}",
                help="set EDITOR to one that is installed, for example: EDITOR=nano agentcron edit",
            ) from error
        if done.returncode != 0:
            raise CannotWorkError(
                f"the editor {editor!r} ended with status {done.returncode}; the crontab is unchanged"
            )
        return Path(name).read_bytes().decode("utf-8", "surrogateescape")
    finally:
        Path(name).unlink(missing_ok=True)


def _lint(config: Config, text: str) -> list[str]:
    """Return all errors, as ``check`` prints them."""
    from scheduler.app.home import FileHome
    from scheduler.views.lint.linting import lint_text

    try:
        text.encode("utf-8")
        found = lint_text(FileHome(config), text, now())
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        return [f"{config.crontab.name}:{line}: this is not UTF-8 text\n  help: save it as UTF-8"]
    except ConfigError as error:
        return [error.message]
    return [problem.render() for problem in found.problems if problem.severity == "error"]


def _install(config: Config, text: str) -> None:
    """Replace the crontab atomically, so that no reader sees half of it."""
    # Follow a symlink: the file it points to is the one to change.
    place = Path(os.path.realpath(config.crontab))
    try:
        mode = place.stat().st_mode & 0o777 if place.exists() else 0o600
        handle, fresh = tempfile.mkstemp(prefix="crontab.", suffix=".new", dir=place.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode("utf-8"))
                os.fchmod(file.fileno(), mode)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, place)
        except BaseException:
            Path(fresh).unlink(missing_ok=True)
            raise
    except OSError as error:
        kept = _keep(config, text)
        raise CannotWorkError(
            f"cannot write {config.crontab}: {(error.strerror or 'refused').lower()}; your text is in {kept}"
        ) from error


def _keep(config: Config, text: str) -> Path:
    """Save a text that was not installed, without overwriting another one."""
    data = text.encode("utf-8", "surrogateescape")
    for number in range(1, _MAX_REJECTED):
        suffix = ".rejected" if number == 1 else f".rejected.{number}"
        kept = config.crontab.with_name(config.crontab.name + suffix)
        try:
            with open(kept, "xb") as file:
                file.write(data)
        except FileExistsError:
            continue
        except OSError:
            break
        return kept
    handle, name = tempfile.mkstemp(prefix="crontab.", suffix=".rejected")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    return Path(name)
