"""``resume``, ``cancel``, ``pause``, ``unpause``: control of runs and jobs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from scheduler.app.home import FileHome
from scheduler.config import Config
from scheduler.core.actor import PERSON
from scheduler.core.changes.follow_up import is_follow_up
from scheduler.core.job.firing import Decision, FireFacts, decide
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
    """A cap of a run, in dollars, tokens or effects; ``is_more``: an increase of the present one."""

    unit: CapUnit
    amount: float
    is_more: bool = False


class CapOrMore(click.ParamType[Cap]):
    """An amount of money, tokens (``300ktok``) or effects (``20effects``), optionally with a ``+``."""

    name = "[+]CAP"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Cap:
        """Parse it."""
        text = str(value)
        bare = text.removeprefix("+")
        if effects := _EFFECTS.match(bare):
            cap = Cap("effects", int(effects[1]), text.startswith("+"))
        elif bare.endswith("tok"):
            cap = Cap("tokens", _positive(read_tokens, bare), text.startswith("+"))
        else:
            cap = Cap("usd", _positive(float, bare), text.startswith("+"))
        if not cap.amount > 0:
            self.fail(f"{text!r} is not a cap such as 2.50, +1.00, +100ktok or +20effects", param, ctx)
        return cap


def _positive(read: Callable[[str], float], text: str) -> float:
    """Return a number, or 0 if there is none."""
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
    """Say that the request waits if no daemon is running."""
    if not await app.has_daemon():
        hint("no daemon is running; it waits. Start: agentcron up")


@click.command("resume", epilog='Example:  agentcron resume k7q2 --message "The key is renewed, continue."')
@click.argument("run", type=RUN)
@click.option("--message", "-m", default="", help="A message for the agent.")
@click.option(
    "--budget",
    type=CapOrMore(),
    help="A new cap: 2.50 dollars, 300ktok; or an increase: +1.00, +100ktok, +20effects.",
)
@click.pass_obj
def resume_command(config: Config, run: str, message: str, budget: Cap | None) -> int:
    """Wake a sleeping RUN now, or continue a parked, failed or cancelled one.

    A run that stopped at its budget continues only with a higher --budget.
    """
    found = find_run(FileHome(config), run)
    cap = None if budget is None else _absolute(config, found, budget)
    _refuse_in_vain(found, cap)
    caps = None if cap is None else _new_caps(cap)

    async def work(app: Any) -> None:
        store, now = app.services.store, app.services.clock.now()
        with _helpful(f"run it again: agentcron run {found.job}" if found.is_final else _look(found)):
            was = await store.resume(found.id, now, message, caps, actor=PERSON)
        say(f"run {found.id} of {found.job} was {was}; it is queued and continues")
        say(f"see: agentcron show {found.id}")
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

    An increase is added to its cap, or to what it has spent if that is more: it may have overdrawn.
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
    """Add a help text to a refusal of the store, which does not know the command line."""
    try:
        yield
    except RefusedError as error:
        raise RefusedError(error.message, help=error.help or help) from error


def _look(run: Run) -> str:
    return f"see: agentcron show {run.id}"


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
    """Cancel RUN; a running one stops at its next commit, and can be resumed.

    The name of a follow-up (JOB/NAME) ends that: it does not fire again.
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
            say(f"run {found.id} of {found.job} was cancelled")
        else:
            say(f"run {found.id} of {found.job} was asked to stop")
        say(f"see: agentcron show {found.id}    undo: agentcron resume {found.id}")

    with_app(config, work)
    return 0


def _cancel_follow_up(config: Config, name: str) -> None:
    async def work(app: Any) -> None:
        await app.services.store.cancel_follow_up(name, app.services.clock.now(), actor=PERSON)
        say(f"follow-up {name} was cancelled; it will not fire again")

    with_app(config, work)


def _job(config: Config, orders: StandingOrders, name: str) -> Job:
    """Return a job of the crontab, or a follow-up."""
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
    """Stop JOB from firing until it is unpaused; its live runs continue."""
    orders = read_orders(config)
    found = _job(config, orders, job)

    async def work(app: Any) -> None:
        now = app.services.clock.now()
        await app.services.store.load_orders(orders, now)
        if await app.services.store.pause(found.name, "paused by a person", now, actor=PERSON):
            say(f"job {found.name} is paused")
        else:
            say(f"job {found.name} is already paused")
        say(f"let it fire again: agentcron unpause {found.name}")

    with_app(config, work)
    return 0


def _of_the_pause(job: Job, facts: FireFacts, now: datetime) -> Decision:
    """Record the slots that came due while the job was paused and no daemon ran."""
    return decide(job, facts, now) if facts.paused_reason is not None else Decision((), facts.next_fire)


@click.command("unpause", epilog="Example:  agentcron unpause morning-brief")
@click.argument("job", type=JOB)
@click.pass_obj
def unpause_command(config: Config, job: str) -> int:
    """Let a paused JOB fire again from its next slot; missed slots are not caught up."""
    orders = read_orders(config)
    found = _job(config, orders, job)
    if not found.enabled:
        raise RefusedError(
            f"job {found.name} is disabled in the crontab (enabled=no)",
            help="enable it: agentcron edit",
        )

    async def work(app: Any) -> None:
        now, store = app.services.clock.now(), app.services.store
        await store.load_orders(orders, now)
        # A follow-up that waits for its confirmation has no slots yet, and is refused below.
        if not is_follow_up(found.name) or await store.follow_up_job(found.name) is not None:
            await store.fire(found, lambda facts: _of_the_pause(found, facts, now), now)
        # Not the first slot: that of a past one-shot is past, and unpausing catches nothing up.
        next_fire = found.trigger.next_after(now)
        is_over = found.trigger.once and next_fire is None
        if await store.unpause(found.name, now, next_fire, actor=PERSON):
            if is_over:
                say(f"job {found.name} is no longer paused, but its time is past: it will not fire")
                say(f"run it now: agentcron run {found.name}")
                return
            say(f"job {found.name} fires again")
        else:
            say(f"job {found.name} was not paused")
        say(f"when: agentcron next {found.name}")
        if not await app.has_daemon():
            hint("no daemon is running, so nothing fires. Start: agentcron up")

    with_app(config, work)
    return 0
