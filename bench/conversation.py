"""A conversation of 500 messages and 1 MB: bytes written and time per step, compared with LangGraph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.peers import peer
from bench.probe import commits_per_second
from bench.table import Table

MESSAGES = 500
GOAL_MEGABYTES, GOAL_RATIO = 15.0, 1.3


def measure(place: Path) -> Table:
    """Run ours, then LangGraph with its default channel and with its DeltaChannel."""
    table = Table(
        f"A conversation of {MESSAGES} messages, 1 MB",
        "Model and tool take turns with 2 kB each, and every step is durable before the next. Written is what"
        " the process hands to write calls (`wchar`), the write-ahead log and its checkpoints included. Ours"
        " is the whole engine: besides the messages it keeps a journal of requests and of tool calls, each"
        " durable before and after it acts. LangGraph saves with `durability=sync`.",
        probe=commits_per_second(place),
    )
    found = peer("our_conversation", place / "ours", MESSAGES)
    if "missing" in found:
        raise RuntimeError(found["missing"])
    _add(table, "agentcron", found)
    for kind, name in (("default", "default channel"), ("delta", "DeltaChannel")):
        theirs = peer("langgraph_sqlite", place / f"{kind}.db", kind, MESSAGES)
        who = f"LangGraph {theirs.get('version', '')}, {name}"
        if "missing" in theirs:
            table.add(who, "written", None, "MB", theirs["missing"])
        else:
            assert theirs["pragmas"] == ["wal", 2], theirs["pragmas"]
            _add(table, who, theirs)
    if found["written"] / 1e6 > GOAL_MEGABYTES:
        _explain(table, peer("our_pages", place / "pages", MESSAGES))
    megabytes, ratio = found["written"] / 1e6, found["last"] / found["first"]
    table.goal(f"<= {GOAL_MEGABYTES:.0f} MB written", megabytes <= GOAL_MEGABYTES, f"{megabytes:.1f} MB")
    text = f"time per step flat: last 100 / first 100 < {GOAL_RATIO}"
    table.goal(text, ratio < GOAL_RATIO, f"{ratio:.2f}")
    return table


def _explain(table: Table, pages: dict[str, Any]) -> None:
    """Say where the bytes of a miss went."""
    if "missing" in pages:
        table.notes.append(f"Where the bytes go could not be counted: {pages['missing']}")
        return
    total, steps = pages["pages"], MESSAGES / 2
    parts = ", ".join(f"{name} {100 * count / total:.0f} %" for name, count in pages["by"][:6])
    table.notes.append(
        f"Why: a step of model and tool is {pages['commits'] / steps:.0f} commits (request recorded; answer,"
        " with its pure call begun; result and the message that holds it), each durable, and"
        f" {total / steps:.0f} pages in the write-ahead log: {parts}."
    )


def _add(table: Table, who: str, found: dict[str, float]) -> None:
    table.add(who, "written", found["written"] / 1e6, "MB")
    table.add(who, "a step, median of the first 100", found["first"], "ms")
    table.add(who, "a step, median of the last 100", found["last"], "ms")
