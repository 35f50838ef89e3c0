"""Serve ``/metrics`` and ``/healthz`` on a loopback address, in separate threads.

In threads, so that a hang of the loop can be reported.  There are only a few, and each request
has a time limit, so that a client that is too frequent or too slow does not affect the agents.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from scheduler.errors import CannotWorkError, UsageError
from scheduler.ports.clock import Clock
from scheduler.ports.observer import Observer

log = logging.getLogger("agentcron")

SILENT_SECONDS = 15.0
"""A loop that has not run for this long is unhealthy; it runs several times in a second."""

REQUEST_SECONDS = 10.0
MAX_AT_A_TIME = 4


class Health(Observer):
    """Track whether the runner's loop runs and its database works."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beat: float | None = None
        self._trouble = "not ready yet"

    def beat(self, monotonic: float) -> None:
        """Record that the loop runs."""
        self._beat = monotonic

    def passed(self, jobs: int, running: int, next_due: datetime | None) -> None:  # noqa: ARG002 - the port's
        """Record that everything works."""
        self._trouble = ""

    def troubled(self, problem: str) -> None:
        """Record a problem."""
        self._trouble = problem

    def problem(self) -> str:
        """Return the problem, or an empty text."""
        if self._trouble or self._beat is None:
            return self._trouble or "not ready yet"
        silent = self._clock.monotonic() - self._beat
        return f"the loop has not moved for {silent:.0f} s" if silent > SILENT_SECONDS else ""


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``; the host is this machine's own, the port may be 0.

    Raises:
        UsageError: it is not such an address.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"--metrics {text!r} is not HOST:PORT", help="write, for example: 127.0.0.1:9464")
    if host == "localhost":
        return "127.0.0.1", int(port)
    try:
        is_own = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_own = False
    if not is_own:
        raise UsageError(
            f"--metrics {text!r} is open to other machines, and there is no password",
            help="use 127.0.0.1, and a proxy for access from other machines",
        )
    return host, int(port)


class MetricsServer:
    """Serve until it is closed.

    Raises:
        CannotWorkError: the address is not available.
    """

    def __init__(self, address: tuple[str, int], registry: CollectorRegistry, health: Health) -> None:
        host, port = address
        handler = _handler(registry, health)
        try:
            self._server = _server_class(host)(address, handler)
        except OSError as error:
            raise CannotWorkError(
                f"cannot serve metrics at {host}:{port}: {(error.strerror or str(error)).lower()}",
                help="choose another port; 0 picks a free one",
            ) from error
        self.port = int(self._server.server_address[1])
        name = f"[{host}]" if ":" in host else host
        self.url = f"http://{name}:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            name="agentcron-metrics",
            kwargs={"poll_interval": 0.2},
            daemon=True,
        )
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _server_class(host: str) -> type[ThreadingHTTPServer]:
    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True
        block_on_close = False
        room = threading.BoundedSemaphore(MAX_AT_A_TIME)

        def server_bind(self) -> None:
            """Bind without a look-up of our own name."""
            TCPServer.server_bind(self)
            self.server_name, self.server_port = host, int(self.server_address[1])

        def process_request(self, request: Any, client_address: Any) -> None:
            """Start a thread if there is one free; otherwise close the connection."""
            if not self.room.acquire(blocking=False):
                self.shutdown_request(request)
                return
            super().process_request(request, client_address)

        def process_request_thread(self, request: Any, client_address: Any) -> None:
            """Answer, and free the thread."""
            try:
                super().process_request_thread(request, client_address)
            finally:
                self.room.release()

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Ignore a client that has closed the connection."""

    return Server


def _handler(registry: CollectorRegistry, health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_SECONDS
        server_version = "agentcron"
        sys_version = ""

        def do_GET(self) -> None:
            """Answer a request."""
            path = self.path.partition("?")[0]
            if path == "/healthz":
                problem = health.problem()
                self._answer(
                    503 if problem else 200, "text/plain; charset=utf-8", f"{problem or 'ok'}\n".encode()
                )
            elif path == "/metrics":
                self._metrics()
            else:
                self._answer(404, "text/plain; charset=utf-8", b"there are /metrics and /healthz\n")

        def _metrics(self) -> None:
            encode, kind = choose_encoder(self.headers.get("Accept", ""))
            try:
                body = encode(registry)
            except Exception as error:
                # Metrics that cannot be computed are a problem of the client, never of the agents.
                log.warning("the metrics cannot be collected: %s: %s", type(error).__name__, error)
                self._answer(500, "text/plain; charset=utf-8", b"the metrics cannot be collected\n")
                return
            self._answer(200, kind, body)

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Log nothing: requests come every few seconds."""

    return Handler
