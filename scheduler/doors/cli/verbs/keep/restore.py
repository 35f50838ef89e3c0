"""``agentcron restore``: replace the database with a backup, and repeat no effect."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import click

from scheduler.app.clock import now
from scheduler.app.home import FileHome
from scheduler.app.upkeep import database_file, inspect_backup, put_in_place
from scheduler.config import Config
from scheduler.core.text.english import counted
from scheduler.core.time.instants import to_iso
from scheduler.doors.cli.text.out import print_json, quoted, say, size
from scheduler.errors import NotFoundError, RefusedError, UsageError


@click.command("restore", epilog="Example:  agentcron restore agentcron.backup --dry-run")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check FILE and show what would happen.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def restore_command(config: Config, file: Path, dry_run: bool, as_json: bool) -> None:
    """Replace the database with the backup FILE, while no daemon is running.

    What was done after the backup is unknown, so nothing is repeated: runs that may have acted since then
    wait for a person, slots that came due are skipped.  The present database is moved aside, never deleted.
    """
    source = Path(file.expanduser().absolute())
    _refuse(config, source)
    moment = now()
    found = inspect_backup(source, moment)
    answer: dict[str, Any] = {
        "file": str(source),
        "taken_at": to_iso(found.taken_at),
        "marked": found.marked,
        "size_bytes": found.size_bytes,
        "runs": found.runs,
        "waits_for_a_person": found.acted,
        "sleeps_on": found.asleep,
        "jobs_with_skipped_slots": found.due,
        "reports_not_sent": found.held,
        "restored": not dry_run,
        "moved_aside": None,
    }
    aside = None
    if not dry_run:
        aside = put_in_place(config, found, moment)
        answer["moved_aside"] = str(aside) if aside else None
        asyncio.run(_settle(config))
    if as_json:
        print_json(answer)
        return
    if not found.marked:
        say("FILE was not made by agentcron backup; its time is that of its newest row")
    say(f"backup of {answer['taken_at']}: {size(found.size_bytes)}, {counted(found.runs, 'run')}, sound")
    for line in _means(found, dry_run=dry_run):
        say(f"  {line}")
    if dry_run:
        say("nothing was changed")
        say(f"restore it: agentcron restore {quoted(source)}")
        return
    if aside:
        say(f"the previous database is now {aside}")
    say("see: agentcron list    continue: agentcron resume RUN    start: agentcron up")


def _means(found: Any, *, dry_run: bool) -> list[str]:
    """Return what happens to runs, slots and reports, for those that exist."""
    will = "would " if dry_run else ""
    rows = (
        (found.acted, "run", f"{will}wait{{s}} for a person: actions since then are unknown"),
        (found.asleep, "run", f"{will}keep{{s}} sleeping, as the wake-up is still ahead"),
        (found.due, "job", f"{will}skip{{s}} the slots that came due, as they may have fired"),
        (found.held, "report", "{is} not sent, as {it} may have been"),
    )
    lines = []
    for number, noun, text in rows:
        one = number == 1
        words = text.replace("{s}", "s" if one and not dry_run else "").replace(
            "{it}", "it" if one else "they"
        )
        words = words.replace("{is}", "would be" if dry_run else "is" if one else "are")
        if number:
            lines.append(f"{counted(number, noun)} {words}")
    return lines


def _refuse(config: Config, source: Path) -> None:
    """Refuse a missing file, the database itself, or a home with a running process."""
    if not source.exists():
        raise NotFoundError(f"there is no file {source}", help="name a file that agentcron backup made")
    if source.is_dir():
        raise UsageError(f"{source} is a directory", help="name a file in it")
    database = database_file(config)
    if database.exists() and source.samefile(database):
        raise UsageError(f"{source} is the database itself", help="name a backup of it")
    from scheduler.views.jobs import living_runners

    living = living_runners(FileHome(config), now())
    if living:
        shown = ", ".join(living)
        raise RefusedError(f"agentcron is running on {config.home} ({shown})", help="stop it, then restore")


async def _settle(config: Config) -> None:
    """Open the database once, as every process does: the first open of a backup records the restore."""
    from scheduler.app.compose import open_app

    # The result is printed on stdout, and is not logged as well.
    logging.getLogger("agentcron").setLevel(logging.ERROR)
    async with open_app(config):
        pass
