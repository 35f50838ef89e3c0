"""``agentcron init``: write the starter crontab."""

from __future__ import annotations

import os
from importlib import resources

import click

from scheduler.config import Config
from scheduler.doors.cli.text.out import say
from scheduler.errors import CannotWorkError, RefusedError


def starter() -> str:
    """Return the text of the starter crontab."""
    return resources.files("scheduler.doors.cli").joinpath("crontab.example").read_text(encoding="utf-8")


@click.command("init", epilog="Example:  agentcron init")
@click.pass_obj
def init_command(config: Config) -> int:
    """Write a starter crontab.  Nothing in it fires by itself."""
    config.make_home()
    path = config.crontab
    make_folder(config)
    try:
        # O_EXCL: an existing crontab is never overwritten, not even in a race.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(starter())
    except FileExistsError:
        raise RefusedError(f"a crontab already exists: {path}", help="open it with: agentcron edit") from None
    except OSError as error:
        raise CannotWorkError(f"cannot write {path}: {(error.strerror or 'refused').lower()}") from error
    say(f"wrote {path}: no job in it fires by itself")
    say("next:  agentcron edit     (write your first job)")
    say("then:  agentcron up       (run it; needs ANTHROPIC_API_KEY)")
    return 0


def make_folder(config: Config) -> None:
    """Create the folder of the crontab, which may be outside the home.

    Raises:
        CannotWorkError: it cannot be created.
    """
    try:
        config.crontab.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or "refused").lower()
        raise CannotWorkError(
            f"cannot create the folder {config.crontab.parent}: {reason}",
            help="choose another with --crontab",
        ) from error
