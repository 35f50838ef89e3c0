"""How fast the command answers: ``agentcron list`` with 10,000 jobs, beside a bare click and sqlite3 script.

``make bench`` runs it.  Medians of several runs; the ratio to the reference in the same run is what counts.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from scheduler.adapters.crontab_file import CrontabFile
from scheduler.adapters.sql.store import SqlStore
from scheduler.adapters.system import SystemEntropy
from scheduler.config import load

JOBS = 10_000
ROUNDS = 7
GOAL_SECONDS, GOAL_RATIO = 0.25, 1.3

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


async def fill(home: Path) -> None:
    """Make a home with many jobs."""
    home.mkdir()
    text = "".join(f'@every {i % 600 + 60}s  job-{i:05}  "x"\n' for i in range(JOBS))
    (home / "crontab").write_text(text, encoding="utf-8")
    store = SqlStore.open(home / "agentcron.db", new_id=SystemEntropy().new_id)
    now = datetime.now(UTC)
    await store.load_orders(CrontabFile(load(str(home))).read(now), now)
    await store.close()


def seconds(command: list[str]) -> float:
    """Return the median time of a command, output thrown away."""
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def main() -> None:
    """Print the table; exit 1 when the goal is missed on both counts."""
    agentcron = str(Path(sys.executable).with_name("agentcron"))
    with tempfile.TemporaryDirectory() as folder:
        home, script = Path(folder) / "home", Path(folder) / "reference.py"
        asyncio.run(fill(home))
        script.write_text(REFERENCE, encoding="utf-8")
        reference = seconds([sys.executable, str(script), str(home / "agentcron.db")])
        figures = {
            "reference: click + sqlite3, the same rows": reference,
            "agentcron --help": seconds([agentcron, "--help"]),
            "agentcron --version": seconds([agentcron, "--version"]),
            f"agentcron list, {JOBS} jobs": (listed := seconds([agentcron, "--home", str(home), "list"])),
            f"agentcron list --json, {JOBS} jobs": seconds(
                [agentcron, "--home", str(home), "list", "--json"]
            ),
            f"agentcron next, {JOBS} jobs": seconds([agentcron, "--home", str(home), "next"]),
            f"agentcron why job-00001, {JOBS} jobs": seconds(
                [agentcron, "--home", str(home), "why", "job-00001"]
            ),
        }
    print(f"{'command line':45}  {'seconds':>8}  {'x reference':>12}")
    for name, taken in figures.items():
        print(f"{name:45}  {taken:8.3f}  {taken / reference:12.2f}")
    met = listed <= GOAL_SECONDS or listed <= GOAL_RATIO * reference
    print(f"goal for list: {GOAL_SECONDS} s or {GOAL_RATIO} x the reference: {'met' if met else 'MISSED'}")
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
