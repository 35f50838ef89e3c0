"""Metrics of the database, read at each scrape; the same in every daemon of one home."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from scheduler.errors import StoreError
from scheduler.ports.clock import Clock
from scheduler.ports.store.database import Database


class StoredFigures(Collector):
    """Read the database with a separate connection, so that it never waits for the runner's.

    A database that cannot be read leaves only ``agentcron_database_up 0``.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def describe(self) -> list[GaugeMetricFamily]:
        """Describe nothing: registering must not read the database."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the present values."""
        now = self._clock.now()
        try:
            with self._database.history() as history:
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
        sizes = {part: float(size) for part, size in self._database.sizes().items()}
        yield _gauge("database_bytes", "Sizes of the database's files.", sizes, "file")


def _gauge(
    name: str, text: str, value: float | dict[str, int] | dict[str, float], label: str = ""
) -> GaugeMetricFamily:
    if not isinstance(value, dict):
        return GaugeMetricFamily(f"agentcron_{name}", text, value)
    family = GaugeMetricFamily(f"agentcron_{name}", text, labels=[label])
    for key, number in value.items():
        family.add_metric([key], number)
    return family
