"""The generated pages: ``python -m tests.house.generate`` writes them, a test compares them.

``docs/lifecycle.md`` comes from the tables of moves and reasons, ``docs/map.md`` from the first line of every
module, ``docs/why/README.md`` from the headings of the decisions.
"""

from __future__ import annotations

from pathlib import Path

from scheduler.core.run.reasons import REASONS, Reason
from scheduler.core.run.run import FINAL, TRANSITIONS, State
from tests.house.decisions import index
from tests.house.tree import FLOORS, ROOT, first_line, python_files
from tests.kit.walk import page

WINDOWS: dict[str, tuple[str, str]] = {
    "W0": ("a due slot was found", "nothing is written; the next pass finds it again"),
    "W1": ("the claim is committed", "the lease runs out, or its runner is found dead: rescued"),
    "W2": ("the first message is stored", "the run continues from it"),
    "W3": ("the request is on record and not sent yet", "counted as lost, sent again"),
    "W4": ("the request is under way", "counted as lost: it may have been billed; sent again"),
    "W5": ("the answer has come and is not stored", "counted as lost; sent again, new call ids"),
    "W6": (
        "the answer and its planned calls are stored; where all of them are pure, as started",
        "the calls are started; pure ones are repeated",
    ),
    "W7": ("the decision about a call is stored", "part of W8 as long as every declared tool is allowed"),
    "W8": (
        "the calls are stored as started; part of W6 where all of them are pure",
        "their outcome is unknown: the effect class decides",
    ),
    "W9": ("the effect has happened", "as W8"),
    "W10": ("the result is in memory", "as W8"),
    "W11": (
        "a result is stored, and other calls are open; of the last one, part of W12",
        "it is not executed again",
    ),
    "W12": ("the last result and the message with all results are stored", "the next request is made"),
    "W13": ("the sleep and its wake-up are stored", "the run sleeps; no request is sent before it is due"),
    "W14": ("the end is stored and the lease is free", "the report waits in the outbox"),
    "W15": ("the report was sent and that is not stored", "it is sent once more, with the same id"),
}
"""The crash windows of one turn: what has happened, and what another process finds and does."""

NOTES: dict[State, str] = {
    State.QUEUED: "It waits for a free runner, for its jitter, or for an earlier run of its job.",
    State.RUNNING: "One runner holds its lease; every write names the epoch.",
    State.SLEEPING: "Only rows in the database. A wake-up or a person ends it; no attempt is used up.",
    State.PARKED: "It needs a person, a key, or another day. After seven days it fails, and stays resumable.",
    State.RETRYING: "The API was overloaded or requested a wait. A durable wake-up continues it.",
    State.SUCCEEDED: "The agent has finished.",
    State.FAILED: "A permanent error, or out of retries. `agentcron resume` continues from the last step.",
    State.CANCELLED: "By a person, or replaced by a newer run. It can be resumed.",
    State.SKIPPED: "A slot that became no run, with its reason.",
}

_HEAD = "<!-- written by `python -m tests.house.generate`; do not edit -->\n"


def lifecycle() -> str:
    """Return ``docs/lifecycle.md``."""
    lines = [
        "# The life of a run",
        "",
        _HEAD,
        "```mermaid",
        "stateDiagram-v2",
        *_diagram(),
        "```",
        "",
        "## States",
        "",
        "| state | |",
        "|---|---|",
    ]
    for state in State:
        name = f"**{state}**" if state in FINAL else str(state)
        lines.append(f"| {name} | {NOTES[state]} |")
    lines += [
        "",
        "States in bold are final: only a person can continue them.",
        "",
        "## Moves",
        "",
        "| from | move | to | by | |",
        "|---|---|---|---|---|",
    ]
    for move in TRANSITIONS:
        sources = ", ".join(state for state in State if state in move.sources) or "(none)"
        lines.append(
            f"| {sources} | {move.move.replace('_', ' ')} | {move.target} | {move.by} | {move.note} |"
        )
    lines += [
        "",
        "## Reasons",
        "",
        "Why a slot became no run, or why a run waits or ended: its `reason_code`. A parked run fails",
        "after seven days in any case, and stays resumable. A code of a newer version needs a person.",
        "",
        "| code | | ends by itself | command |",
        "|---|---|---|---|",
        *(f"| `{r.code}` | {r.meaning} | {r.ends} | `{_typed(r)}` |" for r in REASONS.values()),
        "",
        "## Crash windows",
        "",
        "A process may die between any two of these. The tests kill one at each.",
        "",
        "| window | what has happened | what the next process does |",
        "|---|---|---|",
        *(f"| {name} | {done} | {then} |" for name, (done, then) in WINDOWS.items()),
    ]
    return "\n".join(lines) + "\n"


def _typed(reason: Reason) -> str:
    more = {"usd": "+1.00", "tokens": "+100ktok", "effects": "+10effects"}.get(reason.unit or "", "")
    return reason.way.command.format(run="RUN", job="JOB", more=more)


def _diagram() -> list[str]:
    arrows: dict[tuple[str, str], list[str]] = {}
    for line in TRANSITIONS:
        for source in [str(state) for state in State if state in line.sources] or ["[*]"]:
            arrows.setdefault((source, str(line.target)), []).append(line.move.replace("_", " "))
    return [f"    {source} --> {target}: {', '.join(moves)}" for (source, target), moves in arrows.items()]


def the_map() -> str:
    """Return ``docs/map.md``."""
    lines = ["# The map", "", _HEAD, "Every module in one line. Imports point down this page.", ""]
    modules = python_files("scheduler")
    for floor in FLOORS:
        of_floor = [name for name in modules if name.split("/")[1].removesuffix(".py") == floor]
        lines += [f"## {floor}", ""]
        for name in sorted(of_floor, key=lambda name: (Path(name).name != "__init__.py", name)):
            lines.append(f"- `{_shown(name, floor)}` {first_line(name)}")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _shown(name: str, floor: str) -> str:
    short = name.removeprefix("scheduler/").removeprefix(f"{floor}/")
    folder, _, file = short.rpartition("/")
    if file == "__init__.py":
        return f"{folder or floor}/"
    return short


def decisions() -> str:
    """Return ``docs/why/README.md``."""
    return index(_HEAD)


def the_walk() -> str:
    """Return ``docs/walk.md``."""
    return page(_HEAD)


PAGES = {
    "docs/lifecycle.md": lifecycle,
    "docs/map.md": the_map,
    "docs/walk.md": the_walk,
    "docs/why/README.md": decisions,
}


def main() -> None:
    """Write all generated pages."""
    for name, make in PAGES.items():
        (ROOT / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
