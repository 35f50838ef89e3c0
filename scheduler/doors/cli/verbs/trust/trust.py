"""``agentcron trust``: show what a job may do, and revoke grants that came from approvals."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scheduler.app.clock import wall
from scheduler.app.home import FileHome
from scheduler.config import Config
from scheduler.core.actor import PERSON
from scheduler.core.changes.follow_up import is_follow_up, root_of, within
from scheduler.core.job.job import Job
from scheduler.core.trust.grant import Grant
from scheduler.core.trust.policy import IN_WORDS, Profile
from scheduler.doors.cli.text import out
from scheduler.doors.cli.text.jobs import find_job, read_orders
from scheduler.doors.cli.text.out import say
from scheduler.doors.cli.text.params import JOB
from scheduler.doors.cli.text.wrap import WIDTH, broken, fold
from scheduler.doors.cli.verbs.steer.steer import with_app
from scheduler.errors import NotFoundError
from scheduler.views.rights import rights

if TYPE_CHECKING:
    from scheduler.ports.store.history import History

T = TypeVar("T")


@click.group("trust", epilog="Example:  agentcron trust explain morning-brief")
def trust_command() -> None:
    """See what jobs may do, and revoke grants."""


@trust_command.command("explain", epilog="Example:  agentcron trust explain morning-brief")
@click.argument("job", type=JOB)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def explain_command(config: Config, job: str, as_json: bool) -> int:
    """Show what JOB may do, what it may cost, and which calls would wait for a person.

    JOB may be the name of a follow-up.
    """
    found = _job(config, job)
    profile = FileHome(config).policy().profile(found.trust)
    always = _query(config, lambda history: history.always_grants(found.name)) or []
    if as_json:
        out.print_json(
            {
                "job": found.name,
                "profile": profile.name,
                "base": profile.base,
                "grants": [grant.to_json() for grant in profile.grants],
                "always": [{"id": grant.id, **grant.to_json()} for grant in always],
                "tools": _rights(found, profile, always),
            }
        )
        return 0
    made = _query(config, lambda history: history.granted_follow_ups(found.name)) or []
    _explain(found, profile, always, made)
    return 0


def _job(config: Config, name: str) -> Job:
    """Return a job of the crontab, or a follow-up with its present rights."""
    root = find_job(read_orders(config), root_of(name))
    if not is_follow_up(name):
        return root
    made = _query(config, lambda history: history.job(name))
    if made is None:
        raise NotFoundError(f"no follow-up {name}", help="see: agentcron list")
    return within(made, root)


def _query(config: Config, ask: Callable[[History], T]) -> T | None:
    """Query the database; None if there is none yet."""
    history = FileHome(config).history()
    if history is None:
        return None
    with history:
        return ask(history)


def _explain(job: Job, profile: Profile, always: list[Grant], made: list[str]) -> None:
    name = profile.name if profile.name == profile.base else f"{profile.name} (base {profile.base})"
    for line in fold(f"{job.name} runs under {name}: {IN_WORDS[profile.base]}.", indent="  "):
        say(line)
    budget = job.budget
    run, day = f"${budget.run_usd:.2f}", f"${budget.day_usd:.2f}"
    if budget.run_tokens is not None:
        run += f" and {budget.run_tokens:,} tokens"
    if budget.day_tokens is not None:
        day += f" and {budget.day_tokens:,} tokens"
    say(f"It may spend {run} a run{',' if 'and' in run + day else ''} and {day} a day.")
    if budget.day_effects is not None:
        say(f"It may act outside its workdir at most {budget.day_effects} times a day.")
    if budget.hour_wakes is not None:
        say(f"Its sleeps may end at most {budget.hour_wakes} times within an hour; the rest waits.")
    say()
    for line in out.table([("tool", "may"), *_rights(job, profile, always).items()]):
        say(line)
    now = wall().now
    if profile.grants:
        say()
        say("Granted by the trust file:")
        for grant in profile.grants:
            over = " (expired)" if grant.is_over(now) else ""
            _say_exactly(f"{grant.in_words()}{over}")
    if always:
        say()
        say("Granted by `approve --always`:")
        for grant in always:
            _say_exactly(f"{grant.id}  {grant.in_words()}")
        say(f"Revoke one: agentcron trust revoke {always[0].id}")
    for follow_up in made:
        say()
        say(f"Its follow-up {follow_up} has grants of its own: agentcron trust explain {follow_up}")
    say()
    closing = "Of untrusted input, private data and effects outside, a run may have two; the third asks."
    for line in fold(closing, indent="  "):
        say(line)


def _say_exactly(text: str) -> None:
    for line in broken(text, width=WIDTH - 2, indent="  "):
        say(f"  {line}")


def _rights(job: Job, profile: Profile, always: list[Grant]) -> dict[str, str]:
    """Return in words what happens to the calls of each tool of a job."""
    from scheduler.ports.tool import ControlTool, StagedTool
    from scheduler.tools.registry import tools_for

    now = wall().now
    of_sources = [name for name in job.tools or () if ":" in name]
    known = {
        name: "always: it only affects its own run"
        if isinstance(tool, ControlTool)
        else rights(tool.spec, profile, always, now).in_words(is_staged=isinstance(tool, StagedTool))
        for name, tool in tools_for(job.tools).items()
    }
    return known | dict.fromkeys(of_sources, "depends on what the tool declares when its source is opened")


@trust_command.command("revoke", epilog="Example:  agentcron trust revoke 3fa9k2ce")
@click.argument("id", metavar="ID")
@click.pass_obj
def revoke_command(config: Config, id: str) -> int:
    """Revoke the grant with this ID, which came from `approve --always`."""

    async def work(app: Any) -> None:
        job = await app.services.store.revoke(id, app.services.clock.now(), actor=PERSON)
        say(f"grant {id} of {job} is revoked; the job asks again from its next call on")

    with_app(config, work)
    return 0


@trust_command.command("clean", epilog="Example:  agentcron trust clean morning-brief")
@click.argument("job", type=JOB)
@click.pass_obj
def clean_command(config: Config, job: str) -> int:
    """Declare that JOB's workdir holds no private data: you have checked it, or emptied it."""
    found = find_job(read_orders(config), job)

    async def work(app: Any) -> None:
        if await app.services.store.clean(found.workdir or "", app.services.clock.now(), actor=PERSON):
            say(f"the workdir of {found.name} is now clean: {found.workdir}")
        else:
            say(f"the workdir of {found.name} was already clean: {found.workdir}")

    with_app(config, work)
    return 0
