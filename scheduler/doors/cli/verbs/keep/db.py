"""``agentcron db``: the path, schema and upgrade of the database."""

from __future__ import annotations

import click

from scheduler.app.home import FileHome
from scheduler.app.upkeep import upgrade
from scheduler.config import Config
from scheduler.doors.cli.text import out
from scheduler.errors import NotFoundError
from scheduler.views.database import database_json


@click.group("db", short_help="Inspect or upgrade the database.")
def db_command() -> None:
    """Inspect or upgrade the database.

    Example:  agentcron db status
    """


@db_command.command("path", short_help="Print its path.")
@click.pass_obj
def path_command(config: Config) -> None:
    """Print the path of the database, even if it does not exist.

    Example:  sqlite3 "$(agentcron db path)" ".backup copy.db"
    """
    out.say(FileHome(config).database_name())


@db_command.command("status", short_help="Show its schema.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def status_command(config: Config, as_json: bool) -> int:
    """Show the schema of the database; exit 1 if it is not this version's.

    Example:  agentcron db status --json
    """
    home = FileHome(config)
    found = home.database()
    if as_json:
        out.print_json(database_json(home.database_name(), found))
    else:
        out.say(f"database  {home.database_name()}")
        out.say(f"schema    {found.revision or 'none'} ({found.state}; this version has {found.head})")
        if found.size_bytes is not None:
            out.say(f"size      {found.size_bytes:,} bytes")
        if found.state == "older":
            out.say("upgrade it: agentcron db upgrade")
        if found.state == "abandoned":
            out.say("it is from before the first release, and this version cannot upgrade it:")
            out.say(found.way_out)
        if found.state == "newer":
            out.say("it needs a newer agentcron")
        if found.state == "missing":
            out.say("start it with: agentcron up")
    return 0 if found.state == "current" else 1


@db_command.command("upgrade", short_help="Bring it to this version's schema.")
@click.pass_obj
def upgrade_command(config: Config) -> None:
    """Upgrade the database to the schema of this version, in one transaction.

    A daemon also does this when it starts.

    Example:  agentcron db upgrade
    """
    home = FileHome(config)
    if not home.has_database():
        raise NotFoundError(
            f"there is no database at {home.database_name()}", help="start it with: agentcron up"
        )
    changed = upgrade(config)
    out.say("the database was upgraded" if changed else "the database is up to date")
