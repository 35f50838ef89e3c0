"""``agentcron halt`` and ``unhalt``: stop every effect and request of this home, and resume."""

from __future__ import annotations

import click

from scheduler.app.home import FileHome
from scheduler.config import Config
from scheduler.doors.cli.text.out import say


@click.command("halt", epilog='Example:  agentcron halt --reason "it writes nonsense"')
@click.option("--reason", default="", help="The reason, shown by every verb.")
@click.pass_obj
def halt_command(config: Config, reason: str) -> None:
    """Stop all effects, model calls, gates and reports, in every process of this home.

    It takes effect within a second, without a daemon or a database.  Sleeping runs stay as they are.
    """
    home = FileHome(config)
    before = home.halt()
    if before is not None and not reason:
        say(f"the home is already halted: {before.reason}")
    else:
        home.set_halt(reason)
        say("halted: no effect and no model call starts in this home")
    say("running steps have ten seconds to end; then they are cut off and handed back")
    say("resume: agentcron unhalt")


@click.command("unhalt", epilog="Example:  agentcron unhalt")
@click.pass_obj
def unhalt_command(config: Config) -> None:
    """Resume everything that was halted in this home."""
    if FileHome(config).remove_halt():
        say("no longer halted: everything continues where it was")
    else:
        say("the home is not halted")
