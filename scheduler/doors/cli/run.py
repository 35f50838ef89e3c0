"""``agentcron run``: fire a job now."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import click

from scheduler.config import Config
from scheduler.core.job import Job
from scheduler.core.run import Run, State
from scheduler.core.standing import StandingOrders
from scheduler.core.turn import usd
from scheduler.doors.cli.follow import follow
from scheduler.doors.cli.jobs import find_job, read_orders
from scheduler.doors.cli.out import hint, iso, print_json, say
from scheduler.doors.cli.params import JOB


@click.command("run", epilog="Example:  agentcron run morning-brief --wait")
@click.argument("job", type=JOB)
@click.option("--wait", is_flag=True, help="Show the steps, return when the run is over or asleep.")
@click.option("--json", "as_json", is_flag=True, help="Print the run as JSON.")
@click.pass_obj
def run_command(config: Config, job: str, wait: bool, as_json: bool) -> int:
    """Fire JOB now; its schedule stays as it is.

    A daemon takes the run up.  Without one it stays queued; with --wait it is run right here.
    """
    orders = read_orders(config)
    found = find_job(orders, job)
    return asyncio.run(_fire(config, orders, found, wait=wait, as_json=as_json))


async def _fire(config: Config, orders: StandingOrders, job: Job, *, wait: bool, as_json: bool) -> int:
    from scheduler.app import open_app, require_key

    async with open_app(config) as app:
        store, now = app.kit.store, app.kit.clock.now()
        living = await store.runners()
        dead = app.presence.dead(living)
        daemon = any(info.kind == "daemon" and info.id not in dead for info in living)
        if not daemon:
            # A daemon has checked its own key; without one, work that must fail is not begun.
            require_key([job])
        await store.load_orders(orders, now)
        run = await store.fire_by(job, "person", now)
        assert run is not None, "a run without a key is never a repetition"
        if not wait:
            _say_queued(run, daemon, as_json)
            return 0
        if daemon:
            await follow(app, run.id, show=not as_json)
        else:
            await _run_here(app, run, show=not as_json)
        ended = await store.run(run.id)
    assert ended is not None
    return _say_ended(ended, as_json)


async def _run_here(app: Any, run: Run, *, show: bool) -> None:
    """Be the runner of this one run until it is over or asleep."""
    runner = app.runner("wait", with_crontab=False, only=[run.id])
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, runner.stop)
    try:
        async with asyncio.TaskGroup() as group:
            following = group.create_task(follow(app, run.id, show=show))
            await runner.once(due=False)
            # Whatever became of the run, there is nobody left who would move it on.
            state = await app.kit.store.run(run.id)
            if state is not None and state.state in (State.QUEUED, State.RUNNING):
                following.cancel()
    finally:
        app.presence.drop(runner.info.id)


def _say_queued(run: Run, daemon: bool, as_json: bool) -> None:
    if as_json:
        print_json({"run": run.id, "state": run.state.value, "job": run.job, "daemon": daemon})
    else:
        say(f"run {run.id} of {run.job} is queued")
        say(f"look: agentcron show {run.id}")
    if not daemon:
        hint("nobody is running; the run waits. Start: agentcron up   (or fire with --wait)")


def _say_ended(run: Run, as_json: bool) -> int:
    status = 0 if run.state in (State.SUCCEEDED, State.SLEEPING, State.SKIPPED) else 1
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
            }
        )
        return status
    why = f": {run.reason}" if run.reason else ""
    say(f"run {run.id} of {run.job} is {run.state}{why} ({usd(run.cost_microusd)})")
    if run.state in (State.SLEEPING, State.RETRYING, State.PARKED):
        woken = f" until {run.wake_at.astimezone().isoformat(timespec='seconds')}" if run.wake_at else ""
        say(f"it waits{woken}. Needed then: agentcron up. Sooner: agentcron resume {run.id}")
    elif run.state in (State.QUEUED, State.RUNNING):
        say("it was let go; a daemon goes on with it. Start: agentcron up")
    elif run.state in (State.FAILED, State.CANCELLED):
        say(f"look: agentcron show {run.id}    go on: agentcron resume {run.id}")
    else:
        say(f"look: agentcron show {run.id}")
    return status
