"""Spending: what the models have cost, by job, day or model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scheduler.ports.store.history import Spending
from scheduler.views.clock import Wall

if TYPE_CHECKING:
    from scheduler.views.home import Home


@dataclass(slots=True)
class Sum:
    """What was spent under one name."""

    name: str
    requests: int = 0
    microusd: int = 0
    assumed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens: int = 0

    def add(self, part: Spending) -> None:
        """Add one part."""
        self.requests += part.requests
        self.microusd += part.microusd
        self.assumed += part.assumed
        self.tokens_in += part.tokens_in
        self.tokens_out += part.tokens_out
        self.tokens += part.tokens

    def as_json(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        return {
            "name": self.name,
            "cost_usd": self.microusd / 1_000_000,
            "requests": self.requests,
            "assumed_requests": self.assumed,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "tokens": self.tokens,
        }


def read_spending(home: Home, since: datetime) -> Sequence[Spending]:
    """Return the spending since an instant, the oldest first; empty if nothing has run.

    Raises:
        StoreError: the database cannot be read.
    """
    history = home.history()
    if history is None:
        return ()
    with history:
        return history.spending(since)


def summed(parts: Sequence[Spending], by: str, clock: Wall) -> list[Sum]:
    """Return the sums: days in order of time, everything else by cost, highest first."""
    names: dict[str, Callable[[Spending], str]] = {
        "job": lambda part: part.job,
        "model": lambda part: part.model,
        "day": lambda part: part.at.astimezone(clock.zone).date().isoformat(),
    }
    found: dict[str, Sum] = {}
    for part in parts:
        name = names[by](part)
        found.setdefault(name, Sum(name)).add(part)
    sums = list(found.values())
    return sums if by == "day" else sorted(sums, key=lambda each: (-each.microusd, each.name))


def total_of(parts: Sequence[Spending]) -> Sum:
    """Return the total."""
    total = Sum("total")
    for part in parts:
        total.add(part)
    return total
