"""``resume``, ``cancel``, ``pause``, ``unpause``: what a person may ask of runs and jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from scheduler.config import Config
from scheduler.core.firing import first_fire
from scheduler.core.follow_up import is_follow_up
from scheduler.core.job import Job
from scheduler.core.run import Run, State
from scheduler.core.standing import StandingOrders
from scheduler.core.turn import usd
from scheduler.doors.cli.halt import hint_if_halted
from scheduler.doors.cli.jobs import PATIENCE_SECONDS, find_job, read_orders
from scheduler.doors.cli.out import hint, say
from scheduler.doors.cli.params import JOB, RUN
from scheduler.errors import NotFoundError, RefusedError, UsageError

T = TypeVar("T")

_MOST_BUDGET_USD = 1_000_000


class MoneyOrMore(click.ParamType[tuple[bool, float]]):
    """A sum of money, or ``+`` and a sum: (whether it is to be added, dollars)."""

    name = "[+]USD"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[bool, float]:
        """Read it."""
        text = str(value)
        try:
            given = float(text.removeprefix("+"))
        except ValueError:
            given = 0
        if not given > 0:
            self.fail(f"{text!r} is not a sum of money, as 2.50 or +1.00 is", param, ctx)
        return text.startswith("+"), given


def with_app(config: Config, work: Callable[[Any], Awaitable[T]]) -> T:
    """Open the parts of one process, do the work with them, and close them."""
    from scheduler.app import open_app

    async def opened() -> T:
        async with open_app(config, busy_seconds=PATIENCE_SECONDS) as app:
            return await work(app)

    return asyncio.run(opened())


def _find_run(config: Config, prefix: str) -> Run:
    from scheduler.doors.cli.views import open_glance

    glance = open_glance(config)
    if glance is None:
        raise NotFoundError(
            f'no run "{prefix}": nothing has run yet', help="fire a job with: agentcron run JOB"
        )
    with glance:
        return glance.run(prefix)


async def say_if_nobody(app: Any) -> None:
    """Say that what was asked for waits, when no daemon is there to do it."""
    if not await app.has_daemon():
        hint("nobody is running; it waits. Start: agentcron up")


@click.command("resume", epilog='Example:  agentcron resume k7q2 --message "The key is renewed, go on."')
@click.argument("run", type=RUN)
@click.option("--message", "-m", default="", help="What the agent is told.")
@click.option(
    "--budget", type=MoneyOrMore(), help="A new cap for the run in dollars, or +1.00: so much more than now."
)
@click.pass_obj
def resume_command(config: Config, run: str, message: str, budget: tuple[bool, float] | None) -> int:
    """Wake a sleeping RUN now, or go on with a parked, failed or cancelled one.

    A run that stopped at its budget goes on with a higher --budget only.
    """
    found = _find_run(config, run)
    cap = _cap(config, found, budget)
    _refuse_in_vain(found, cap)

    async def work(app: Any) -> None:
        store, now = app.kit.store, app.kit.clock.now()
        if cap is not None:
            await store.raise_budget(found.id, round(cap * 1_000_000))
        with _helpful(f"fire it again: agentcron run {found.job}" if found.is_final else _look(found)):
            was = await store.resume(found.id, now, message)
        say(f"run {found.id} of {found.job} was {was}; it is queued and goes on")
        say(f"look: agentcron show {found.id}")
        await say_if_nobody(app)

    with_app(config, work)
    hint_if_halted(config)
    return 0


def _cap(config: Config, run: Run, budget: tuple[bool, float] | None) -> float | None:
    """Return the new cap of a run in dollars.

    What is added goes on top of its cap, or of what it has spent where that is more: it may have overdrawn.
    """
    if budget is None:
        return None
    is_more, usd_given = budget
    if not is_more:
        return usd_given
    from scheduler.doors.cli.views import open_glance

    glance = open_glance(config)
    assert glance is not None, "the run was found there"
    with glance:
        before = glance.job_of(run.id).budget.run_usd
    return max(before, run.cost_microusd / 1_000_000) + usd_given


@contextmanager
def _helpful(help: str) -> Iterator[None]:
    """Add a way out to a refusal of the store, which knows of no command line."""
    try:
        yield
    except RefusedError as error:
        raise RefusedError(error.message, help=error.help or help) from error


def _look(run: Run) -> str:
    return f"look: agentcron show {run.id}"


def _refuse_in_vain(run: Run, budget: float | None) -> None:
    """Refuse a resume that would park the run again at once, and say what it waits for."""
    if budget is not None and not budget < _MOST_BUDGET_USD:
        raise UsageError(f"--budget: {budget} is not a sum of money", help="for example: --budget 2.50")
    if budget is not None and budget * 1_000_000 <= run.cost_microusd:
        raise RefusedError(
            f"run {run.id} has spent {usd(run.cost_microusd)}; a budget of ${budget:.2f} stops it at once",
            help=f"give it more: agentcron resume {run.id} --budget {_more(run)}",
        )
    if run.state is not State.PARKED:
        return
    if run.reason_code in ("budget", "budget-day") and budget is None:
        raise RefusedError(
            f"run {run.id} is parked: {run.reason}",
            help=f"give it more: agentcron resume {run.id} --budget {_more(run)}",
        )
    if run.reason_code == "approval":
        raise RefusedError(
            f"run {run.id} is parked: {run.reason}", help="see what it asks: agentcron approvals"
        )
    if run.reason_code == "context":
        raise RefusedError(
            f"run {run.id} is parked: {run.reason}", help=f"start afresh: agentcron run {run.job}"
        )


def _more(run: Run) -> str:
    return f"{run.cost_microusd / 1_000_000 + 1:.2f}"


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
    found = _find_run(config, run)

    async def work(app: Any) -> None:
        with _helpful(_look(found)):
            state = await app.kit.store.cancel(found.id, app.kit.clock.now(), "cancelled by a person")
        if state is State.CANCELLED:
            say(f"run {found.id} of {found.job} is cancelled")
        else:
            say(f"run {found.id} of {found.job} is asked to stop")
        say(f"look: agentcron show {found.id}    go on after all: agentcron resume {found.id}")

    with_app(config, work)
    return 0


def _cancel_follow_up(config: Config, name: str) -> None:
    async def work(app: Any) -> None:
        await app.kit.store.cancel_follow_up(name, app.kit.clock.now())
        say(f"follow-up {name} is cancelled; it fires no more")

    with_app(config, work)


def _job(config: Config, orders: StandingOrders, name: str) -> Job:
    """Return a job of the crontab, or one that an agent made."""
    if is_follow_up(name):
        from scheduler.doors.cli.views import open_glance

        glance = open_glance(config)
        if glance is not None:
            with glance:
                for made in glance.follow_ups():
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
        now = app.kit.clock.now()
        await app.kit.store.load_orders(orders, now)
        if await app.kit.store.pause(found.name, "paused by a person", now):
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
        now = app.kit.clock.now()
        await app.kit.store.load_orders(orders, now)
        next_fire = first_fire(found.trigger, now)
        if await app.kit.store.unpause(found.name, now, next_fire):
            say(f"job {found.name} fires again")
        else:
            say(f"job {found.name} was not paused")
        say(f"when: agentcron next {found.name}")
        if not await app.has_daemon():
            hint("nobody is running, so nothing fires. Start: agentcron up")

    with_app(config, work)
    return 0
