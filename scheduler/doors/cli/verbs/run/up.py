"""``agentcron up``: the daemon, in the foreground."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from scheduler.config import Config
from scheduler.core.job.standing import LoadReport, StandingOrders
from scheduler.core.text.english import counted
from scheduler.doors.cli.text.jobs import read_orders
from scheduler.doors.cli.text.logs import start_logging
from scheduler.doors.cli.text.out import hint, say
from scheduler.views.lint.models import require_ready, unready_jobs

if TYPE_CHECKING:
    from scheduler.app.watchers import Watchers
    from scheduler.engine.daemon.runner import Runner
    from scheduler.engine.settings import Settings

log = logging.getLogger("agentcron")

END_SECONDS = 10
"""How long the process may take to end after its work has: all is on the disk by then."""


@click.command(
    "up",
    epilog="Example:  agentcron up            (stop with Ctrl-C; the crontab is reloaded when it changes)",
)
@click.option("--concurrency", type=click.IntRange(1, 4096), default=8, help="Runs at a time [8].")
@click.option("--grace", type=click.FloatRange(1, 3600), default=30.0, help="Seconds for a clean stop [30].")
@click.option(
    "--lease",
    type=click.FloatRange(2, 3600),
    default=30.0,
    help="Seconds until another daemon takes over from one that hangs [30].",
)
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", help="Log lines [text].")
@click.option("--metrics", metavar="HOST:PORT", help="Serve Prometheus metrics on a loopback address.")
@click.option("--otel/--no-otel", default=None, help="Export spans [as the OTEL_* variables say].")
@click.pass_obj
def up_command(
    config: Config,
    concurrency: int,
    grace: float,
    lease: float,
    log_format: str,
    metrics: str | None,
    otel: bool | None,
) -> int:
    """Run the daemon in the foreground.

    It fires jobs, runs agents, wakes sleeping runs, and reloads a changed crontab within two seconds.
    Several daemons may share one home: nothing runs twice.  SIGTERM and Ctrl-C stop it cleanly, SIGHUP
    reloads.
    """
    start_logging(log_format)
    from scheduler.app.providers import find_provider
    from scheduler.app.watchers import watched
    from scheduler.engine.settings import Settings

    address = _address(metrics)
    orders = read_orders(config)
    require_ready(orders.jobs, find_provider)
    settings = Settings(
        concurrency=concurrency, grace_seconds=grace, lease_seconds=lease, renew_seconds=lease / 3
    )
    try:
        with watched(config, address, otel) as watchers:
            return asyncio.run(_serve(config, settings, watchers))
    finally:
        signal.alarm(0)


def _end_now(*_: object) -> None:
    """End the process although a plug-in still runs: a coroutine that cannot be cancelled, or a thread."""
    log.warning("something that a plug-in has started does not end; the daemon ends without it")
    logging.shutdown()
    os._exit(0)


def _address(metrics: str | None) -> tuple[str, int] | None:
    if metrics is None:
        return None
    from scheduler.app.watchers import parse_address

    return parse_address(metrics)


async def _serve(config: Config, settings: Settings, watchers: Watchers) -> int:
    from scheduler.app.compose import open_app
    from scheduler.engine.move_log import MoveLog

    async with open_app(config, settings, move_log=MoveLog(*watchers.observers)) as app:
        watchers.count_commits(app.store.commits)
        greeting = [f"agentcron is up (pid {os.getpid()}), home {config.home}. See: agentcron list"]

        def loaded(orders: StandingOrders, report: LoadReport) -> None:
            # A daemon outlives its terminal: a closed stdout is no reason to stop.
            with suppress(OSError):
                # Only now the database is known to accept writes.
                if greeting:
                    say(greeting.pop())
                _say_loaded(orders, report)

        runner = app.runner("daemon", on_load=loaded)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _asked_to_stop, runner, watchers)
        loop.add_signal_handler(signal.SIGHUP, _asked_to_reload, runner, watchers)
        # Imported modules stay: exclude them from garbage collection.
        gc.freeze()
        try:
            await runner.serve()
        finally:
            app.presence.drop(runner.info.id)
            signal.signal(signal.SIGALRM, _end_now)
            signal.alarm(END_SECONDS)
    log.info("down", extra={"event": "daemon.down"})
    return 0


def _asked_to_reload(runner: Runner, watchers: Watchers) -> None:
    watchers.reloading()
    runner.reload()


def _asked_to_stop(runner: Runner, watchers: Watchers) -> None:
    if runner.is_stopping:
        log.info("stopping at once: running steps are cut off", extra={"event": "daemon.stop"})
        runner.hurry()
        return
    log.info(
        "stopping: no new work, running steps are finished or handed back", extra={"event": "daemon.stop"}
    )
    watchers.stopping()
    runner.stop()


def _say_loaded(orders: StandingOrders, report: LoadReport) -> None:
    """Log what a load of the crontab changed: problems first, then added, changed and removed jobs."""
    for problem in orders.problems:
        hint(problem)
    broken = f", {len(orders.broken)} invalid" if orders.broken else ""
    log.info(
        "crontab loaded: %s%s", counted(len(orders.jobs), "job"), broken, extra={"event": "crontab.loaded"}
    )
    for what, names in (("added", report.added), ("changed", report.changed), ("removed", report.removed)):
        if names:
            log.info("%s: %s", what, _some_names(names), extra={"event": f"crontab.{what}"})
    for job, runs in report.orphans:
        log.warning(
            "job %s was removed; its live runs continue to their end: %s",
            job,
            ", ".join(runs),
            extra={"event": "crontab.orphans", "job": job},
        )
    from scheduler.app.providers import find_provider

    for each in unready_jobs(orders.jobs, find_provider):
        log.warning(
            "%s; these jobs will stop at their first step: %s",
            each.problem.message,
            _some_names(each.jobs),
            extra={"event": "crontab.no_key"},
        )


def _some_names(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
