"""A small Messages API on 127.0.0.1: scripted, faulty on demand, and as strict as the real one.

In a test's own process::

    with FakeMessagesAPI() as api:
        api.script("morning", answer("Hello.", calls=[("sleep", {"until": "in 1h"})]), answer("Done."))
        api.enqueue(fail(429, "rate_limit_error", retry_after=3600))   # the next request, whoever sends it
        model = AnthropicModel(api_key="k", base_url=api.url)
        ...
        verify_pairing(api.requests)

For a daemon that gets killed, in a process of its own: ``with api_process(tmp_path, lines) as api`` (or
``python -m tests.fake_messages_api --port-file F --script S --log L``).  A script line there is a line of a
rehearsal, with ``"marker"`` to tie it to the conversations whose first message holds that text; every field
of ``Turn`` may stand in it::

    {"marker": "morning", "text": "Hello.", "calls": [{"name": "sleep", "input": {"until": "in 1h"}}]}
    {"marker": "morning", "fail": 529, "error_type": "overloaded_error", "times": 2}
    {"marker": "morning", "text": "Done."}

How a request gets its turn: first the queue; else the script of the marker that its first message holds (else
the script of marker ``""``).  The n-th answer of a script answers a conversation that holds n-1 assistant
messages; faults that stand before an answer come first, each ``times`` times per conversation.  A compaction
(it needs the beta header) gets a made-up summary, or what the queue has for it: a fault, or a ``summary``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.messages_api_rules import Refusal, check_request, verify_pairing
from tests.messages_api_stream import Turn, events_of
from tests.messages_api_summaries import Summaries

__all__ = ["FakeMessagesAPI", "Seen", "Turn", "answer", "api_process", "fail", "read_log", "verify_pairing"]


def answer(text: str = "", calls: Sequence[tuple[str, Mapping[str, Any]]] = (), **more: Any) -> Turn:
    """Make an answer; ``more`` are fields of ``Turn`` (stop_reason, thinking, cut, usage ...)."""
    return Turn(text=text, calls=tuple((name, dict(given)) for name, given in calls), **more)


def fail(status: int, error_type: str = "api_error", **more: Any) -> Turn:
    """Make an error response; ``more``: retry_after (seconds or a date), message, times, headers."""
    return Turn(fail=status, error_type=error_type, **more)


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came in, and what it got; ``issued`` is the block of a compaction."""

    number: int
    at: float
    marker: str | None
    got: str
    body: Mapping[str, Any]
    issued: Mapping[str, Any] | None = None

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of the request."""
        return list(self.body.get("messages", ()))


def turn_from_json(values: Mapping[str, Any]) -> tuple[str, Turn]:
    """Read one script line; returns its marker and its turn."""
    given = dict(values)
    marker = given.pop("marker", "")
    unknown = set(given) - {f.name for f in fields(Turn)}
    if unknown:
        raise ValueError(f"unknown keys in a script line: {sorted(unknown)}")
    given["calls"] = tuple((call["name"], call.get("input", {})) for call in given.get("calls", ()))
    return marker, Turn(**given)


@dataclass
class _Script:
    turns: list[Turn] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    served: dict[tuple[str, int], int] = field(default_factory=dict)

    def add(self, turns: Sequence[Turn]) -> None:
        first = len(self.turns)
        self.turns += turns
        self.answers += [index for index, turn in enumerate(turns, start=first) if turn.is_answer]

    def pick(self, conversation: str, answered: int) -> Turn | None:
        if answered > len(self.answers):
            return None
        begin = self.answers[answered - 1] + 1 if answered else 0
        for index in range(begin, len(self.turns)):
            turn, done = self.turns[index], self.served.get((conversation, index), 0)
            if turn.is_answer:
                return turn
            if done < turn.times:
                self.served[conversation, index] = done + 1
                return turn
        return None


class FakeMessagesAPI:
    """The server; ``url`` is what ANTHROPIC_BASE_URL wants.

    Args:
        key: the only key that is let in; any non-empty one by default.
        strict: refuse, with the API's 400, conversations that the real API refuses.
        log: a file that gets one JSON line per request.
        keep: false forgets the requests, so that thousands of them need no memory; see ``log``.
        bytes_per_token: how requests are measured.
    """

    def __init__(
        self,
        *,
        key: str = "",
        strict: bool = True,
        log: Path | None = None,
        port: int = 0,
        keep: bool = True,
        bytes_per_token: int = 4,
    ) -> None:
        self.requests: list[Seen] = []
        self.refusals: list[str] = []
        self.key = key
        self.strict = strict
        self._log = log
        self._queue: list[Turn] = []
        self._scripts: dict[str, _Script] = {}
        self._signatures: dict[str, str] = {}
        self._summaries = Summaries()
        self._keep = keep
        self._bytes_per_token = bytes_per_token
        self._seen = 0
        self._ids = 0
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = True
        self._server.api = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    def enqueue(self, *turns: Turn) -> None:
        """Answer the next requests with these, whatever conversation they belong to."""
        with self._lock:
            self._queue += turns

    def script(self, marker: str, *turns: Turn) -> None:
        """Add turns to the conversations whose first message holds ``marker`` ("": all others)."""
        with self._lock:
            self._scripts.setdefault(marker, _Script()).add(turns)

    def __enter__(self) -> FakeMessagesAPI:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # -- used by the handler ----------------------------------------------------------------------
    def take(self, raw: bytes, sent_key: str, betas: Sequence[str]) -> tuple[Seen, Turn]:
        """Record a request and decide what it gets."""
        body = json.loads(raw)
        with self._lock:
            self._seen += 1
            marker, turn = self._decide(body, sent_key, betas)
            issued = self._summaries.issue(body, turn.summary, self._seen) if turn.summary else None
            usage = {"input_tokens": len(raw) // self._bytes_per_token, **turn.usage}
            turn = replace(turn, usage=usage, blocks=(issued,) if issued else turn.blocks)
            seen = Seen(self._seen, time.time(), marker, turn.name, body, issued)
            if self._keep:
                self.requests.append(seen)
            if self._log:
                with self._log.open("a", encoding="utf-8") as log:
                    log.write(json.dumps({f.name: getattr(seen, f.name) for f in fields(Seen)}) + "\n")
            return seen, turn

    def new_id(self, prefix: str) -> str:
        """Return an id; sampling again gives another one, as with the real API."""
        with self._lock:
            self._ids += 1
            return f"{prefix}_{os.getpid()}_{self._ids:06d}"

    def issue(self, thinking: str, signature: str) -> None:
        """Remember a signature, to notice when it comes back altered."""
        with self._lock:
            self._signatures[signature] = thinking

    def _decide(
        self, body: Mapping[str, Any], sent_key: str, betas: Sequence[str]
    ) -> tuple[str | None, Turn]:
        if not sent_key or (self.key and sent_key != self.key):
            return None, fail(401, "authentication_error", message="invalid x-api-key")
        first, answered = self._summaries.told(body.get("messages") or [{"role": "user", "content": ""}])
        marker, script = self._script_of(first)
        if self.strict:
            try:
                check_request(body, self._signatures)
                self._summaries.check(body, betas)
            except Refusal as refusal:
                self.refusals.append(str(refusal))
                return marker, fail(400, "invalid_request_error", message=str(refusal))
        compacts = body.get("compaction") is not None
        if self._queue and self._queue[0].suits(compacts):
            return marker, self._queue.pop(0)
        if compacts:
            return marker, Turn(summary=f"Summary of {answered} answers and what led to them.")
        turn = script.pick(json.dumps(first), answered) if script else None
        return marker, turn or answer("The script has ended.")

    def _script_of(self, first: Mapping[str, Any]) -> tuple[str | None, _Script | None]:
        said = json.dumps(first, ensure_ascii=False)
        for marker in sorted(self._scripts, key=len, reverse=True):
            if marker in said:
                return marker, self._scripts[marker]
        return None, None


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # five, the default, resets connections when twenty come at once


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self) -> None:
        api: FakeMessagesAPI = self.server.api  # type: ignore[attr-defined]
        raw = self.rfile.read(length := int(self.headers.get("content-length", 0)))
        self.close_connection = True
        if len(raw) < length:
            return  # the client was killed while it was sending
        betas = [beta.strip() for beta in self.headers.get("anthropic-beta", "").split(",") if beta.strip()]
        if self.path.partition("?")[0] != "/v1/messages":
            self._error(0, fail(404, "not_found_error", message=f"no such path: {self.path}"))
            return
        seen, turn = api.take(raw, _key_of(self.headers), betas)
        number = seen.number
        try:
            if turn.delay_seconds:
                api.stopping.wait(turn.delay_seconds)
            if turn.fail:
                self._error(number, turn)
            elif turn.garbage is not None:
                self._plain(number, 200, turn.content_type, turn.garbage.encode())
            else:
                self._stream(api, seen, turn)
        except ConnectionError:
            pass  # the client has gone: that is what some tests are about

    def _error(self, number: int, turn: Turn) -> None:
        error = {"type": turn.error_type, "message": turn.message or f"scripted {turn.fail}"}
        body = {"type": "error", "error": error, "request_id": f"req_{number}"}
        more = dict(turn.headers)
        if turn.retry_after is not None:
            more["retry-after"] = str(turn.retry_after)
        self._plain(number, turn.fail, "application/json", json.dumps(body).encode(), more)

    def _plain(
        self, number: int, status: int, kind: str, body: bytes, more: Mapping[str, str] | None = None
    ) -> None:
        self.send_response_only(status)
        head = {"date": self.date_time_string(), "content-type": kind, "content-length": str(len(body))}
        for name, value in (head | dict(more or {})).items():
            self.send_header(name, value)
        self.send_header("request-id", f"req_{number}")
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, api: FakeMessagesAPI, seen: Seen, turn: Turn) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.send_header("request-id", f"req_{seen.number}")
        self.send_header("connection", "close")
        self.end_headers()
        for event in events_of(turn, seen.body, api.new_id, api.issue):
            if event is None:  # the cut
                if turn.cut == "truncate":
                    break
                if turn.cut == "stall":
                    api.stopping.wait(3600)
                return  # without the last chunk: a broken connection
            if turn.drip_seconds and api.stopping.wait(turn.drip_seconds):
                return
            self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _key_of(headers: Any) -> str:
    # SDK 2.12 sends the key as a bearer token; older ones, and curl, as x-api-key.
    return str(headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer "))


def read_log(path: Path) -> Iterator[Seen]:
    """Read the requests that a server of its own process has logged, one after the other."""
    if path.exists():
        with path.open(encoding="utf-8") as log:
            for line in log:
                yield Seen(**json.loads(line))


@dataclass(frozen=True, slots=True)
class ApiProcess:
    """A fake API in a process of its own."""

    url: str
    log: Path
    pid: int

    @property
    def requests(self) -> list[Seen]:
        """What it has seen so far."""
        return list(read_log(self.log))


@contextmanager
def api_process(
    place: Path, lines: Sequence[Mapping[str, Any]], *, port: int = 0, bytes_per_token: int = 4
) -> Iterator[ApiProcess]:
    """Run the fake API as a process with its files in ``place``; ``lines`` are its script."""
    script, log, port_file = place / "api-script.jsonl", place / "api-log.jsonl", place / "api-port"
    script.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    port_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.fake_messages_api", "--port", str(port)]
    command += ["--port-file", str(port_file), "--script", str(script), "--log", str(log)]
    command += ["--bytes-per-token", str(bytes_per_token)]
    process = subprocess.Popen(command, cwd=Path(__file__).resolve().parent.parent)
    try:
        until = time.monotonic() + 30
        while not port_file.exists():
            assert process.poll() is None, "the fake API did not start"
            assert time.monotonic() < until, "the fake API took too long to start"
            time.sleep(0.01)
        yield ApiProcess(f"http://127.0.0.1:{int(port_file.read_text())}", log, process.pid)
    finally:
        process.terminate()
        process.wait()


def main(args: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM, or until the process that started us is gone."""
    parser = argparse.ArgumentParser(description="A fake Messages API on 127.0.0.1.")
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--script", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--bytes-per-token", type=int, default=4)
    options = parser.parse_args(args)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    parent = os.getppid()
    with FakeMessagesAPI(
        log=options.log, port=options.port, keep=False, bytes_per_token=options.bytes_per_token
    ) as api:
        for line in options.script.read_text(encoding="utf-8").splitlines():
            marker, turn = turn_from_json(json.loads(line))
            api.script(marker, turn)
        half_written = options.port_file.with_suffix(".new")
        half_written.write_text(str(api.port))
        half_written.rename(options.port_file)
        while os.getppid() == parent and not ended.wait(0.5):
            pass


if __name__ == "__main__":
    main()
