"""``agentcron backup``: copy the database while daemons run."""

from __future__ import annotations

from pathlib import Path

import click

from scheduler.app.clock import now
from scheduler.app.upkeep import back_up, database_file
from scheduler.config import Config
from scheduler.doors.cli.text.out import hint, print_json, quoted, say, size
from scheduler.errors import UsageError

_LARGE_BYTES = 100_000_000


@click.command("backup", epilog="Example:  agentcron backup agentcron.backup --force")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def backup_command(config: Config, file: Path, force: bool, as_json: bool) -> None:
    """Copy the database to FILE and check the copy; daemons keep running.

    FILE holds jobs, runs and conversations, and only you can read it.  The crontab, its prompt files and the
    agents' folders are ordinary files: back them up separately.
    """
    if not file.name:
        raise UsageError("FILE is empty", help="name a file, for example agentcron.backup")
    from scheduler.core.time.instants import to_iso

    target = Path(file.expanduser().absolute())
    database = database_file(config)
    if database.exists() and database.stat().st_size > _LARGE_BYTES:
        hint(f"copying {size(database.stat().st_size)} ...")
    # Rounded down to whole seconds: never later than the copied state.
    made = back_up(config, target, now().replace(microsecond=0), force=force)
    if as_json:
        print_json(
            {
                "file": str(made.path),
                "taken_at": to_iso(made.taken_at),
                "size_bytes": made.size_bytes,
                "runs": made.runs,
            }
        )
        return
    runs = "1 run" if made.runs == 1 else f"{made.runs:,} runs"
    say(f"backup of {to_iso(made.taken_at)}: {size(made.size_bytes)}, {runs}, sound")
    say(f"in {made.path}")
    say(f"see: agentcron restore {quoted(made.path)} --dry-run")
