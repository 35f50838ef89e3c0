"""``agentcron explain``: what a schedule means, and when it fires next."""

from __future__ import annotations

from datetime import datetime

import click

from scheduler.app.clock import wall
from scheduler.core.time.trigger import Trigger, kind_of
from scheduler.core.time.triggers.base import Schedule
from scheduler.doors.cli.text import out
from scheduler.doors.cli.text.wrap import fold
from scheduler.views.clock import Wall, iso

MAX_FIRES = 1000


@click.command("explain", short_help="Explain a schedule in plain words.")
@click.argument("words", metavar="EXPR", nargs=-1, required=True)
@click.option("--tz", metavar="ZONE", help="The zone of the schedule [this machine's].")
@click.option("--after", metavar="TIME", help="Show fires after this [now].")
@click.option("-n", "count", metavar="N", type=click.IntRange(0, MAX_FIRES), default=5, help="How many [5].")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain_command(
    words: tuple[str, ...], tz: str | None, after: str | None, count: int, as_json: bool
) -> None:
    """Explain a schedule in plain words, and show when it fires next.

    Quote it, so that the shell does not expand the stars.

    Example:  agentcron explain "30 2 * * SUN" --tz Europe/Berlin
    """
    expression = " ".join(words)
    clock = wall(tz)
    start = clock.read_after(after) if after is not None else clock.now
    trigger = read_trigger(expression, clock.name, clock.now)
    meaning = trigger.explain(clock.name)
    fires = upcoming(trigger, start, count)
    notes = [*trigger.remarks(), *trigger.clock_notes(start, clock.name)]
    if as_json:
        out.print_json(
            {
                "expression": expression,
                "zone": clock.name,
                "meaning": meaning,
                "next": [iso(fire) for fire in fires],
                "notes": notes,
            }
        )
        return
    for line in fold(f"{expression}: {meaning}", indent="  "):
        out.say(line)
    _say_fires(fires, trigger, clock, count)
    for note in notes:
        for line in fold(f"note: {note}", indent="      "):
            out.say(line)


def read_trigger(text: str, tz: str, now: datetime) -> Trigger:
    """Return the trigger of a schedule as written in a crontab.

    Raises:
        ConfigError: it is not a schedule.
    """
    from scheduler.host.vocabulary import vocabulary

    known = vocabulary()
    words = tuple(text.split()) or ("",)
    return kind_of(words, known.triggers).read(Schedule(words, now, tz=tz, events=known.events))


def upcoming(trigger: Trigger, after: datetime, count: int) -> list[datetime]:
    """Return the next fires of a trigger, at most ``count``."""
    fires: list[datetime] = []
    while len(fires) < count:
        fire = trigger.next_after(fires[-1] if fires else after)
        if fire is None:
            break
        fires.append(fire)
    return fires


def _say_fires(fires: list[datetime], trigger: Trigger, clock: Wall, count: int) -> None:
    if not trigger.by_clock:
        return
    if not fires and count:
        out.say("It does not fire after that time.")
        return
    seconds = any(fire.second for fire in fires)
    for index, fire in enumerate(fires):
        label = "next" if index == 0 else "then"
        out.say(
            f"  {label}  {clock(fire, seconds=seconds)} {fire.astimezone(clock.zone):%Z}  {clock.away(fire)}"
        )
