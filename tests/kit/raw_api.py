"""A server on 127.0.0.1 that says anything at all: what gateways, portals and broken proxies make of an API.

``FakeMessagesAPI`` speaks as the API does, faults included; this one sends the bytes that a test hands over::

    with RawApi({"Case one.": [Raw(502, b"<html>bad gateway")]}) as api: ...

The requests of a conversation get the answers of the marker that it holds, one after the other, the last one
for ever.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.messages_api_stream import Turn, events_of

EVENTS = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Raw:
    """One answer, byte by byte.

    Args:
        promise: bytes that the head announces beyond ``body``, and that never come.
        drip_seconds: wait before each piece of the body; pieces end with an empty line.
        forever: say the last piece again and again.
    """

    status: int = 200
    body: bytes = b""
    kind: str = EVENTS
    headers: Mapping[str, str] = field(default_factory=dict)
    promise: int = 0
    drip_seconds: float = 0.0
    forever: bool = False


def events(turn: Turn) -> bytes:
    """Return a turn as the whole stream that the API would send."""
    made = iter(range(1, 1000))
    pieces = events_of(turn, {"model": "m"}, lambda prefix: f"{prefix}_raw_{next(made)}", lambda *_: None)
    return b"".join(piece for piece in pieces if piece is not None)


class RawApi:
    """The server; ``asked`` counts the requests of each marker, ``bodies`` keeps them."""

    def __init__(self, answers: Mapping[str, Sequence[Raw]]) -> None:
        self.answers = answers
        self.asked: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.api = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> RawApi:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, data: bytes, key: str) -> Raw:
        """Record a request and decide what it gets."""
        body = json.loads(data) if data else {}
        first = json.dumps(body.get("messages", [""])[0], ensure_ascii=False)
        with self._lock:
            self.bodies.append(body)
            self.keys.append(key)
            marker = next((marker for marker in self.answers if marker in first), "")
            number = self.asked[marker]
            self.asked[marker] += 1
        lines = self.answers.get(marker) or [Raw(404, b"{}", "application/json")]
        return lines[min(number, len(lines) - 1)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self) -> None:
        api: RawApi = self.server.api  # type: ignore[attr-defined]
        data = self.rfile.read(int(self.headers.get("content-length", 0)))
        key = self.headers.get("x-api-key") or self.headers.get("authorization") or ""
        raw = api.take(data, key)
        self.close_connection = True
        # The client may hang up: that is what some tests are about.
        with suppress(ConnectionError):
            self._send(api, raw)

    do_GET = do_POST

    def _send(self, api: RawApi, raw: Raw) -> None:
        self.send_response_only(raw.status)
        length = {} if raw.forever else {"content-length": str(len(raw.body) + raw.promise)}
        for name, value in {"content-type": raw.kind, "connection": "close", **length, **raw.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if not raw.drip_seconds:
            self.wfile.write(raw.body)
            return
        pieces = [piece + b"\n\n" for piece in raw.body.split(b"\n\n") if piece]
        while pieces and not api.stopping.wait(raw.drip_seconds):
            self.wfile.write(pieces[0])
            self.wfile.flush()
            if len(pieces) > 1 or not raw.forever:
                pieces.pop(0)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
