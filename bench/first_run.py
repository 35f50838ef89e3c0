"""The first run after a start that needs the SDK, by ``run --wait``: with and without time to preload it."""

from __future__ import annotations

import statistics
import subprocess
import time
from pathlib import Path

from bench.homes import AGENTCRON, daemon, environment, make_home
from bench.table import Table
from tests.fake_messages_api import FakeMessagesAPI, answer

ROUNDS = 3
IDLE_SECONDS = 8.0
GOAL_SECONDS = 1.5

CRONTAB = '@manual  first  "Say it."\n'


def seconds_of_a_run(home: Path) -> float:
    """Return how long the command takes, from its start to its end."""
    began = time.perf_counter()
    command = [AGENTCRON, "--home", str(home), "run", "first", "--wait"]
    subprocess.run(command, check=True, capture_output=True, env=environment())
    return time.perf_counter() - began


def measure(place: Path) -> Table:
    """Start daemons, and run the job at once or after a while, then again."""
    table = Table(
        "The first run after a start",
        "`agentcron run --wait` of a job of Claude's against a Messages API on loopback that answers at once:"
        f" the whole command, median of {ROUNDS} starts of the daemon. Idle means that the daemon had"
        f" {IDLE_SECONDS:g} seconds before it, in which it preloads the SDK.",
    )
    first: list[float] = []
    again: list[float] = []
    at_once: list[float] = []
    with FakeMessagesAPI() as api:
        api.script("Say it.", answer("Done."))
        given = {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": api.url}
        for number in range(ROUNDS):
            home = make_home(place / f"idle-{number}", CRONTAB)
            with daemon(home, given=given):
                time.sleep(IDLE_SECONDS)
                first.append(seconds_of_a_run(home))
                again.append(seconds_of_a_run(home))
            home = make_home(place / f"busy-{number}", CRONTAB)
            with daemon(home, given=given):
                at_once.append(seconds_of_a_run(home))
    idle = statistics.median(first)
    table.add("agentcron", "the first run, the daemon was idle before", idle, "s")
    table.add("agentcron", "a second run", statistics.median(again), "s")
    table.add("agentcron", "the first run, as soon as the daemon is up", statistics.median(at_once), "s")
    table.goal(f"a first run <= {GOAL_SECONDS} s", idle <= GOAL_SECONDS, f"{idle:.2f} s")
    return table
