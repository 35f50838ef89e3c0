"""Homes for benchmarks: a crontab, a rehearsal, and real ``agentcron`` processes on them."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NOTHING_MORE: Mapping[str, str] = {}

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


def have_run_before(home: Path, jobs: int) -> None:
    """Make the jobs' folders, as their first runs would; making a thousand takes longer than the runs."""
    for number in range(jobs):
        (home / "work" / f"job-{number:06}").mkdir(parents=True)


def many_jobs(number: int, schedule: str, model: str, options: str = "") -> str:
    """Return a crontab of jobs that differ only in their names."""
    return "".join(f'{schedule}  job-{i:06}  "x"  model={model} {options}\n' for i in range(number))


def environment() -> dict[str, str]:
    """Return our environment without anything of agentcron or of a model's provider."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("AGENTCRON_", "ANTHROPIC_"))}


class Daemon:
    """A real ``agentcron up``; its log goes to a file.

    Args:
        before: a command to run it under, such as a tracer.
        given: what its environment has besides.
    """

    def __init__(
        self, home: Path, *options: str, before: Sequence[str] = (), given: Mapping[str, str] = NOTHING_MORE
    ) -> None:
        self.log = home / f"log.{time.monotonic_ns()}"
        self._wrapped = bool(before)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*before, AGENTCRON, "--home", str(home), "up", *options],
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=environment() | dict(given),
            )
        try:
            wait_for(lambda: "crontab loaded" in self.text, 60)
        except TimeoutError:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        """The process of agentcron itself, also below a tracer."""
        pid = self.process.pid
        if not self._wrapped:
            return pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        return int(children[0]) if children else pid

    @property
    def text(self) -> str:
        """What it has logged so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """End it as a power cut would."""
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it in order."""
        os.kill(self.pid, signal.SIGTERM)
        self.process.wait(timeout=60)


@contextmanager
def daemon(
    home: Path, *options: str, before: Sequence[str] = (), given: Mapping[str, str] = NOTHING_MORE
) -> Iterator[Daemon]:
    """Run a daemon while the block runs."""
    running = Daemon(home, *options, before=before, given=given)
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
