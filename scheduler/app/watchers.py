"""Who watches a daemon: systemd, Prometheus, OpenTelemetry; as the options and the environment say."""

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
        """Say that the crontab is read again."""
        if self.supervisor is not None:
            self.supervisor.reloading()

    def stopping(self) -> None:
        """Say that the daemon ends."""
        if self.supervisor is not None:
            self.supervisor.stopping()

    def count_commits(self, commits: Callable[[], int]) -> None:
        """Say who knows how many transactions were written."""
        if self.figures is not None:
            self.figures.commits = commits


def parse_address(text: str) -> tuple[str, int]:
    """Return where figures are to be served: ``HOST:PORT``, on a loopback address.

    Raises:
        UsageError: it is none.
    """
    from scheduler.adapters.metrics.server import parse_address

    return parse_address(text)


@contextmanager
def watched(config: Config, metrics: tuple[str, int] | None, otel: bool | None) -> Iterator[Watchers]:
    """Let everybody watch who wants to, until the end.

    Args:
        metrics: where to serve figures, or None.
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
                # systemd ends a hang by SIGABRT: then the journal shows where every thread stood.
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
    # What the exporter complains about goes where our own lines go, in the same form.
    theirs = logging.getLogger("opentelemetry")
    theirs.handlers[:], theirs.propagate = log.handlers, False
