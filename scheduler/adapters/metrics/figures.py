"""Metrics of this process since its start."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.metadata import version
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, Info
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Request
from scheduler.core.run.run import Move, Run
from scheduler.core.run.step import Step
from scheduler.ports.observer import Moved, Observer

LATE_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21_600)
REQUEST_SECONDS = (0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300)

UNKNOWN_TOOL = "(unknown)"
"""A model may invent names of tools, and each name would be a separate series forever."""

_USAGE = (
    ("input", "input_tokens"),
    ("output", "output_tokens"),
    ("cache_read", "cache_read_tokens"),
    ("cache_write", "cache_write_tokens"),
)


class Figures(Observer):
    """Count moves, steps, requests, calls and their lateness.

    Args:
        registry: where the metrics are registered.
        started_at: when this process started.
        commits: returns how many transactions this process has written.
    """

    def __init__(self, registry: CollectorRegistry, started_at: datetime) -> None:
        self.commits: Callable[[], int] = lambda: 0
        more: Any = {"registry": registry}
        self._moves = Counter(
            "agentcron_run_moves", "Moves of runs that this process has made.", ["move", "reason"], **more
        )
        self._late = Histogram(
            "agentcron_lateness_seconds",
            "How long after its instant a job fired or a run was woken.",
            ["what"],
            buckets=LATE_SECONDS,
            **more,
        )
        self._steps = Counter("agentcron_steps", "Steps of agents.", **more)
        self._requests = Counter("agentcron_requests", "Calls of models.", ["model", "outcome"], **more)
        self._seconds = Histogram(
            "agentcron_request_seconds",
            "How long answered calls of models took.",
            ["model"],
            buckets=REQUEST_SECONDS,
            **more,
        )
        self._tokens = Counter(
            "agentcron_tokens", "Tokens, as the API counts them.", ["model", "kind"], **more
        )
        self._cost = Counter(
            "agentcron_cost_usd", "What answers have cost, in US dollars.", ["model"], **more
        )
        self._calls = Counter("agentcron_tool_calls", "Calls of tools.", ["tool", "outcome"], **more)
        self._lost = Counter("agentcron_lease_losses", "Runs that another runner took over.", **more)
        self._loads = Counter("agentcron_crontab_loads", "Readings of the crontab.", ["outcome"], **more)
        self._passes = Counter("agentcron_passes", "Whole passes over what is due.", **more)
        Info("agentcron_build", "The installed version.", **more).info(
            {"version": version("agentcron"), "python": platform.python_version()}
        )
        Info("agentcron_daemon", "This process.", **more).info(
            {"pid": str(os.getpid()), "host": socket.gethostname()}
        )
        registry.register(_Process(self, started_at))
        for what in ("fire", "wake"):
            self._late.labels(what)

    def moved(self, moved: Moved) -> None:
        """Count a move, and its lateness."""
        self._moves.labels(moved.move.value, moved.reason_code).inc()
        if moved.late_seconds is not None and moved.move in (Move.FIRE, Move.WAKE):
            self._late.labels(moved.move.value).observe(max(0.0, moved.late_seconds))

    def stepped(self, before: Checkpoint, step: Step, now: Checkpoint) -> None:
        """Count what a step contains."""
        if step.new_step:
            self._steps.inc()
        if step.closed is not None:
            self._requested(step.closed)
        names = {call.id: call.name for call in now.calls}
        known = {str(tool.get("name")) for tool in before.frame.tools} if before.frame else set()
        for result in step.results:
            name = names.get(result.call_id, "")
            self._calls.labels(name if name in known else UNKNOWN_TOOL, result.state.value).inc()

    def _requested(self, request: Request) -> None:
        self._requests.labels(request.model, request.state).inc()
        if request.state != "answered":
            return
        for kind, name in _USAGE:
            self._tokens.labels(request.model, kind).inc(getattr(request.usage, name))
        self._cost.labels(request.model).inc((request.cost_microusd or 0) / 1_000_000)
        if request.ended_at is not None:
            seconds = (request.ended_at - request.started_at).total_seconds()
            self._seconds.labels(request.model).observe(max(0.0, seconds))

    def lease_lost(self, run: Run, epoch: int, when: datetime) -> None:  # noqa: ARG002 - the port's
        """Count a run that another runner took over."""
        self._lost.inc()

    def loaded(self, jobs: int, problem: str) -> None:  # noqa: ARG002 - the port's
        """Count a reading of the crontab."""
        self._loads.labels("failed" if problem else "loaded").inc()

    def passed(self, jobs: int, running: int, next_due: datetime | None) -> None:  # noqa: ARG002 - the port's
        """Count a pass."""
        self._passes.inc()


class _Process(Collector):
    """The metrics that are computed at a scrape."""

    def __init__(self, figures: Figures, started_at: datetime) -> None:
        self._figures = figures
        self._started_at = started_at

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Yield the present values."""
        yield CounterMetricFamily(
            "agentcron_commits", "Transactions that this process has written.", self._figures.commits()
        )
        yield GaugeMetricFamily(
            "agentcron_started_at_seconds",
            "When this process came up, in seconds since 1970.",
            self._started_at.timestamp(),
        )
