"""What a benchmark says: figures side by side, the goals that they meet or miss, and notes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; None stands for one that could not be measured, and the note says why."""

    who: str
    what: str
    value: float | None
    unit: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Goal:
    """What was to be reached, and whether it was; ``shown`` tells by which numbers."""

    text: str
    met: bool
    shown: str


@dataclass(slots=True)
class Table:
    """One benchmark.

    Args:
        says: what exactly is measured, in one or two sentences.
        probe: commits of one row a second on this disk at this time, or None where no disk takes part.
    """

    title: str
    says: str
    figures: list[Figure] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    probe: int | None = None

    def add(self, who: str, what: str, value: float | None, unit: str, note: str = "") -> None:
        """Add a figure."""
        self.figures.append(Figure(who, what, value, unit, note))

    def goal(self, text: str, met: bool, shown: str) -> None:
        """Add a goal."""
        self.goals.append(Goal(text, met, shown))


def number(value: float | None, unit: str = "") -> str:
    """Return a value for people: three digits that mean something, or ``missing``."""
    if value is None:
        return "missing"
    if abs(value) >= 100:
        text = f"{value:,.0f}"
    elif abs(value) >= 1:
        text = f"{value:.1f}"
    else:
        text = f"{value:.3f}"
    return f"{text} {unit}".rstrip()


def markdown(table: Table) -> str:
    """Return a table as a section of a page."""
    lines = [f"## {table.title}", "", table.says, ""]
    if table.probe is not None:
        lines += [f"Disk probe: {table.probe:,} durable commits of one row in one second.", ""]
    lines += ["| who | what | figure | |", "|---|---|---:|---|"]
    lines += [f"| {f.who} | {f.what} | {number(f.value, f.unit)} | {f.note} |" for f in table.figures]
    if table.goals:
        lines += ["", "| goal | | by |", "|---|---|---|"]
        lines += [f"| {g.text} | {'met' if g.met else '**missed**'} | {g.shown} |" for g in table.goals]
    for note in table.notes:
        lines += ["", note]
    return "\n".join(lines) + "\n"


def plain(table: Table) -> str:
    """Return a table for a terminal."""
    lines = [table.title]
    if table.probe is not None:
        lines.append(f"  disk probe: {table.probe:,} commits/s")
    lines += [
        f"  {f.who:40}  {f.what:36}  {number(f.value, f.unit):>12}  {f.note}".rstrip() for f in table.figures
    ]
    lines += [f"  goal {'met   ' if g.met else 'MISSED'}  {g.text}: {g.shown}" for g in table.goals]
    return "\n".join(lines) + "\n"
