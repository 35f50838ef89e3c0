"""``agentcron tick``: one pass, for use with the system's cron."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import click

from scheduler.app.clock import wall
from scheduler.config import Config
from scheduler.core.text.english import counted
from scheduler.doors.cli.text.follow import progress
from scheduler.doors.cli.text.halted import hint_if_halted
from scheduler.doors.cli.text.jobs import read_orders
from scheduler.doors.cli.text.logs import start_logging
from scheduler.doors.cli.text.out import hint, say


@click.command("tick", epilog="Example:  * * * * *  agentcron tick        (a line of the system's crontab)")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", help="Log lines [text].")
@click.pass_obj
def tick_command(config: Config, log_format: str) -> int:
    """Do one pass and exit: fire, wake, rescue, and run what is due until it is over or asleep.

    It is safe to run next to a daemon or another tick: nothing runs twice.
    """
    start_logging(log_format)
    return asyncio.run(_once(config))


async def _once(config: Config) -> int:
    from scheduler.app.compose import open_app
    from scheduler.app.providers import find_provider
    from scheduler.views.lint.models import require_ready

    orders = read_orders(config)
    for problem in orders.problems:
        hint(problem)
    require_ready(orders.jobs, find_provider)
    hint_if_halted(config)
    signals: list[int] = []
    async with open_app(config) as app:
        runner = app.runner("tick")
        loop = asyncio.get_running_loop()

        def stop(number: int) -> None:
            signals.append(number)
            hint("stopping: running steps are finished or handed back (again: stop at once)")
            runner.hurry() if len(signals) > 1 else runner.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop, number)
        waiting = asyncio.create_task(_show_progress(app, runner))
        try:
            done = await runner.once()
        finally:
            waiting.cancel()
            app.presence.drop(runner.info.id)
        due = await app.services.store.next_due()
    clock = wall()
    say(
        f"{len(done.fired)} fired, {len(done.skipped)} skipped, {len(done.woken)} woken, "
        f"{len(done.rescued)} rescued; next due: {clock.both(due) if due else 'nothing'}"
    )
    return 130 if signal.SIGINT in signals else 0


async def _show_progress(app: Any, runner: Any) -> None:
    """Keep one live line on a terminal while agents work."""
    began = app.services.clock.monotonic()
    try:
        while True:
            await app.services.clock.sleep(0.5)
            if runner.attempts:
                waited = app.services.clock.monotonic() - began
                progress(f"{counted(len(runner.attempts), 'run')} working, {waited:.0f} s ...")
    finally:
        progress("")
