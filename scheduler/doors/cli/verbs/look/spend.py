"""``agentcron spend``: what the models have cost, by job, day or model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import click

from scheduler.app.clock import wall
from scheduler.app.home import FileHome
from scheduler.config import Config
from scheduler.core.run.turn import usd
from scheduler.doors.cli.text import out
from scheduler.doors.cli.text.wrap import WIDTH, cut, pad
from scheduler.errors import AgentcronError, UsageError
from scheduler.views.clock import Wall, iso
from scheduler.views.spending import Sum, read_spending, summed, total_of

_MAX_BAR = 30
_MAX_NAME = 24
_COLUMNS = len("  $12345.67  12345 requests    123k tok  ")


@click.command("spend", short_help="Show what was spent, by job, day or model.")
@click.option(
    "--by", type=click.Choice(["job", "day", "model"]), default="job", help="What to sum up by [job]."
)
@click.option("--since", default="30d", metavar="AGE", help="How far to look back: 7d, 12h [30d].")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def spend_command(config: Config, by: str, since: str, as_json: bool) -> None:
    """Show what was spent, by job, day or model.

    A request whose answer was lost, or whose model has no known price, counts at the most it can have cost.

    Example:  agentcron spend --by day --since 7d
    """
    clock = wall()
    start = _start(clock, since)
    parts = read_spending(FileHome(config), start)
    sums, total = summed(parts, by, clock), total_of(parts)
    if as_json:
        out.print_json(
            {"since": iso(start), "by": by, "rows": [s.as_json() for s in sums], "total": total.as_json()}
        )
    else:
        for line in chart(sums, total):
            out.say(line)


def _start(clock: Wall, since: str) -> datetime:
    from scheduler.core.time.durations import parse_duration

    try:
        return clock.now - timedelta(seconds=parse_duration(since))
    except (AgentcronError, OverflowError) as error:
        raise UsageError(f"--since: {error}", help="for example: --since 7d") from error


def chart(sums: Sequence[Sum], total: Sum) -> list[str]:
    """Return one line for each sum, with a bar proportional to the largest."""
    if not sums:
        return ["no spending: no request was answered in that period"]
    width = min(_MAX_NAME, max(len(each.name) for each in (*sums, total)))
    most = max(each.microusd for each in sums)
    room = min(_MAX_BAR, WIDTH - width - _COLUMNS)
    lines = []
    for each in sums:
        share = each.microusd / most if most else 0
        bar = "#" * max(round(share * room), 1 if each.microusd else 0)
        lines.append(_line(each, width, bar))
    lines.append(_line(total, width, ""))
    if total.assumed:
        lines.append(
            f"of these requests, {total.assumed} counted at an assumed price: answer lost, or price unknown"
        )
    return lines


def _line(each: Sum, width: int, bar: str) -> str:
    name = pad(cut(each.name, width), width)
    requests = f"{each.requests} request{'' if each.requests == 1 else 's'}"
    return cut(
        f"{name}  {usd(each.microusd):>9}  {requests:>14}  {_short(each.tokens):>11}  {bar}".rstrip(), WIDTH
    )


def _short(tokens: int) -> str:
    """Return a number of tokens in the width of a column; ``--json`` has the exact number."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if tokens >= 100 * size:
            return f"{tokens // size:,}{letter} tok"
    return f"{tokens:,} tok"
