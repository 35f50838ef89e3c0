"""``resume``, ``cancel``, ``pause``, ``unpause``: what a person may ask of runs and jobs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from scheduler.app.home import FileHome
from scheduler.config import Config
from scheduler.core.actor import PERSON
from scheduler.core.changes.follow_up import is_follow_up
from scheduler.core.job.firing import first_fire
from scheduler.core.job.job import Job
from scheduler.core.job.standing import StandingOrders
from scheduler.core.run import reasons
from scheduler.core.run.budget import read_tokens
from scheduler.core.run.reasons import RESUME, CapUnit, more
from scheduler.core.run.run import Run, State
from scheduler.core.run.turn import usd
from scheduler.doors.cli.text.halted import hint_if_halted
from scheduler.doors.cli.text.jobs import PATIENCE_SECONDS, find_job, read_orders
from scheduler.doors.cli.text.out import hint, say
from scheduler.doors.cli.text.params import JOB, RUN
from scheduler.errors import RefusedError, UsageError
from scheduler.views.story import find_run

if TYPE_CHECKING:
    from scheduler.ports.store.people import NewCaps

T = TypeVar("T")

_MAX_BUDGET_USD = 1_000_000
_EFFECTS = re.compile(r"(\d{1,6})effects?\Z")


class Cap(NamedTuple):
    """A cap of a run, in dollars, tokens or effects; ``is_more``: so much on top of the one that it has."""

    unit: CapUnit
    amount: float
    is_more: bool = False


class CapOrMore(click.ParamType[Cap]):
    """A sum of money, a number of tokens (``300ktok``) or of effects (``20effects``), or ``+`` and one."""

    name = "[+]CAP"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Cap:
        """Read it."""
        text = str(value)
        bare = text.removeprefix("+")
        if effects := _EFFECTS.match(bare):
            cap = Cap("effects", int(effects[1]), text.startswith("+"))
        elif bare.endswith("tok"):
            cap = Cap("tokens", _positive(read_tokens, bare), text.startswith("+"))
        else:
            cap = Cap("usd", _positive(float, bare), text.startswith("+"))
        if not cap.amount > 0:
            self.fail(f"{text!r} is no cap, as 2.50, +1.00, +100ktok or +20effects is", param, ctx)
        return cap


def _positive(read: Callable[[str], float], text: str) -> float:
    """Return a number, or 0 where there is none."""
    try:
        return read(text)
    except ValueError:
        return 0


def with_app(config: Config, work: Callable[[Any], Awaitable[T]]) -> T:
    """Open the parts of one process, do the work with them, and close them."""
    from scheduler.app.compose import open_app

    async def opened() -> T:
        async with open_app(config, busy_seconds=PATIENCE_SECONDS) as app:
            return await work(app)

    return asyncio.run(opened())


async def say_if_nobody(app: Any) -> None:
    """Say that what was asked for waits, when no daemon is there to do it."""
    if not await app.has_daemon():
        hint("nobody is running; it waits. Start: agentcron up")


@click.command("resume", epilog='Example:  agentcron resume k7q2 --message "The key is renewed, go on."')
@click.argument("run", type=RUN)
@click.option("--message", "-m", default="", help="What the agent is told.")
@click.option(
    "--budget",
    type=CapOrMore(),
    help="A new cap: 2.50 dollars, 300ktok; or more: +1.00, +100ktok, +20effects.",
)
@click.pass_obj
def resume_command(config: Config, run: str, message: str, budget: Cap | None) -> int:
    """Wake a sleeping RUN now, or go on with a parked, failed or cancelled one.

    A run that stopped at its budget goes on with a higher --budget only.
    """
    found = find_run(FileHome(config), run)
    cap = None if budget is None else _absolute(config, found, budget)
    _refuse_in_vain(found, cap)
    caps = None if cap is None else _new_caps(cap)

    async def work(app: Any) -> None:
        store, now = app.services.store, app.services.clock.now()
        with _helpful(f"fire it again: agentcron run {found.job}" if found.is_final else _look(found)):
            was = await store.resume(found.id, now, message, caps, actor=PERSON)
        say(f"run {found.id} of {found.job} was {was}; it is queued and goes on")
        say(f"look: agentcron show {found.id}")
        await say_if_nobody(app)

    with_app(config, work)
    hint_if_halted(config)
    return 0


def _new_caps(cap: Cap) -> NewCaps:
    match cap.unit:
        case "tokens":
            return {"run_tokens": round(cap.amount)}
        case "effects":
            return {"day_effects": round(cap.amount)}
        case _:
            return {"run_microusd": round(cap.amount * 1_000_000)}


def _absolute(config: Config, run: Run, cap: Cap) -> Cap:
    """Return the new cap of a run.

    What is added goes on top of its cap, or of what it has spent where that is more: it may have overdrawn.
    """
    if not cap.is_more:
        return cap
    history = FileHome(config).history()
    assert history is not None, "the run was found there"
    with history:
        before = history.job_of(run.id).budget
    if cap.unit == "effects" and before.day_effects is None:
        raise RefusedError(f"run {run.id} has no cap on effects to add to")
    if cap.unit == "effects":
        return Cap("effects", (before.day_effects or 0) + cap.amount)
    if cap.unit == "tokens" and before.run_tokens is None and reasons.of(run).unit != "tokens":
        raise RefusedError(
            f"run {run.id} has no cap on tokens to add to",
            help=f"give it one: agentcron resume {run.id} --budget {more(run, 'tokens')}",
        )
    if cap.unit == "tokens":
        return Cap("tokens", max(before.run_tokens or 0, run.tokens) + cap.amount)
    return Cap("usd", max(before.run_usd, run.cost_microusd / 1_000_000) + cap.amount)


@contextmanager
def _helpful(help: str) -> Iterator[None]:
    """Add a way out to a refusal of the store, which knows of no command line."""
    try:
        yield
    except RefusedError as error:
        raise RefusedError(error.message, help=error.help or help) from error


def _look(run: Run) -> str:
    return f"look: agentcron show {run.id}"


def _refuse_in_vain(run: Run, cap: Cap | None) -> None:
    """Refuse a resume that would park the run again at once, and say what it waits for."""
    unit = "usd" if cap is None else cap.unit
    give_more = f"give it more: agentcron resume {run.id} --budget {more(run, unit)}"
    if cap is not None and cap.unit == "usd" and not cap.amount < _MAX_BUDGET_USD:
        raise UsageError(f"--budget: {cap.amount} is not a sum of money", help="for example: --budget 2.50")
    if cap is not None and cap.unit == "usd" and cap.amount * 1_000_000 <= run.cost_microusd:
        raise RefusedError(
            f"run {run.id} has spent {usd(run.cost_microusd)};"
            f" a budget of ${cap.amount:.2f} stops it at once",
            help=give_more,
        )
    if cap is not None and cap.unit == "tokens" and cap.amount <= run.tokens:
        raise RefusedError(
            f"run {run.id} has spent {run.tokens:,} tokens; a budget of {cap.amount:,.0f} stops it at once",
            help=give_more,
        )
    if run.state is not State.PARKED:
        return
    reason = reasons.of(run)
    has_met_need = (
        reason.way is RESUME if reason.unit is None else cap is not None and cap.unit == reason.unit
    )
    if not has_met_need:
        raise RefusedError(
            f"run {run.id} is parked: {run.reason}", help=f"{reason.way.words}: {reason.command(run)}"
        )


@click.command("cancel", epilog="Example:  agentcron cancel k7q2")
@click.argument("run", type=RUN)
@click.pass_obj
def cancel_command(config: Config, run: str) -> int:
    """Cancel RUN; a running one stops at once, between two records, and can be resumed.

    The name of a follow-up (JOB/NAME) ends that: it fires no more.
    """
    if is_follow_up(run):
        _cancel_follow_up(config, run)
        return 0
    found = find_run(FileHome(config), run)

    async def work(app: Any) -> None:
        with _helpful(_look(found)):
            state = await app.services.store.cancel(
                found.id, app.services.clock.now(), "cancelled by a person", actor=PERSON
            )
        if state is State.CANCELLED:
            say(f"run {found.id} of {found.job} is cancelled")
        else:
            say(f"run {found.id} of {found.job} is asked to stop")
        say(f"look: agentcron show {found.id}    go on after all: agentcron resume {found.id}")

    with_app(config, work)
    return 0


def _cancel_follow_up(config: Config, name: str) -> None:
    async def work(app: Any) -> None:
        await app.services.store.cancel_follow_up(name, app.services.clock.now(), actor=PERSON)
        say(f"follow-up {name} is cancelled; it fires no more")

    with_app(config, work)


def _job(config: Config, orders: StandingOrders, name: str) -> Job:
    """Return a job of the crontab, or one that an agent made."""
    if is_follow_up(name):
        history = FileHome(config).history()
        if history is not None:
            with history:
                for made in history.follow_ups():
                    if made.name == name:
                        return made.job
    return find_job(orders, name)


@click.command("pause", epilog="Example:  agentcron pause morning-brief")
@click.argument("job", type=JOB)
@click.pass_obj
def pause_command(config: Config, job: str) -> int:
    """Let JOB fire no more until it is unpaused; its live runs go on."""
    orders = read_orders(config)
    found = _job(config, orders, job)

    async def work(app: Any) -> None:
        now = app.services.clock.now()
        await app.services.store.load_orders(orders, now)
        if await app.services.store.pause(found.name, "paused by a person", now, actor=PERSON):
            say(f"job {found.name} is paused")
        else:
            say(f"job {found.name} was paused already")
        say(f"let it fire again: agentcron unpause {found.name}")

    with_app(config, work)
    return 0


@click.command("unpause", epilog="Example:  agentcron unpause morning-brief")
@click.argument("job", type=JOB)
@click.pass_obj
def unpause_command(config: Config, job: str) -> int:
    """Let a paused JOB fire again, from its next slot on; nothing missed is made up."""
    orders = read_orders(config)
    found = _job(config, orders, job)
    if not found.enabled:
        raise RefusedError(
            f"job {found.name} is switched off in the crontab (enabled=no)",
            help="switch it on: agentcron edit",
        )

    async def work(app: Any) -> None:
        now = app.services.clock.now()
        await app.services.store.load_orders(orders, now)
        next_fire = first_fire(found.trigger, now)
        if await app.services.store.unpause(found.name, now, next_fire, actor=PERSON):
            say(f"job {found.name} fires again")
        else:
            say(f"job {found.name} was not paused")
        say(f"when: agentcron next {found.name}")
        if not await app.has_daemon():
            hint("nobody is running, so nothing fires. Start: agentcron up")

    with_app(config, work)
    return 0
