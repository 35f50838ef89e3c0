"""Homes for benchmarks: a crontab, a rehearsal, and real ``agentcron`` processes on them."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

AGENTCRON = str(Path(sys.executable).with_name("agentcron"))

NOTHING = '{"text": "Nothing to do."}\n'
"""A rehearsal that ends at once: the run is fired, claimed, begun, asked once, answered, finished."""


def make_home(home: Path, crontab: str, **rehearsals: str) -> Path:
    """Make a home; ``nothing=...`` becomes the file ``nothing.jsonl``."""
    home.mkdir(mode=0o700, parents=True)
    (home / "crontab").write_text(crontab, encoding="utf-8")
    for name, text in rehearsals.items():
        (home / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return home


def many_jobs(number: int, schedule: str, model: str, options: str = "") -> str:
    """Return a crontab of jobs that differ only in their names."""
    return "".join(f'{schedule}  job-{i:06}  "x"  model={model} {options}\n' for i in range(number))


def environment(**more: str) -> dict[str, str]:
    """Return our environment without anything of agentcron or of a model's provider."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AGENTCRON_", "ANTHROPIC_"))}
    return kept | more


class Daemon:
    """A real ``agentcron up``; its log goes to a file."""

    def __init__(self, home: Path, *options: str, env: Mapping[str, str] = {}) -> None:  # noqa: B006
        self.log = home / f"log.{time.monotonic_ns()}"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [AGENTCRON, "--home", str(home), "up", *options],
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=environment(**env),
            )
        wait_for(lambda: "crontab loaded" in self.text, 60)

    @property
    def text(self) -> str:
        """What it has logged so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it in order."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)


@contextmanager
def daemon(home: Path, *options: str) -> Iterator[Daemon]:
    """Run a daemon while the block runs."""
    running = Daemon(home, *options)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()


def wait_for(look: Callable[[], Any], seconds: float = 120, pause: float = 0.02) -> Any:
    """Return the first true answer of ``look``.

    Raises:
        TimeoutError: there was none in time; then a figure is missing, never guessed.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s in vain")
        time.sleep(pause)
    return found


@contextmanager
def opened(home: Path) -> Iterator[sqlite3.Connection]:
    """Open a home's database from outside, as another process would."""
    connection = sqlite3.connect(home / "agentcron.db", timeout=30, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def ask(home: Path, query: str, *values: object) -> Any:
    """Return the first column of a query's first row."""
    with opened(home) as connection:
        row = connection.execute(query, values).fetchone()
    return None if row is None else row[0]
