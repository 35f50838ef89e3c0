"""Small helpers for English: lists, ranges, ordinals, names of days and months."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_MIN_RANGE = 3


def listed(items: Sequence[str]) -> str:
    """Return ``a``, ``a and b`` or ``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def ranged(values: Sequence[int], name: Callable[[int], str], *, cycle: int = 0) -> str:
    """Return ascending numbers with ranges of three or more as ``x to y``.

    Args:
        cycle: the number of values, for a range that continues from the last value to the first
            (Friday to Monday); 0 if it cannot.
    """
    runs = [[values[0]]]
    for value in values[1:]:
        if value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    if cycle and len(runs) > 1 and (runs[-1][-1] + 1 - runs[0][0]) % cycle == 0:
        runs = [runs[-1] + runs[0], *runs[1:-1]]
    parts = []
    for run in runs:
        if len(run) >= _MIN_RANGE:
            parts.append(f"{name(run[0])} to {name(run[-1])}")
        else:
            parts += [name(value) for value in run]
    return listed(parts)


def ordinal(number: int) -> str:
    """Return ``1st``, ``2nd``, ``11th``."""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def counted(number: int, noun: str) -> str:
    """Return ``1 run`` or ``2 runs``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def even_step(values: Sequence[int], cycle: int) -> int | None:
    """Return the distance of values that are evenly spread all around a cycle, or None."""
    if len(values) < 2 or cycle % len(values):
        return None
    step = cycle // len(values)
    return step if all(b - a == step for a, b in pairwise(values)) else None
