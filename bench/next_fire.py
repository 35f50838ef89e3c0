"""How fast next fires are found: ours, croniter's and cronsim's, for mixed expressions."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from croniter import croniter

from bench.table import Table
from scheduler.core.time.cron import Cron

EXPRESSIONS = 100_000
SAMPLE = 4_000
"""How many of them the peers get, which take a hundred times as long; a rate needs no more."""

MINUTES = ("*", "0", "*/7", "5,35", "10-20/5", "59", "1-59/2", "17", "30", "0,15,30,45")
HOURS = ("*", "9", "8-18", "*/3", "0,12", "23", "1", "2-4", "7,19", "6")
DAYS = ("*", "1", "1-7", "15", "*/2", "28", "10,20", "29", "5-9", "2")
MONTHS = ("*", "1", "6-8", "*/3", "2,12")
WEEKDAYS = ("*", "1-5", "FRI", "0", "6,0", "MON", "2", "3-4", "TUE,THU", "5", "1", "4", "SAT", "0-3", "WED",
            "*/2", "1,3,5", "2-6", "0,2", "6")  # fmt: skip
START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def mixed() -> list[str]:
    """Return the expressions, all different."""
    parts = itertools.product(MINUTES, HOURS, DAYS, MONTHS, WEEKDAYS)
    return [" ".join(each) for each in parts][:EXPRESSIONS]


def rate(work: Callable[[str], object], expressions: Sequence[str]) -> float:
    """Return how many expressions a second ``work`` gets through."""
    began = time.perf_counter()
    for expression in expressions:
        work(expression)
    return len(expressions) / (time.perf_counter() - began)


def measure(_: Path) -> Table:
    """Measure reading and searching, and searching alone as a daemon does that has read its crontab."""
    table = Table(
        f"The next fire of {EXPRESSIONS:,} mixed expressions",
        f"Cold is reading an expression and finding its next fire, warm is finding it again. Ours does all"
        f" {EXPRESSIONS:,}; the peers do every {EXPRESSIONS // SAMPLE}th of them. All give UTC.",
    )
    expressions = mixed()
    assert len(expressions) == EXPRESSIONS
    sample = expressions[:: EXPRESSIONS // SAMPLE]
    later = START + timedelta(minutes=1)
    kept: dict[str, Cron] = {}

    def read(expression: str) -> object:
        kept[expression] = cron = Cron(expression)
        return cron.next_after(START)

    cold = rate(read, expressions)
    warm = rate(lambda e: kept[e].next_after(later), expressions)
    table.add("agentcron", "cold", cold, "/s")
    table.add("agentcron", "warm", warm, "/s")
    theirs: dict[str, croniter] = {}

    def read_theirs(expression: str) -> object:
        theirs[expression] = found = croniter(expression, START)
        return found.get_next(datetime)

    who = f"croniter {version('croniter')}"
    their_cold = rate(read_theirs, sample)
    table.add(who, "cold", their_cold, "/s")
    table.add(who, "warm", rate(lambda e: theirs[e].get_next(datetime, start_time=later), sample), "/s")
    _cronsim(table, sample)
    table.notes.append(f"Cold, ours is {cold / their_cold:.0f} times as fast as croniter in this run.")
    return table


def _cronsim(table: Table, sample: Sequence[str]) -> None:
    try:
        from cronsim import CronSim
    except ImportError:
        table.add("cronsim", "cold", None, "/s", "not installed")
        return
    who = f"cronsim {version('cronsim')}"
    table.add(who, "cold", rate(lambda e: next(CronSim(e, START)), sample), "/s", "has no warm form")
