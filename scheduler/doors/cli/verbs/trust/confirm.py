"""``agentcron confirm``: show a follow-up that an agent made, and allow it to fire."""

from __future__ import annotations

import sys
from typing import Any

import click

from scheduler.app.clock import wall
from scheduler.app.home import FileHome
from scheduler.config import Config
from scheduler.core.actor import PERSON
from scheduler.core.changes.follow_up import FollowUp, root_of
from scheduler.core.trust.marks import UNTRUSTED
from scheduler.doors.cli.text.out import say
from scheduler.doors.cli.text.params import JOB
from scheduler.doors.cli.text.wrap import WIDTH, fold
from scheduler.doors.cli.verbs.steer.steer import say_if_nobody, with_app
from scheduler.errors import NotFoundError, RefusedError
from scheduler.views.clock import Wall


@click.command("confirm", epilog="Example:  agentcron confirm triage/check-ci")
@click.argument("name", type=JOB)
@click.option("--code", default="", help="The code that was shown: confirm exactly that, without a question.")
@click.pass_obj
def confirm_command(config: Config, name: str, code: str) -> int:
    """Show the follow-up NAME, and allow it to fire.

    It waits because the agent that made it had read untrusted input.  You confirm what is shown: its
    schedule, its prompt and its rights.  Without a terminal it is only shown, with the code that confirms it.
    """
    found = _find(config, name)
    if found.state != "pending":
        raise RefusedError(f"{name} is already confirmed", help=f"when it fires: agentcron next {name}")
    if not code:
        for line in described(found, wall(found.job.tz)):
            say(line)
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            say(f"let it fire: agentcron confirm {name} --code {found.code}")
            say(f"delete it:   agentcron cancel {name}")
            return 1
        if not click.confirm("Let it fire?", default=False):
            say(f"it keeps waiting; delete it: agentcron cancel {name}")
            return 1
        code = found.code

    async def work(app: Any) -> None:
        slot = await app.services.store.confirm(name, code, app.services.clock.now(), actor=PERSON)
        clock = wall(found.job.tz)
        say(f"{name} is confirmed; it fires {clock.short(slot)} ({clock.away(slot)})")
        await say_if_nobody(app)

    with_app(config, work)
    return 0


def described(made: FollowUp, clock: Wall) -> list[str]:
    """Return what a person must see of a follow-up before it fires."""
    job = made.job
    read = ", ".join(made.marks.sources(UNTRUSTED))
    tools = "the built-in tools" if job.tools is None else ", ".join(job.tools) or "none"
    times = "once" if made.fires_left == 1 else f"at most {made.fires_left} times"
    facts = (
        f"made by run {made.run_id} of {root_of(made.name)}" + (f", which had read: {read}" if read else ""),
        f"fires {job.trigger.describe()}, {times}, until {clock.short(made.expires_at)}",
        f"tools {tools}; trust {job.trust or 'as by default'}; at most ${job.budget.run_usd:.2f} a run",
        "its prompt, written by the agent:",
    )
    lines = [made.name, *(each for fact in facts for each in fold(fact, first="  ", indent="    "))]
    # Each line is prefixed with a bar, so that none can look like one of ours.
    return lines + [f"    | {each}" for each in fold(job.prompt, width=WIDTH - 6)]


def _find(config: Config, name: str) -> FollowUp:
    history = FileHome(config).history()
    if history is not None:
        with history:
            found = {each.name: each for each in history.follow_ups()}
        if name in found:
            return found[name]
    raise NotFoundError(f"no follow-up {name}", help="see: agentcron list")
