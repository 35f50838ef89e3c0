"""The backlog: how much there is to do, as a few numbers; figures are made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much there is to do, and how late it is, at one moment.

    Args:
        runs: those that are not over, by state.
        jobs: by state.
        due: what should have happened by now, by kind: ``fire``, ``wake``, ``start``, ``report``.
        oldest: since when the oldest of each kind is due; kinds with nothing due are left out.
        outbox: notices that are to be sent, by state.
        runners: processes that say they are at work, by kind.
    """

    runs: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, int] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
    oldest: dict[str, datetime] = field(default_factory=dict)
    outbox: dict[str, int] = field(default_factory=dict)
    runners: dict[str, int] = field(default_factory=dict)
