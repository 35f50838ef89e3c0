"""``approvals``, ``approve``, ``deny``: show the calls that wait for a person, and answer them."""

from __future__ import annotations

from typing import Any

import click

from scheduler.app.clock import wall
from scheduler.app.home import FileHome
from scheduler.config import Config
from scheduler.core.actor import PERSON
from scheduler.core.time.instants import describe_seconds
from scheduler.core.trust.exact import exact_name, exact_text
from scheduler.doors.cli.text import out
from scheduler.doors.cli.text.halted import hint_if_halted
from scheduler.doors.cli.text.out import say
from scheduler.doors.cli.text.wrap import WIDTH, broken, fold
from scheduler.doors.cli.verbs.steer.steer import say_if_nobody, with_app
from scheduler.errors import NotFoundError, UsageError
from scheduler.views.approvals import approval_json, find_approval, open_approvals

_MIN_ID = 4


@click.command("approvals", epilog="Example:  agentcron approvals")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def approvals_command(config: Config, as_json: bool) -> int:
    """Show each call that waits for approval, with its exact arguments."""
    found = open_approvals(FileHome(config))
    now = wall().now
    if as_json:
        out.print_json([approval_json(each) for each in found])
        return 0
    if not found:
        say("Nothing waits for an approval.")
    for each in found:
        left = describe_seconds(max(0.0, (each.expires_at - now).total_seconds()))
        say(f"{each.id}  {each.job}, run {each.run_id}: {each.tool}    expires in {left} (then denied)")
        for name, value in each.args.items():
            for line in broken(f"{exact_name(name)}: {exact_text(value)}", width=WIDTH - 4, indent="  "):
                say(f"    {line}")
        for line in fold(f"because {each.reason}", indent="    "):
            say(f"    {line}")
        say(f"    agentcron approve {each.id}    agentcron deny {each.id}")
    return 0


@click.command("approve", epilog="Example:  agentcron approve 3fa9")
@click.argument("id", metavar="ID")
@click.option("--always", is_flag=True, help="Also grant the job these exact arguments from now on.")
@click.pass_obj
def approve_command(config: Config, id: str, always: bool) -> int:
    """Allow the call with this ID, once, with exactly the arguments that were shown."""
    _answer(config, id, approve=True, always=always)
    return 0


@click.command("deny", epilog='Example:  agentcron deny 3fa9 --reason "Ask Ada first."')
@click.argument("id", metavar="ID")
@click.option("--reason", default="", help="A reason for the agent.")
@click.pass_obj
def deny_command(config: Config, id: str, reason: str) -> int:
    """Refuse the call with this ID; its run continues and sees the refusal."""
    _answer(config, id, approve=False, words=reason)
    return 0


def _answer(config: Config, prefix: str, *, approve: bool, always: bool = False, words: str = "") -> None:
    if len(prefix) < _MIN_ID:
        # `approve "$ID"` with an empty variable must not match any waiting call.
        raise UsageError(f'"{prefix}" is too short for an id', help="see: agentcron approvals")
    home = FileHome(config)
    if not home.has_database():
        raise NotFoundError(f"no run waits for approval {prefix}", help="see: agentcron approvals")
    approval_id = find_approval(home, prefix)

    async def work(app: Any) -> None:
        now = app.services.clock.now()
        asked = await app.services.store.answer(
            approval_id, now, approve=approve, always=always, words=words, actor=PERSON
        )
        say(
            f"{asked.tool} of run {asked.run_id} ({asked.job}) is "
            f"{'approved' if approve else 'denied'}; the run continues"
        )
        if always:
            say(f"{asked.job} may do this from now on; see and revoke: agentcron trust explain {asked.job}")
        await say_if_nobody(app)
        hint_if_halted(config)

    with_app(config, work)
