"""``agentcron prune``: delete runs older than their job keeps them."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click

from scheduler.app import upkeep
from scheduler.app.clock import now
from scheduler.app.home import FileHome
from scheduler.config import Config
from scheduler.core.text.english import counted
from scheduler.doors.cli.text.jobs import PATIENCE_SECONDS, read_orders
from scheduler.doors.cli.text.out import hint, print_json, say, size
from scheduler.errors import ConfigError, NotFoundError, RefusedError, UsageError


@click.command("prune", epilog="Example:  agentcron prune --older-than 90d --dry-run")
@click.option("--dry-run", is_flag=True, help="Only show what would be deleted.")
@click.option("--older-than", metavar="D", help="For jobs without keep=, and jobs that were removed.")
@click.option("--shrink", is_flag=True, help="Return free space to the disk; no daemon may be running.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def prune_command(config: Config, dry_run: bool, older_than: str | None, shrink: bool, as_json: bool) -> None:
    """Delete ended runs that are older than their job keeps them (keep=90d, or KEEP = 90d above it).

    Without either, runs are kept forever.  A daemon prunes once a day.  Live runs, the last run of a job, and
    today's spending are never deleted.
    """
    seconds = _seconds(older_than)
    if dry_run and shrink:
        raise UsageError("--shrink and --dry-run cannot be combined", help="leave one of them out")
    home = FileHome(config)
    if not home.has_database():
        raise NotFoundError(f"there is no database at {home.database_name()}", help="nothing has run yet")
    if shrink:
        _refuse_beside_others(config)
    gone = asyncio.run(_prune(config, seconds, dry_run=dry_run))
    lost = upkeep.shrink(config) if shrink else 0
    free = upkeep.free_bytes(config)
    if as_json:
        found = {"dry_run": dry_run, "runs": gone.runs, "rows": gone.rows, "bytes": gone.bytes}
        print_json(found | {"free_bytes": free, "given_back_bytes": lost})
        return
    verb = "would be deleted" if dry_run else "deleted"
    if gone.runs or gone.rows:
        say(f"{counted(gone.runs, 'run')} {verb}: {counted(gone.rows, 'row')}, about {size(gone.bytes)}")
    else:
        say("nothing is old enough to be deleted")
    if dry_run:
        say("nothing was changed")
    elif shrink:
        say(f"returned to the disk: {size(max(0, lost))}")
    elif free:
        say(f"{size(free)} of the database is free now and is reused before the file grows")
        say("return it to the disk: agentcron prune --shrink")


def _seconds(older_than: str | None) -> int | None:
    if older_than is None:
        return None
    from scheduler.core.crontab.values import keep

    try:
        return keep(older_than) or None
    except ConfigError as error:
        raise UsageError(f"--older-than: {error.message}", help="for example --older-than 90d") from None


def _refuse_beside_others(config: Config) -> None:
    from scheduler.views.jobs import living_runners

    if living := living_runners(FileHome(config), now()):
        raise RefusedError(
            f"agentcron is running on {config.home} ({', '.join(living)})",
            help="stop it first, or prune without --shrink: free space is reused",
        )


async def _prune(config: Config, seconds: int | None, *, dry_run: bool) -> Any:
    from scheduler.app.compose import open_app
    from scheduler.duties.pruner import prune_all

    orders = read_orders(config)

    def progress(so_far: Any) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{counted(so_far.runs, 'run')} ...", err=True, nl=False)

    async with open_app(config, busy_seconds=PATIENCE_SECONDS) as app:
        moment = app.services.clock.now()
        if dry_run:
            if (await app.services.store.meta()).get("digest") != orders.digest:
                hint("the crontab has changed since it was loaded; this uses the loaded version")
            return await app.services.store.prunable(moment, seconds)
        # The present crontab counts, not the one that a daemon loaded last.
        await app.services.store.load_orders(orders, moment)
        return await prune_all(app.services, seconds, progress)
