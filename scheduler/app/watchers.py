"""Set up the observers of a daemon: systemd, Prometheus, OpenTelemetry."""

from __future__ import annotations

import faulthandler
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scheduler.app.database import database_of
from scheduler.config import Config
from scheduler.ports.observer import Observer

if TYPE_CHECKING:
    from scheduler.adapters.metrics.figures import Figures
    from scheduler.adapters.notify_socket import NotifySocket

log = logging.getLogger("agentcron")


@dataclass(slots=True)
class Watchers:
    """The observers of one daemon."""

    supervisor: NotifySocket | None = None
    figures: Figures | None = None
    observers: list[Observer] = field(default_factory=list)

    def reloading(self) -> None:
        """Report that the crontab is read again."""
        if self.supervisor is not None:
            self.supervisor.reloading()

    def stopping(self) -> None:
        """Report that the daemon stops."""
        if self.supervisor is not None:
            self.supervisor.stopping()

    def count_commits(self, commits: Callable[[], int]) -> None:
        """Set the source of the number of written transactions."""
        if self.figures is not None:
            self.figures.commits = commits


def parse_address(text: str) -> tuple[str, int]:
    """Return the address of the metrics: ``HOST:PORT``, on a loopback address.

    Raises:
        UsageError: it is not such an address.
    """
    from scheduler.adapters.metrics.server import parse_address

    return parse_address(text)


@contextmanager
def watched(config: Config, metrics: tuple[str, int] | None, otel: bool | None) -> Iterator[Watchers]:
    """Run the configured observers until the end.

    Args:
        metrics: the address for metrics, or None.
        otel: whether to export spans; None: as the ``OTEL_*`` variables say.

    Raises:
        CannotWorkError: the address is taken, or the extra for spans is missing.
    """
    from scheduler.adapters.notify_socket import NotifySocket
    from scheduler.adapters.system import SystemClock

    clock = SystemClock()
    found = Watchers(NotifySocket.from_environment(os.environ, clock))
    closing: list[Callable[[], None]] = []
    try:
        if found.supervisor is not None:
            found.observers.append(found.supervisor)
            if found.supervisor.is_watched:
                # systemd ends a hang by SIGABRT: then the journal shows the stacks of all threads.
                faulthandler.enable()
        _export_spans(found, closing, otel)
        if metrics is not None:
            _serve_metrics(found, closing, config, metrics)
        yield found
    finally:
        for close in reversed(closing):
            close()


def _serve_metrics(
    found: Watchers, closing: list[Callable[[], None]], config: Config, address: tuple[str, int]
) -> None:
    from prometheus_client import CollectorRegistry

    from scheduler.adapters.metrics.figures import Figures
    from scheduler.adapters.metrics.server import Health, MetricsServer
    from scheduler.adapters.metrics.stored import StoredFigures
    from scheduler.adapters.system import SystemClock

    clock, registry = SystemClock(), CollectorRegistry()
    found.figures, health = Figures(registry, clock.now()), Health(clock)
    registry.register(StoredFigures(database_of(config), clock))
    server = MetricsServer(address, registry, health)
    closing.append(server.close)
    found.observers += [health, found.figures]
    log.info("metrics at %s/metrics", server.url, extra={"event": "daemon.metrics"})


def _export_spans(found: Watchers, closing: list[Callable[[], None]], otel: bool | None) -> None:
    from scheduler.adapters.otel.setup import is_asked_for, is_installed, make_spans

    if otel is False or (otel is None and not is_asked_for(os.environ)):
        return
    if otel is None and not is_installed():
        # The variables may be meant for other programs of this machine.
        log.info("OTEL_* variables are set, and the extra is not installed: pip install 'agentcron[otel]'")
        return
    spans = make_spans()
    found.observers.append(spans)
    closing.append(spans.close)
    # Warnings of the exporter go to our log, in the same form.
    theirs = logging.getLogger("opentelemetry")
    theirs.handlers[:], theirs.propagate = log.handlers, False
