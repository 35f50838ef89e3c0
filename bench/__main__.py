"""``python -m bench [NAME ...]``: run the benchmarks, print their tables, and write docs/benchmarks.md.

A name runs that benchmark alone and writes nothing: a page of figures is of one run, or says nothing.
"""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
import tempfile
import time
import traceback
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from bench.table import Table, markdown, plain

NAMES = (
    *("runs", "wakeups", "idle", "takeover", "first_run"),
    *("conversation", "big_results", "command_line", "next_fire"),
)
PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


def run(name: str, folder: Path) -> Table:
    """Run one benchmark in a folder of its own; one that breaks is a table that says so."""
    place = folder / name
    place.mkdir()
    began = time.perf_counter()
    try:
        table: Table = import_module(f"bench.{name}").measure(place)
    except Exception as error:
        traceback.print_exc()
        table = Table(name, "It broke, and nothing was measured.")
        table.goal("the benchmark runs to its end", met=False, shown=f"{type(error).__name__}: {error}")
    shutil.rmtree(place, ignore_errors=True)
    print(plain(table), f"  ({time.perf_counter() - began:.0f} s)\n", sep="", flush=True)
    return table


def load() -> str:
    """Return how busy the machine is."""
    return f"{os.getloadavg()[0]:.1f}"


def page(tables: list[Table], loads: tuple[str, str], seconds: float) -> str:
    """Return the page of figures."""
    missed = [goal for table in tables for goal in table.goals if not goal.met]
    met = sum(goal.met for table in tables for goal in table.goals)
    head = [
        "# Benchmarks",
        "",
        "<!-- written by `make bench`; do not edit -->",
        "",
        "Ours and its peers, side by side in one run on one machine. Ratios mean something; absolute figures"
        " depend on the machine and on the hour, so a probe of the disk is shown with durable figures.",
        "",
        f"- Command: `make bench`, {seconds:.0f} seconds, on {datetime.now(UTC):%d %B %Y}.",
        f"- Machine: {os.cpu_count()} cores, {platform.system()} {platform.machine()}; load {loads[0]} before"
        f" and {loads[1]} after (what else ran is in the figures).",
        f"- Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, SQLAlchemy"
        f" {version('SQLAlchemy')}, agentcron {version('agentcron')}.",
        f"- Goals: {met} met, {len(missed)} missed.",
        "",
    ]
    return "\n".join(head) + "\n" + "\n".join(markdown(table) for table in tables)


def main(names: list[str]) -> int:
    """Run what was named, or everything; return the exit status."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"error: no benchmark is called {unknown[0]}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    before, began = load(), time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="agentcron-bench-") as folder:
        tables = [run(name, Path(folder)) for name in names or NAMES]
    if not names:
        PAGE.write_text(page(tables, (before, load()), time.perf_counter() - began), encoding="utf-8")
        print(f"written to {PAGE.relative_to(PAGE.parents[1])}")
    # A goal that is missed is a result; only a benchmark that broke is a failure.
    return 1 if any(not table.figures for table in tables) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
