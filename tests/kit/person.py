"""A person at the terminal: verbs on a home of their own, answers that are checked, and a real terminal."""

from __future__ import annotations

import os
import pty
import re
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.kit.processes import PLUGIN, Installation, Starter, clean_environment, until

LIBRARIES = re.compile(
    r"sqlite3|sqlalchemy|sqlmodel|alembic|croniter|\bclick\b|pydantic|OperationalError|DatabaseError"
    r"|\[Errno|<class|zoneinfo|httpx|object at 0x",
    re.IGNORECASE,
)
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Said:
    """What a verb said, and how it ended."""

    argv: tuple[str, ...]
    status: int
    out: str
    err: str
    seconds: float

    def __str__(self) -> str:
        return f"agentcron {' '.join(self.argv)} => {self.status}\n{self.out}\n--- stderr\n{self.err}"

    def is_clean(self) -> Said:
        """Assert that nothing of our insides shows, and nothing that could steer a terminal."""
        text = self.out + self.err
        assert "Traceback" not in text, self
        assert "internal error in agentcron" not in text, self
        assert not LIBRARIES.search(text), self
        assert not RAW.search(text), self
        return self

    def is_error(self, status: int, *words: str) -> Said:
        """Assert one clear error: nothing on stdout, one message on stderr, with a way out."""
        self.is_clean()
        assert self.status == status, self
        assert self.out == "", self
        assert len(re.findall(r"^error: ", self.err, re.MULTILINE)) == 1, self
        for word in words:
            assert word in self.err, self
        return self

    def is_fine(self, *words: str) -> Said:
        """Assert exit status 0 and these words on stdout."""
        self.is_clean()
        assert self.status == 0, self
        assert "error: " not in self.err, self
        for word in words:
            assert word in self.out, self
        return self


def ask(place: Installation, *argv: str, seconds: float = 60, **more: str) -> Said:
    """Run a verb to its end and return what it said."""
    began = time.monotonic()
    process = place.start(*argv, **more)
    status = process.wait(seconds)
    return Said(argv, status, process.stdout, process.stderr, time.monotonic() - began)


class Terminal:
    """A verb on a terminal of its own: what it shows, with the times, and what is typed to it."""

    def __init__(
        self, zygote: Starter, home: Path, *argv: str, pipe: Path | None = None, env: Mapping[str, str] = {}
    ) -> None:
        self._zygote = zygote
        self._master, slave = pty.openpty()
        name = os.ttyname(slave)
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.pid: int = zygote.ask(
            {
                "op": "start",
                "argv": ["--home", str(home), *argv],
                "env": {**clean_environment(), "PYTHONPATH": str(PLUGIN), "TERM": "xterm", **env},
                "cwd": str(home),
                "stdin": name,
                "stdout": str(pipe) if pipe else name,
                "stderr": name,
            }
        )["pid"]
        self.status: int | None = None
        self.chunks: list[tuple[float, str]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._slave = slave

    def _read(self) -> None:
        with suppress(OSError):
            while data := os.read(self._master, 65536):
                self.chunks.append((time.monotonic(), data.decode("utf-8", "replace")))

    @property
    def text(self) -> str:
        """Everything that was shown so far."""
        return "".join(text for _, text in self.chunks)

    def type(self, keys: str) -> None:
        """Type; ``\\x03`` is Ctrl-C."""
        os.write(self._master, keys.encode())

    def poll(self) -> int | None:
        """Return its exit status, or None while it lives."""
        if self.status is None:
            self.status = self._zygote.ask({"op": "poll", "pid": self.pid})["status"]
        return self.status

    def wait(self, seconds: float = 30) -> int:
        """Wait for its end and return its status."""
        until(lambda: self.poll() is not None, seconds, lambda: f"the end of {self.pid}\n{self.text}")
        assert self.status is not None
        time.sleep(0.05)
        return self.status

    def shows(self, text: str, seconds: float = 30) -> None:
        """Wait until the terminal has shown a text."""
        until(lambda: text in self.text, seconds, lambda: f"{text!r} on the terminal\n{self.text}")

    def longest_silence(self, since: float) -> float:
        """Return the longest time without any output between ``since`` and the last output."""
        times = [since, *(at for at, _ in self.chunks if at >= since)]
        return max((b - a for a, b in pairwise(times)), default=0.0)

    def close(self) -> None:
        """End the process and give the terminal back."""
        if self.poll() is None:
            os.kill(self.pid, 9)
            self.wait()
        os.close(self._slave)
        self._reader.join(5)
        os.close(self._master)
