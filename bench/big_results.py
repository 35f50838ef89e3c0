"""100 tool calls with results of 5 kB in one conversation: all done, few bytes written, and flat in time."""

from __future__ import annotations

from pathlib import Path

from bench.peers import peer
from bench.probe import commits_per_second
from bench.table import Table

CALLS = 100
GOAL_MEGABYTES, GOAL_RATIO = 20.0, 1.3


def measure(place: Path) -> Table:
    """Run it once: bytes and calls are exact, and the times are compared within the run."""
    table = Table(
        f"{CALLS} results of 5 kB",
        "One run reads a file of 5 kB in every step, up to 209,000 tokens, compaction off, and every step"
        " is durable before the next. Written is what the process hands to write calls (`wchar`), the"
        " write-ahead log and its checkpoints included. A call lasts from one request to the next.",
        probe=commits_per_second(place),
    )
    found = peer("our_big_results", place / "ours", CALLS)
    if "missing" in found:
        raise RuntimeError(found["missing"])
    megabytes, ratio = found["written"] / 1e6, found["last"] / found["first"]
    table.add("agentcron", "calls done", found["done"], f"of {CALLS}")
    table.add("agentcron", "conversation", found["size"] / 1e6, "MB")
    table.add("agentcron", "written", megabytes, "MB")
    table.add("agentcron", "CPU of a call, median of the first 10", found["first"], "ms")
    table.add("agentcron", "CPU of a call, median of the last 10", found["last"], "ms")
    table.goal("every call is done", found["done"] == CALLS, f"{found['done']} of {CALLS}")
    table.goal(f"<= {GOAL_MEGABYTES:.0f} MB written", megabytes <= GOAL_MEGABYTES, f"{megabytes:.1f} MB")
    table.goal(f"CPU per call flat: last 10 / first 10 < {GOAL_RATIO}", ratio < GOAL_RATIO, f"{ratio:.2f}")
    return table
