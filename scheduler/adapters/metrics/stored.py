"""Stored figures: what the database says when somebody looks; the same in every daemon of one home."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from scheduler.errors import StoreError
from scheduler.ports.clock import Clock
from scheduler.ports.history import History


class StoredFigures(Collector):
    """Reads the history with a connection of its own, so that it never waits for that of the runner.

    A database that cannot be read leaves only ``agentcron_database_up 0``.

    Args:
        open_history: opens the history of this home, or raises StoreError.
        database: the file whose sizes are shown.
    """

    def __init__(
        self, open_history: Callable[[], AbstractContextManager[History]], database: Path, clock: Clock
    ) -> None:
        self._open_history = open_history
        self._database = database
        self._clock = clock

    def describe(self) -> list[GaugeMetricFamily]:
        """Promise nothing: registering must not read the database."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give the figures of this moment."""
        now = self._clock.now()
        try:
            with self._open_history() as history:
                found = history.backlog(now)
        except StoreError:
            yield _gauge("database_up", "Whether the database can be read.", 0)
            return
        yield _gauge("database_up", "Whether the database can be read.", 1)
        yield _gauge("runs", "Runs that are not over.", found.runs, "state")
        yield _gauge("sleepers", "Runs that are asleep.", found.runs.get("sleeping", 0))
        yield _gauge("jobs", "Jobs of the crontab.", found.jobs, "state")
        yield _gauge("due", "What should have happened by now.", found.due, "kind")
        ages = {kind: max(0.0, (now - since).total_seconds()) for kind, since in found.oldest.items()}
        ages = dict.fromkeys(found.due, 0.0) | ages
        yield _gauge("oldest_due_seconds", "How long the oldest of these is due.", ages, "kind")
        yield _gauge("outbox", "Reports that are to be sent.", found.outbox, "state")
        yield _gauge("runners", "Processes that say they are at work.", found.runners, "kind")
        yield _gauge("database_bytes", "Sizes of the database's files.", self._sizes(), "file")

    def _sizes(self) -> dict[str, float]:
        found = {}
        for name, suffix in (("main", ""), ("wal", "-wal")):
            path = f"{self._database}{suffix}"
            found[name] = float(os.path.getsize(path)) if os.path.exists(path) else 0.0
        return found


def _gauge(
    name: str, text: str, value: float | dict[str, int] | dict[str, float], label: str = ""
) -> GaugeMetricFamily:
    if not isinstance(value, dict):
        return GaugeMetricFamily(f"agentcron_{name}", text, value)
    family = GaugeMetricFamily(f"agentcron_{name}", text, labels=[label])
    for key, number in value.items():
        family.add_metric([key], number)
    return family
