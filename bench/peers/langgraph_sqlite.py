"""LangGraph with its SqliteSaver: an agent's loop of model and tool, 500 messages of 2 kB.

The channel of messages is LangGraph's own, or, as ``delta``, its DeltaChannel, which stores differences.
"""

from __future__ import annotations

import json
import operator
import sqlite3
import statistics
import sys
import time
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph

TEXT = "x" * 2000


def written() -> int:
    """Return how many bytes this process has handed to write calls."""
    (line,) = (
        x for x in Path("/proc/self/io").read_text(encoding="ascii").splitlines() if x.startswith("wchar")
    )
    return int(line.split()[1])


def channel(kind: str) -> Any:
    """Return the type of the messages' channel."""
    if kind != "delta":
        return Annotated[list[Any], operator.add]
    from langgraph.channels.delta import DeltaChannel

    def add(state: list[Any], writes: list[list[Any]]) -> list[Any]:
        return state + [message for write in writes for message in write]

    return Annotated[list[Any], DeltaChannel(add)]


def main(path: str, kind: str, messages: int) -> None:
    """Run the loop once, from the first message to the last."""
    State = TypedDict("State", {"messages": channel(kind)})  # type: ignore[misc]  # noqa: UP013
    at: list[float] = []

    def model(_: Any) -> dict[str, Any]:
        at.append(time.perf_counter())
        return {"messages": [{"role": "assistant", "content": TEXT}]}

    def tool(_: Any) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": TEXT}]}

    graph = StateGraph(State)
    graph.add_node("model", model)
    graph.add_node("tool", tool)
    graph.add_edge(START, "model")
    graph.add_edge("tool", "model")
    graph.add_conditional_edges("model", lambda s: END if len(s["messages"]) >= messages else "tool")
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    saver = SqliteSaver(connection)
    app = graph.compile(checkpointer=saver)
    config: Any = {"configurable": {"thread_id": "1"}, "recursion_limit": 2 * messages}
    before, began = written(), time.perf_counter()
    # Durable before the next step, as ours: by default it saves concurrently with the next one.
    app.invoke({"messages": [{"role": "user", "content": TEXT}]}, config, durability="sync")
    taken, after = time.perf_counter() - began, written()
    steps = [1000 * (b - a) for a, b in pairwise(at)]
    names = ("journal_mode", "synchronous")
    pragmas = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]
    print(
        json.dumps(
            {
                "version": version("langgraph") + " / " + version("langgraph-checkpoint-sqlite"),
                "pragmas": pragmas,
                "written": after - before,
                "first": statistics.median(steps[:100]),
                "last": statistics.median(steps[-100:]),
                "seconds": taken,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
