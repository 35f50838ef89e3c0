"""The backlog: the amount of due work, as a few numbers for metrics."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """The amount of due work, and its age, at one moment.

    Args:
        runs: those that are not over, by state.
        jobs: by state.
        due: overdue items by kind: ``fire``, ``wake``, ``start``, ``report``.
        oldest: since when the oldest of each kind is due; kinds with nothing due are left out.
        outbox: notices to be sent, by state.
        runners: processes that are recorded as running, by kind.
    """

    runs: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, int] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
    oldest: dict[str, datetime] = field(default_factory=dict)
    outbox: dict[str, int] = field(default_factory=dict)
    runners: dict[str, int] = field(default_factory=dict)
