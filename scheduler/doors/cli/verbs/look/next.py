"""``agentcron next``: upcoming fires and wake-ups in order of time."""

from __future__ import annotations

from collections.abc import Sequence

import click

from scheduler.app.clock import wall
from scheduler.app.home import FileHome
from scheduler.config import Config
from scheduler.core.job.standing import Standing
from scheduler.doors.cli.text import out
from scheduler.doors.cli.text.params import JOB
from scheduler.doors.cli.text.wrap import WIDTH, cut, fold, pad
from scheduler.views.clock import Wall
from scheduler.views.jobs import NOBODY, gather
from scheduler.views.upcoming import Entry, read_upcoming

MAX_ENTRIES = 1000
_MAX_NOTES = 4
_NAME_WIDTH = 20


@click.command("next", short_help="Show upcoming fires and wake-ups.")
@click.argument("job", type=JOB, required=False)
@click.option(
    "-n", "count", metavar="N", type=click.IntRange(0, MAX_ENTRIES), default=10, help="How many [10]."
)
@click.option("--after", metavar="TIME", help="Show what comes after TIME [now].")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def next_command(config: Config, job: str | None, count: int, after: str | None, as_json: bool) -> None:
    """Show upcoming fires and wake-ups of JOB, or of all jobs, in order of time.

    Example:  agentcron next digest -n 3
    """
    clock, home = wall(), FileHome(config)
    start = clock.read_after(after) if after is not None else None
    facts = gather(home, clock.now)
    found = read_upcoming(home, facts, job, count, start)
    if as_json:
        entries = [entry.as_json() for entry in found.entries]
        out.print_json({"zone": clock.name, "next": entries, "notes": found.notes, "paused": found.paused})
    else:
        _say(found.entries, found.notes, found.standings, clock, job)
    for text in facts.hints:
        out.hint(text)
    if facts.daemon is None and facts.from_database and not as_json:
        out.hint(NOBODY)


def _say(
    entries: Sequence[Entry],
    notes: Sequence[str],
    standings: Sequence[Standing],
    clock: Wall,
    job: str | None,
) -> None:
    lines = []
    if entries:
        lines += _table(entries, clock)
    elif job is not None:
        lines.append(_never(standings[0]))
    else:
        lines.append("nothing is due: no job has a next fire, and no run waits for a time")
    for note in notes[:_MAX_NOTES]:
        lines += fold(f"note: {note}", indent="      ")
    if len(notes) > _MAX_NOTES:
        lines.append(f"note: {len(notes) - _MAX_NOTES} more clock changes: agentcron check")
    paused = [standing for standing in standings if standing.state == "paused"]
    if job is None and paused:
        lines += fold(f"paused: {', '.join(standing.name for standing in paused[:20])}", indent="  ")
    click.echo("\n".join(lines))


def _table(entries: Sequence[Entry], clock: Wall) -> list[str]:
    seconds = any(entry.at.second for entry in entries)
    width = min(max(len(entry.job) for entry in entries), _NAME_WIDTH)
    when = 19 if seconds else 16
    lines = [f"{f'WHEN ({clock.name})':{when + 12}.{when + 12}}  JOB"]
    for entry in entries:
        away = "overdue" if entry.what == "overdue" or entry.kind == "skip" else clock.away(entry.at)
        what = "fires" if entry.kind == "fire" else entry.what
        start = f"{clock(entry.at, seconds=seconds):{when}}  {away:10}  {pad(cut(entry.job, width), width)}  "
        lines.append(start + cut(what, WIDTH - when - 16 - width))
    return lines


def _never(standing: Standing) -> str:
    if standing.paused_reason.startswith("enabled="):
        return f"{standing.name} is disabled in the crontab: agentcron edit"
    if standing.state == "paused" and "agentcron confirm" in standing.paused_reason:
        return cut(f"{standing.name} waits: {standing.paused_reason}", WIDTH)
    if standing.state == "paused":
        return cut(
            f"{standing.name} is paused ({standing.paused_reason}): agentcron unpause {standing.name}", WIDTH
        )
    if standing.schedule == "@manual":
        return f"{standing.name} fires only on request: agentcron run {standing.name}"
    if standing.schedule == "@reboot":
        return f"{standing.name} fires once after each boot of the machine"
    return f"{standing.name} will not fire again"
