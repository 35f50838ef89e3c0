"""``agentcron tick``: one pass, for those who keep their system's cron."""

from __future__ import annotations

import asyncio
import signal

import click

from scheduler.config import Config
from scheduler.doors.cli.logs import start_logging
from scheduler.doors.cli.out import hint, say


@click.command("tick", epilog="Example:  * * * * *  agentcron tick        (a line of the system's crontab)")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", help="Log lines [text].")
@click.pass_obj
def tick_command(config: Config, log_format: str) -> int:
    """Do one pass and exit: fire, wake, rescue, and run what is due until it is over or asleep.

    Safe beside a daemon and beside itself: nothing runs twice.
    """
    start_logging(log_format)
    return asyncio.run(_once(config))


async def _once(config: Config) -> int:
    from scheduler.adapters.crontab_file import CrontabFile
    from scheduler.adapters.system import now
    from scheduler.app import open_app, require_key

    orders = CrontabFile(config).read(now())
    for problem in orders.problems:
        hint(problem)
    require_key(orders.jobs)
    async with open_app(config) as app:
        runner = app.runner("tick")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, runner.stop)
        try:
            done = await runner.once()
        finally:
            app.presence.drop(runner.info.id)
        due = await app.kit.store.next_due()
    say(
        f"{len(done.fired)} fired, {len(done.skipped)} skipped, {len(done.woken)} woken, "
        f"{len(done.rescued)} rescued; next due: {due.isoformat(timespec='seconds') if due else 'nothing'}"
    )
    return 0
