"""The states of runs in SQL, from the tables of ``core.run.run``.  Without SQLAlchemy.

States are written out, never bound: a bound value would hide the partial indexes from the planner.
"""

from __future__ import annotations

from collections.abc import Iterable

from scheduler.core.run.run import LIVE, Move, State, transition


def one_of(column: str, values: Iterable[str]) -> str:
    """Return the SQL that allows only ``values``, in a stable order."""
    return f"{column} IN ({', '.join(repr(str(value)) for value in sorted(values))})"


def states(given: Iterable[State], column: str = "state") -> str:
    """Return the SQL that a column is one of the states."""
    names = sorted(str(state) for state in given)
    return f"{column} = '{names[0]}'" if len(names) == 1 else one_of(column, names)


def sources(move: Move, column: str = "state") -> str:
    """Return the SQL that a run may make this move now."""
    return states(transition(move).sources, column)


def live(column: str = "state") -> str:
    """Return the SQL that a run is not final."""
    return states(LIVE, column)
