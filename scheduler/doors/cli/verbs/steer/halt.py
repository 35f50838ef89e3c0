"""``agentcron halt`` and ``unhalt``: stop every effect and every request of this home, and go on."""

from __future__ import annotations

import click

from scheduler.adapters.halt_file import HaltFile
from scheduler.config import Config
from scheduler.doors.cli.text.out import say


@click.command("halt", epilog='Example:  agentcron halt --reason "it writes nonsense"')
@click.option("--reason", default="", help="Why; shown wherever somebody looks.")
@click.pass_obj
def halt_command(config: Config, reason: str) -> None:
    """Start nothing any more: no effect, no model call, no gate, no report, in any process of this home.

    It works within a second, without a daemon and without a database.  Sleeping runs stay as they are.
    """
    file = HaltFile(config.halt)
    before = file.look()
    if before is not None and not reason:
        say(f"the home was halted already: {before.reason}")
    else:
        config.make_home()
        file.write(reason)
        say("halted: nothing starts any more in this home")
    say("what is under way may end, for ten seconds; then it is cut off and handed back")
    say("go on: agentcron unhalt")


@click.command("unhalt", epilog="Example:  agentcron unhalt")
@click.pass_obj
def unhalt_command(config: Config) -> None:
    """Let this home go on where it was halted."""
    if HaltFile(config.halt).remove():
        say("not halted any more: everything goes on where it was")
    else:
        say("the home was not halted")
