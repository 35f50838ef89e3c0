"""How fast the command answers with 10,000 jobs and runs, compared with a bare script of click and sqlite3.

Medians of several runs; the ratio to the reference in the same run is what counts.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.homes import AGENTCRON
from bench.table import Table
from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.adapters.system import SystemEntropy
from scheduler.app.crontab import crontab_file
from scheduler.config import load
from scheduler.core.actor import PERSON

JOBS = 10_000
ROUNDS = 5
GOAL_SECONDS, GOAL_RATIO = 0.25, 1.3
GOAL_FIRST_SECONDS = 0.8
"""Before the first start there is no database: the crontab itself is read."""

REFERENCE = """
import sqlite3
import sys

import click


@click.command()
@click.argument("path")
def list_jobs(path):
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    query = "SELECT name, schedule, zone, state, next_fire, problem FROM jobs ORDER BY name"
    last = "SELECT job, id, state, ended_at, max(fire_time) FROM runs GROUP BY job"
    ended = {row[0]: row for row in connection.execute(last)}
    for name, schedule, zone, state, next_fire, problem in connection.execute(query):
        row = ended.get(name)
        click.echo(f"{name:20}  {schedule:20}  {zone:15}  {state:8}  {next_fire}  {row[1] if row else '-'}")


list_jobs()
"""


def write_crontab(home: Path) -> None:
    """Make a home with many jobs that never ran."""
    home.mkdir()
    text = "".join(f'@every {i % 600 + 60}s  job-{i:05}  "x"\n' for i in range(JOBS))
    (home / "crontab").write_text(text, encoding="utf-8")


async def fill(home: Path) -> str:
    """Make a home with many jobs that ran once each; return the id of one run."""
    write_crontab(home)
    store = SqliteDatabase(home / "agentcron.db").open_store(SystemEntropy().new_id)
    now = datetime.now(UTC)
    orders = crontab_file(load(str(home))).read(now)
    await store.load_orders(orders, now)
    fired = await asyncio.gather(*(store.fire_by(job, now, actor=PERSON) for job in orders.jobs))
    runs = [run.id for run in fired if run is not None]
    await asyncio.gather(*(store.cancel(run, now, "cancelled by a person", actor=PERSON) for run in runs))
    await store.close()
    return runs[0]


def seconds(command: list[str]) -> float:
    """Return the median time of a command, output thrown away."""
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def measure(place: Path) -> Table:
    """Measure the readers, and the reference in the same run."""
    home, first, script = place / "home", place / "first", place / "reference.py"
    write_crontab(first)
    run = asyncio.run(fill(home))
    script.write_text(REFERENCE, encoding="utf-8")
    table = Table(
        f"The command line with {JOBS:,} jobs and runs",
        f"Median of {ROUNDS} runs of the whole process. The reference is a script of click and sqlite3 that"
        " prints the same rows and knows nothing else.",
    )
    reference = seconds([sys.executable, str(script), str(home / "agentcron.db")])
    table.add("reference", "click + sqlite3, the same rows", reference, "s")
    listed = 0.0
    for verb in ("--help", "--version", "list", "list --json", "next", "why job-00001", "show RUN"):
        words = verb.replace("RUN", run).split()
        taken = seconds([AGENTCRON, *words] if verb[0] == "-" else [AGENTCRON, "--home", str(home), *words])
        table.add("agentcron", verb, taken, "s", f"{taken / reference:.2f} x the reference")
        listed = taken if verb == "list" else listed
    met = listed <= GOAL_SECONDS or listed <= GOAL_RATIO * reference
    shown = f"{listed:.3f} s, {listed / reference:.2f} x"
    table.goal(f"list <= {GOAL_SECONDS} s, or <= {GOAL_RATIO} x the reference", met, shown)
    for verb in ("list", "check"):
        taken = seconds([AGENTCRON, "--home", str(first), verb])
        table.add("agentcron", f"{verb}, before the first start", taken, "s")
        table.goal(
            f"{verb} before the first start <= {GOAL_FIRST_SECONDS} s",
            taken <= GOAL_FIRST_SECONDS,
            f"{taken:.3f} s",
        )
    return table
