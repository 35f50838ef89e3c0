"""What a daemon costs while everything sleeps: CPU and memory with 10,000 and with 1,000,000 sleepers."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.homes import daemon, environment
from bench.sleepers import ASLEEP, home_with_sleepers
from bench.table import Table

SIZES = (10_000, 1_000_000)
SECONDS = 10.0
GOAL_CPU_PERCENT, GOAL_MEGABYTES = 0.3, 15.0

IMPORTS = (
    "import asyncio, json, logging, sqlite3, click, sqlmodel, scheduler.app.compose;"
    " import scheduler.doors.cli.verbs.run.up;"
    " print('ready', flush=True); input()"
)
"""What a daemon imports, and nothing else."""


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of all threads of a process; nanoseconds where the kernel counts them."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text(encoding="ascii").split()[0])
    return total / 1e9


def megabytes(pid: int) -> float:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


@contextmanager
def imports() -> Iterator[int]:
    """Run a process that has imported what a daemon imports, and yield its id."""
    process = subprocess.Popen(
        [sys.executable, "-c", IMPORTS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process.pid
    process.communicate("\n")


def measure(place: Path) -> Table:
    """Measure a real daemon for some seconds at each size, and its imports alone."""
    table = Table(
        "Idle, while everything sleeps",
        f"A real `agentcron up` over {SECONDS:.0f} seconds: CPU time of all its threads and resident memory,"
        " from `/proc`. The sleepers are copies of a real one: all that is looked at while a run sleeps, its"
        " row and its wake-up, without the conversations.",
    )
    with imports() as pid:
        bare = megabytes(pid)
    table.add("its imports alone", "memory", bare, "MB")
    cpu, memory = {}, {}
    for size in SIZES:
        home = home_with_sleepers(place / str(size), size, 1000, ASLEEP)
        with daemon(home) as running:
            time.sleep(2)
            began, used = time.perf_counter(), cpu_seconds(running.pid)
            time.sleep(SECONDS)
            cpu[size] = 100 * (cpu_seconds(running.pid) - used) / (time.perf_counter() - began)
            memory[size] = megabytes(running.pid)
        table.add("agentcron", f"CPU, {size:,} sleepers", cpu[size], "%")
        table.add("agentcron", f"memory, {size:,} sleepers", memory[size], "MB")
    few, many = SIZES
    most, above = max(cpu.values()), memory[few] - bare
    table.goal(f"CPU <= {GOAL_CPU_PERCENT} %", most <= GOAL_CPU_PERCENT, f"{most:.2f} %")
    text = f"memory <= {GOAL_MEGABYTES:.0f} MB above the imports"
    table.goal(text, above <= GOAL_MEGABYTES, f"{above:.1f} MB")
    grown = memory[many] - memory[few]
    no_growth = grown <= 2 and cpu[many] <= cpu[few] + 0.1
    shown = f"{grown:+.1f} MB, {cpu[many] - cpu[few]:+.2f} % CPU"
    table.goal(f"no growth from {few:,} to {many:,}", no_growth, shown)
    return table
