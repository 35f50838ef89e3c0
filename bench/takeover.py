"""How long a run stands still when its daemon is killed: with a second daemon standing by, and without."""

from __future__ import annotations

import statistics
import subprocess
import time
from pathlib import Path

from bench.homes import AGENTCRON, NOTHING, Daemon, environment, make_home, wait_for
from bench.probe import commits_per_second
from bench.table import Table
from bench.wakeups import seen

ROUNDS = 3
GOAL_SECONDS = 2.0

CRONTAB = '@manual  long  "x"  model=rehearsal:nothing.jsonl gate="sleep 600"\n'
"""A run that is in the middle of something, its gate, for as long as the benchmark takes."""


def fire(home: Path) -> None:
    """Queue a run, as a person would."""
    subprocess.run(
        [AGENTCRON, "--home", str(home), "run", "long"], check=True, env=environment(), capture_output=True
    )


def going_on(running: Daemon) -> list[float]:
    """Return when this daemon's log says that a run continues."""
    return sorted(seen(running, "run.claimed").values())


def up(home: Path) -> Daemon:
    """Start a daemon whose log can be read by machines."""
    return Daemon(home, "--log-format", "json")


def standing_by(home: Path) -> float:
    """Kill the daemon that has the run while a second one is up; return the seconds until that one has it."""
    first = up(home)
    fire(home)
    wait_for(lambda: going_on(first), 30)
    second = up(home)
    time.sleep(1.5)
    killed = time.time()
    first.kill()
    at: float = wait_for(lambda: going_on(second), 90)[0]
    second.kill()
    return at - killed


def cold(home: Path) -> float:
    """Start a daemon on a home whose only one was killed; return the seconds until the run continues."""
    started = time.time()
    again = up(home)
    at: float = wait_for(lambda: going_on(again), 90)[0]
    again.kill()
    return at - started


def measure(place: Path) -> Table:
    """Measure both some times."""
    table = Table(
        "From kill -9 to the run continuing",
        "Two daemons on one home; the one that has a run in the middle of its gate is killed. The clock stops"
        " at the line in the other's log that says it continues: the dead one's lease is taken, the claim"
        " is durable, the conversation is loaded. Cold is the same from the start of a new process.",
        probe=commits_per_second(place),
    )
    warm, started = [], []
    for number in range(ROUNDS):
        home = make_home(place / str(number), CRONTAB, nothing=NOTHING)
        warm.append(standing_by(home))
        started.append(cold(home))
    table.add("agentcron", f"a second daemon standing by, median of {ROUNDS}", statistics.median(warm), "s")
    table.add("agentcron", "the slowest of them", max(warm), "s")
    table.add("agentcron", f"cold, imports included, median of {ROUNDS}", statistics.median(started), "s")
    table.goal(
        f"<= {GOAL_SECONDS:.0f} s with a second daemon", max(warm) <= GOAL_SECONDS, f"{max(warm):.2f} s"
    )
    return table
