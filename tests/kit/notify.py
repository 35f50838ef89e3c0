"""A stand-in for systemd: a notify socket that keeps what it is told."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path

from tests.kit.processes import until


@dataclass
class NotifyListener:
    """Listens at a path, or at an abstract name (``@NAME``)."""

    address: str
    heard: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + self.address[1:] if self.address.startswith("@") else self.address)
        self._socket.setblocking(False)

    def decide_calls(self) -> list[str]:
        """Take in what came, and return all lines so far."""
        while True:
            try:
                self.heard += self._socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self.heard

    def wait(self, line: str, seconds: float = 30) -> None:
        """Wait until a line that begins so was heard."""
        until(
            lambda: any(each.startswith(line) for each in self.decide_calls()),
            seconds,
            lambda: f"{line}: {self.heard}",
        )

    def count(self, line: str) -> int:
        """How often a line was heard that begins so."""
        return sum(each.startswith(line) for each in self.decide_calls())

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
        if not self.address.startswith("@"):
            Path(self.address).unlink(missing_ok=True)

    @classmethod
    def abstract(cls) -> NotifyListener:
        """Listen at an abstract name of this process."""
        return cls(f"@agentcron-test-{os.getpid()}-{os.urandom(4).hex()}")
