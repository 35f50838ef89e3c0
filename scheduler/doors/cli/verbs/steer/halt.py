"""``agentcron halt`` and ``unhalt``: stop every effect and every request of this home, and go on."""

from __future__ import annotations

import click

from scheduler.app.home import FileHome
from scheduler.config import Config
from scheduler.doors.cli.text.out import say


@click.command("halt", epilog='Example:  agentcron halt --reason "it writes nonsense"')
@click.option("--reason", default="", help="Why; shown wherever somebody looks.")
@click.pass_obj
def halt_command(config: Config, reason: str) -> None:
    """Start nothing any more: no effect, no model call, no gate, no report, in any process of this home.

    It works within a second, without a daemon and without a database.  Sleeping runs stay as they are.
    """
    home = FileHome(config)
    before = home.halt()
    if before is not None and not reason:
        say(f"the home was halted already: {before.reason}")
    else:
        home.set_halt(reason)
        say("halted: nothing starts any more in this home")
    say("what is under way may end, for ten seconds; then it is cut off and handed back")
    say("go on: agentcron unhalt")


@click.command("unhalt", epilog="Example:  agentcron unhalt")
@click.pass_obj
def unhalt_command(config: Config) -> None:
    """Let this home go on where it was halted."""
    if FileHome(config).remove_halt():
        say("not halted any more: everything goes on where it was")
    else:
        say("the home was not halted")
