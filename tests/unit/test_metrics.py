"""Figures for Prometheus: what a scrape reads, after agents have lived."""

from __future__ import annotations

import platform
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from scheduler.adapters.metrics.figures import UNKNOWN_TOOL, Figures
from scheduler.adapters.metrics.server import MAX_AT_A_TIME, Health, MetricsServer, parse_address
from scheduler.adapters.metrics.stored import StoredFigures
from scheduler.adapters.sql.history.history import SqlHistory
from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.errors import CannotWorkError, UsageError
from scheduler.ports.observer import Observer
from scheduler.testing.clock import FakeClock
from scheduler.testing.world import World, open_world
from tests.kit.models import FakeModel, call, finish, sleep
from tests.kit.stage import Recorder


def listen(world: World, *observers: Observer) -> None:
    """Let observers see what the world does."""
    world.services.move_log._observers = observers


class Scraper:
    """Reads a registry as Prometheus does."""

    def __init__(self, text: str) -> None:
        self.samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        return self.samples[f"agentcron_{name}", tuple(sorted(labels.items()))]

    def has(self, name: str) -> bool:
        return any(found == f"agentcron_{name}" for found, _ in self.samples)


def scrape(registry: CollectorRegistry) -> Scraper:
    from prometheus_client import generate_latest

    return Scraper(generate_latest(registry).decode())


# -- figures ----------------------------------------------------------------------------------------
async def test_what_agents_did_and_what_waits(tmp_path: Path) -> None:
    look = Recorder("look")
    model = FakeModel([call(("look", {}), ("made_up_by_the_model", {})), sleep("1h"), finish("Over.")])
    async with open_world(tmp_path, model=model, tools={"look": look.made()}, price_usd=0.25) as world:
        registry = CollectorRegistry()
        listen(world, Figures(registry, world.clock.now()))
        registry.register(StoredFigures(SqliteDatabase(world.config.database), world.clock))
        await world.load('0 10 * * *  work  "Work."  tz=UTC\n0 12 * * *  other  "x"  tz=UTC\n')
        world.clock.advance(3600 + 7)
        await world.settle()

        found = scrape(registry)
        assert found("run_moves_total", move="fire", reason="") == 1
        assert found("run_moves_total", move="suspend", reason="") == 1
        assert found("lateness_seconds_sum", what="fire") == 7
        assert found("lateness_seconds_count", what="wake") == 0
        assert (found("sleepers"), found("runs", state="sleeping"), found("runs", state="running")) == (
            1,
            1,
            0,
        )
        assert found("jobs", state="active") == 2
        assert found("due", kind="wake") == 0
        assert found("oldest_due_seconds", kind="wake") == 0
        assert found("database_up") == 1
        assert found("database_bytes", file="main") > 0

        world.clock.advance(2 * 3600)
        found = scrape(registry)
        assert (found("due", kind="wake"), found("due", kind="fire")) == (1, 1)
        assert found("oldest_due_seconds", kind="wake") == 3600
        assert found("oldest_due_seconds", kind="fire") == 7

        await world.tick()
        found = scrape(registry)
        assert found("lateness_seconds_sum", what="wake") == 3600
        assert (found("due", kind="wake"), found("due", kind="start")) == (0, 2)


async def test_requests_tokens_money_and_calls(tmp_path: Path) -> None:
    look = Recorder("look")
    model = FakeModel([call(("look", {}), ("made_up", {})), finish("Over.")])
    async with open_world(tmp_path, model=model, tools={"look": look.made()}, price_usd=0.25) as world:
        registry = CollectorRegistry()
        listen(world, Figures(registry, world.clock.now()))
        await world.load('@manual  work  "Work."  model=claude-haiku-5-5\n')
        await world.play("work")
    found = scrape(registry)
    assert found("requests_total", model="claude-haiku-5-5", outcome="answered") == 2
    assert found("cost_usd_total", model="claude-haiku-5-5") == 0.5
    assert found("tokens_total", model="claude-haiku-5-5", kind="output") > 0
    assert found("tool_calls_total", tool="look", outcome="done") == 1
    assert found("tool_calls_total", tool=UNKNOWN_TOOL, outcome="failed") == 1
    assert found("steps_total") == 2
    assert found("build_info", version="0.1.0", python=platform.python_version()) == 1


async def test_a_database_that_cannot_be_read_is_one_figure_and_no_fault(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    (tmp_path / "agentcron.db").write_text("this is no database")
    registry.register(StoredFigures(SqliteDatabase(tmp_path / "agentcron.db"), FakeClock()))
    found = scrape(registry)
    assert found("database_up") == 0
    assert not found.has("runs")


async def test_the_stored_figures_are_read_from_indexes_alone(tmp_path: Path) -> None:
    from scheduler.adapters.sql.history import backlog

    async with open_world(tmp_path) as world:
        with world.history() as history:
            assert isinstance(history, SqlHistory)
            for sql in (backlog._RUNS, *backlog._DUE.values(), backlog._OUTBOX):
                rows = history._connection.stream(f"EXPLAIN QUERY PLAN {sql}", {"now": 1})
                plan = " | ".join(row[3] for row in rows)
                assert "INDEX" in plan, (sql, plan)
                assert "SCAN runs" not in plan.replace("SCAN runs USING", ""), (sql, plan)
                assert "messages" not in plan


# -- the server -------------------------------------------------------------------------------------
@pytest.fixture
def health() -> Health:
    return Health(FakeClock())


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def server(health: Health, registry: CollectorRegistry) -> Iterator[MetricsServer]:
    serving = MetricsServer(("127.0.0.1", 0), registry, health)
    yield serving
    serving.close()


def get(server: MetricsServer, path: str, **headers: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(server.url + path, headers=headers)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_health_follows_the_loop_and_the_database(server: MetricsServer) -> None:
    clock = FakeClock()
    health = Health(clock)
    assert health.problem() == "not ready yet"
    health.beat(clock.monotonic())
    health.passed(1, 0, None)
    assert health.problem() == ""
    health.troubled("the disk is full")
    assert health.problem() == "the disk is full"
    health.passed(1, 0, None)
    clock.advance(60)
    assert health.problem() == "the loop has not moved for 60 s"


def test_the_pages(server: MetricsServer, health: Health, registry: CollectorRegistry) -> None:
    Figures(registry, FakeClock().now())
    assert get(server, "/healthz") == (503, "not ready yet\n")
    health.beat(0.0)
    health.passed(1, 0, None)
    assert get(server, "/healthz") == (200, "ok\n")
    assert get(server, "/nowhere")[0] == 404
    status, text = get(server, "/metrics")
    assert status == 200
    assert Scraper(text)("passes_total") == 0
    status, text = get(server, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert (status, text.splitlines()[-1]) == (200, "# EOF")


def test_figures_that_break_are_an_error_page(server: MetricsServer, registry: CollectorRegistry) -> None:
    class Broken(Collector):
        def describe(self) -> list[object]:
            return []

        def collect(self) -> Iterator[object]:  # type: ignore[override]
            raise ZeroDivisionError

    registry.register(Broken())
    assert get(server, "/metrics") == (500, "the metrics cannot be collected\n")


def test_who_asks_too_often_or_says_nothing_is_hung_up_on(server: MetricsServer, health: Health) -> None:
    health.beat(0.0)
    health.passed(1, 0, None)
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(MAX_AT_A_TIME)]
    try:
        # They are taken in the order of their coming; one more finds no room.
        with pytest.raises(OSError):
            get(server, "/healthz")
    finally:
        for each in silent:
            each.close()
    for _ in range(100):
        try:
            assert get(server, "/healthz")[0] == 200
        except OSError:
            threading.Event().wait(0.05)
        else:
            return
    raise AssertionError("room was never made again")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        ("localhost:0", ("127.0.0.1", 0)),
        ("[::1]:9464", ("::1", 9464)),
        ("127.8.8.8:1", ("127.8.8.8", 1)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text", ["0.0.0.0:9464", "[::]:9464", "192.168.1.1:80", "example.com:80", "10.0.0.1:1"]
)
def test_addresses_that_other_machines_reach_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="open to other machines"):
        parse_address(text)


@pytest.mark.parametrize("text", ["", "9464", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", ":9464"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="is not HOST:PORT"):
        parse_address(text)


def test_a_port_that_is_taken(server: MetricsServer, health: Health, registry: CollectorRegistry) -> None:
    with pytest.raises(CannotWorkError, match="already in use"):
        MetricsServer(("127.0.0.1", server.port), registry, health)
