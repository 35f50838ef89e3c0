"""How late a sleeping run continues: 1,000 that are due at one instant, and one by itself."""

from __future__ import annotations

import json
import statistics
import time
from datetime import datetime
from pathlib import Path

from bench.homes import Daemon, ask, daemon, opened, wait_for
from bench.peers import peer
from bench.probe import commits_per_second
from bench.sleepers import all_due_at, due_in, home_with_sleepers
from bench.table import Table

SLEEPERS = 1000
SINGLES = 20
CONCURRENCY = 1024
GOAL_P99_SECONDS, GOAL_SINGLE_SECONDS = 0.5, 0.020


def seen(running: Daemon, event: str) -> dict[str, float]:
    """Return when a daemon's log says that something happened, by run."""
    lines = [json.loads(line) for line in running.text.splitlines() if line.startswith("{")]
    return {
        line["run"]: datetime.fromisoformat(line["time"]).timestamp()
        for line in lines
        if line.get("event") == event
    }


def percentile(values: list[float], share: float) -> float:
    """Return the value that this share of the values does not exceed."""
    return sorted(values)[max(0, round(len(values) * share) - 1)]


def together(home: Path, running: Daemon) -> dict[str, list[float]]:
    """Return how late 1,000 wake-ups were: in the log of a real daemon, and at their request of the model."""
    due = time.time() + 2
    all_due_at(home, due)
    awake = "SELECT count(*) FROM runs WHERE state = 'succeeded'"
    wait_for(lambda: ask(home, awake) >= SLEEPERS + SINGLES, pause=0.2)
    asked = "SELECT run_id, started_at / 1e6 FROM requests WHERE number = 2"
    with opened(home) as connection:
        stages = {
            "woken: queued for good": seen(running, "run.woke"),
            "claimed: continuing": seen(running, "run.claimed"),
            "asking the model again": dict(connection.execute(asked).fetchall()),
        }
    return {what: [at - due for at in each.values() if at > due] for what, each in stages.items()}


def one_by_one(home: Path, running: Daemon) -> list[float]:
    """Return how late wake-ups were that were due one after the other, each at an odd moment."""
    with opened(home) as connection:
        runs = [row[0] for row in connection.execute("SELECT id FROM runs ORDER BY id LIMIT ?", (SINGLES,))]
    due = {run: due_in(home, run, 1.0 + 0.231 * number) for number, run in enumerate(runs)}
    wait_for(lambda: len(seen(running, "run.claimed")) >= SINGLES, 30, pause=0.2)
    return [at - due[run] for run, at in seen(running, "run.claimed").items()]


def measure(place: Path) -> Table:
    """Measure both, and APScheduler's jobs that are due at one instant."""
    table = Table(
        f"{SLEEPERS} wake-ups due at one instant",
        "Late is the time from the due instant to the log line that says it continues: its claim is durable"
        f" and its conversation is loaded. A real `agentcron up --concurrency {CONCURRENCY}`; every run has a"
        " conversation with an open `sleep` call. APScheduler's is the time to the call of the function.",
        probe=commits_per_second(place),
    )
    home = home_with_sleepers(place / "home", SLEEPERS + SINGLES, SLEEPERS + SINGLES)
    with daemon(home, "--concurrency", str(CONCURRENCY), "--log-format", "json") as running:
        single = one_by_one(home, running)
        at_once = together(home, running)
    p99 = 0.0
    for what, late in at_once.items():
        table.add("agentcron", f"{what}, p50", percentile(late, 0.5), "s")
        table.add("agentcron", f"{what}, p99", percentile(late, 0.99), "s")
        if what.startswith("claimed"):
            p99 = percentile(late, 0.99)
    found = peer("apscheduler3", place / "apscheduler.db", SLEEPERS)
    for which in ("p50", "p99"):
        who, missing = f"APScheduler {found.get('version', '')}", found.get("missing", "")
        table.add(who, f"called, {which}", found.get(which), "s", missing)
    table.add("agentcron", f"a single wake-up, median of {SINGLES}", statistics.median(single), "s")
    table.add("agentcron", f"a single wake-up, latest of {SINGLES}", max(single), "s")
    table.goal(f"p99 <= {GOAL_P99_SECONDS} s", p99 <= GOAL_P99_SECONDS, f"{p99:.3f} s")
    middle = statistics.median(single)
    shown = f"median {middle * 1000:.1f} ms"
    table.goal(
        f"a single one <= {GOAL_SINGLE_SECONDS * 1000:.0f} ms late", middle <= GOAL_SINGLE_SECONDS, shown
    )
    return table
