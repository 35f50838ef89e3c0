"""``agentcron run``: fire a job now."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import click

from scheduler.app.clock import wall
from scheduler.config import Config
from scheduler.core.actor import PERSON
from scheduler.core.job.job import Job
from scheduler.core.job.standing import StandingOrders
from scheduler.core.run import reasons
from scheduler.core.run.reasons import START_AFRESH
from scheduler.core.run.run import ACTIVE, FINAL, RESTING, RESUMABLE, Run, State
from scheduler.core.run.turn import usd
from scheduler.doors.cli.text.follow import follow
from scheduler.doors.cli.text.halted import hint_if_halted
from scheduler.doors.cli.text.jobs import PATIENCE_SECONDS, find_job, read_orders
from scheduler.doors.cli.text.out import hint, print_json, say
from scheduler.doors.cli.text.params import JOB
from scheduler.doors.cli.text.wrap import fold
from scheduler.views.clock import iso

_INTERRUPTED = 130

_GRACE_SECONDS = 6.0
"""A person is waiting at the terminal, so running steps are cut off sooner than by a daemon."""


@click.command("run", epilog="Example:  agentcron run morning-brief --wait")
@click.argument("job", type=JOB)
@click.option("--wait", is_flag=True, help="Show the steps; return when the run is over or asleep.")
@click.option("--json", "as_json", is_flag=True, help="Print the run as JSON.")
@click.pass_obj
def run_command(config: Config, job: str, wait: bool, as_json: bool) -> int:
    """Fire JOB now; its schedule does not change.

    A daemon starts the run.  Without one it stays queued; with --wait it runs in this process.  The exit
    status with --wait: 0 done, skipped by its gate, or asleep; 1 failed, or waiting for something else.
    """
    orders = read_orders(config)
    found = find_job(orders, job)
    return asyncio.run(_fire(config, orders, found, wait=wait, as_json=as_json))


async def _fire(config: Config, orders: StandingOrders, job: Job, *, wait: bool, as_json: bool) -> int:
    from scheduler.app.compose import open_app
    from scheduler.app.providers import find_provider
    from scheduler.doors.cli.text.live import Live
    from scheduler.engine.move_log import MoveLog
    from scheduler.engine.settings import Settings
    from scheduler.views.lint.models import require_ready

    hint_if_halted(config)
    settings = Settings(grace_seconds=_GRACE_SECONDS)
    # The result of this run is printed, not logged.
    live = Live()
    move_log = MoveLog(live, aloud=False)
    async with open_app(config, settings, busy_seconds=PATIENCE_SECONDS, move_log=move_log) as app:
        store, now = app.services.store, app.services.clock.now()
        daemon = await app.has_daemon()
        if not daemon:
            # A daemon has checked its own key; without a daemon, do not start a run that must fail.
            require_ready([job], find_provider)
        await store.load_orders(orders, now)
        run = await store.fire_by(job, now, actor=PERSON)
        assert run is not None, "a run without a key is never a repetition"
        if not wait:
            _say_queued(run, daemon, as_json)
            return 0
        if daemon:
            stopped = await _until_stopped(follow(app, run.id, show=not as_json, alive=app.has_daemon))
        else:
            stopped = await _run_here(app, run, show=not as_json, live=live.line)
        ended = await store.run(run.id)
        daemon = await app.has_daemon()
    assert ended is not None
    status = _say_ended(ended, as_json, daemon)
    return _INTERRUPTED if stopped and ended.state in ACTIVE else status


async def _until_stopped(following: Coroutine[Any, Any, None]) -> bool:
    """Follow until the task ends, or until a signal asks to stop; return whether one did."""
    task = asyncio.create_task(following)
    _on_signals(task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


async def _run_here(app: Any, run: Run, *, show: bool, live: Callable[[], str]) -> bool:
    """Run this one run here until it is over or asleep; return whether a signal stopped it."""
    runner = app.runner("wait", with_crontab=False, only=[run.id])
    signals: list[bool] = []

    def stop() -> None:
        signals.append(True)
        runner.stop()
        if len(signals) > 1:
            runner.hurry()

    _on_signals(stop)
    following = asyncio.create_task(follow(app, run.id, show=show, live=live))
    try:
        await runner.once(due=False)
        # In any case no process is left that would move the run on.
        state = await app.services.store.run(run.id)
        if state is not None and state.state in ACTIVE:
            following.cancel()
        await asyncio.wait({following})
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        app.presence.drop(runner.info.id)
    if not following.cancelled() and (error := following.exception()):
        raise error
    return bool(signals)


def _on_signals(stop: Any) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def _say_queued(run: Run, daemon: bool, as_json: bool) -> None:
    if as_json:
        print_json({"run": run.id, "state": run.state.value, "job": run.job, "daemon": daemon})
    else:
        say(f"run {run.id} of {run.job} is queued")
        say(f"see: agentcron show {run.id}")
    if not daemon:
        hint("no daemon is running; the run waits. Start: agentcron up   (or fire with --wait)")


_PAST = {
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
    State.CANCELLED: "was cancelled",
    State.SKIPPED: "was skipped",
}


def _say_ended(run: Run, as_json: bool, daemon: bool) -> int:
    status = 0 if run.state in (FINAL - RESUMABLE) | {State.SLEEPING} else 1
    if as_json:
        print_json(
            {
                "run": run.id,
                "state": run.state.value,
                "job": run.job,
                "outcome": run.outcome,
                "summary": run.summary,
                "reason": run.reason,
                "wake_at": iso(run.wake_at),
                "cost_usd": run.cost_microusd / 1_000_000,
                "tokens": run.tokens,
            }
        )
        return status
    why = f": {run.reason}" if run.reason else ""
    now = _PAST.get(run.state, f"is {run.state}")
    lines = fold(f"run {run.id} of {run.job} {now} ({usd(run.cost_microusd)}){why}", indent="  ")
    if run.summary:
        lines += fold(f"summary: {run.summary}", first="  ", indent="  ")
    for line in (*lines, *fold(_next(run, daemon))):
        click.echo(line)
    return status


def _next(run: Run, daemon: bool) -> str:
    """Say what comes next, and what to type for it."""
    if run.state in RESTING:
        verb = {State.SLEEPING: "it wakes", State.RETRYING: "it tries again"}.get(run.state, "it waits until")
        until = f"{verb} {wall().both(run.wake_at)}" if run.wake_at else "it waits"
        needed = "" if daemon else " Needed then: agentcron up."
        reason = reasons.of(run)
        if reason.is_question:
            return f"it waits for an answer: {reason.command(run)}.{needed}"
        words = reason.way.words if reason.way is START_AFRESH else "sooner"
        return f"{until}.{needed}\n{words}: {reason.command(run)}"
    if run.state in ACTIVE:
        if daemon:
            return f"it continues without this terminal. See: agentcron show {run.id}"
        return "it was released; a daemon will continue it. Start: agentcron up"
    if run.state in RESUMABLE:
        return f"see: agentcron show {run.id}\ncontinue: agentcron resume {run.id}"
    return f"see: agentcron show {run.id}"
