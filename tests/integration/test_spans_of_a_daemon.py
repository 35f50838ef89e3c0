"""``up --otel``: a real daemon exports to a stand-in for a collector, and does not need one to live."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.kit.processes import Installation, until

pytestmark = pytest.mark.process

CRONTAB = '@every 1s  one  "A secret."  model=rehearsal:one.jsonl\n'


class Collector:
    """Takes in what is posted to it."""

    def __init__(self) -> None:
        bodies = self.bodies = []  # type: list[tuple[str, bytes]]

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    listening = Collector()
    yield listening
    listening.close()


@pytest.fixture
def home(place: Installation) -> Installation:
    place.crontab(CRONTAB)
    (place.home / "one.jsonl").write_text('{"text": "Done."}\n')
    return place


def test_spans_reach_a_collector_before_the_daemon_ends(home: Installation, collector: Collector) -> None:
    daemon = home.start("up", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    until(lambda: "succeeded" in daemon.stderr, 30, lambda: daemon.stderr)
    daemon.send(signal.SIGTERM)
    assert daemon.wait() == 0, daemon.stderr
    assert {path for path, _ in collector.bodies} == {"/v1/traces"}
    sent = b"".join(body for _, body in collector.bodies)
    for name in (b"invoke_agent one", b"chat rehearsal", b"service.name", b"agentcron"):
        assert name in sent
    assert b"secret" not in sent
    assert str(home.home).encode() not in sent, "where the script lies is nobody's business"


def test_a_collector_that_is_not_there_keeps_nobody_from_ending(home: Installation) -> None:
    daemon = home.start("up", "--otel", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    until(lambda: "succeeded" in daemon.stderr, 30, lambda: daemon.stderr)
    began = time.monotonic()
    daemon.send(signal.SIGTERM)
    assert daemon.wait() == 0, daemon.stderr
    assert time.monotonic() - began < 15
    assert "Traceback" not in daemon.stderr


def test_no_otel_beats_the_environment(home: Installation, collector: Collector) -> None:
    daemon = home.start("up", "--no-otel", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    until(lambda: "succeeded" in daemon.stderr, 30, lambda: daemon.stderr)
    daemon.send(signal.SIGTERM)
    assert daemon.wait() == 0, daemon.stderr
    assert collector.bodies == []
