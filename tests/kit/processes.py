"""Real ``agentcron`` processes for tests: started quickly, watched, and ended by their own id."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from scheduler.adapters.sql.errors import NoTablesError
from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.core.run.run import Run

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "tests" / "plugin"
PLUGIN_TRUST = ROOT / "tests" / "data" / "trust.toml"


class Starter(Protocol):
    """Starts processes, and tells how they ended."""

    def ask(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Send one order (see ``tests.kit.zygote``) and return its answer."""
        ...


class Zygote:
    """The process that forks our processes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.kit.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**clean_environment(), "PYTHONPATH": f"{ROOT}{os.pathsep}{PLUGIN}"},
        )
        assert "ready" in self._read()

    def ask(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Send one order and return its answer."""
        with self._lock:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the zygote ended with status {self._process.poll()}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the zygote."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


def clean_environment() -> dict[str, str]:
    """Return our environment without anything of agentcron or of a model's provider."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AGENTCRON_", "ANTHROPIC_")) and name != "PYTHONPATH"
    }


@dataclass(slots=True)
class Process:
    """One ``agentcron`` process."""

    zygote: Starter
    pid: int
    stdout_path: Path
    stderr_path: Path
    status: int | None = None

    @property
    def stdout(self) -> str:
        """What it has printed so far."""
        return self.stdout_path.read_text(encoding="utf-8", errors="replace")

    @property
    def stderr(self) -> str:
        """What it has complained and logged so far."""
        return self.stderr_path.read_text(encoding="utf-8", errors="replace")

    def poll(self) -> int | None:
        """Return its exit status (negative: the signal that killed it), or None while it lives."""
        if self.status is None:
            self.status = self.zygote.ask({"op": "poll", "pid": self.pid})["status"]
        return self.status

    def wait(self, seconds: float = 60) -> int:
        """Wait for its end and return its status."""
        until(lambda: self.poll() is not None, seconds, lambda: f"pid {self.pid} to end\n{self.stderr}")
        assert self.status is not None
        return self.status

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it as a power cut would."""
        self.send(signal.SIGKILL)
        self.wait()


def until(
    look: Callable[[], T], seconds: float = 60, what: Callable[[], str] | str = "what was waited for"
) -> T:
    """Return the first true answer of ``look``; fail when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(
                f"waited {seconds} s in vain for {what if isinstance(what, str) else what()}"
            )
        time.sleep(0.02)


@dataclass(slots=True)
class Installation:
    """A home with a crontab, and the processes that work on it."""

    zygote: Starter
    home: Path
    environment: dict[str, str] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)
    outputs: Path | None = None
    """Where the processes' own words are kept; in the home unless a test fills its disk."""

    @property
    def database(self) -> Path:
        """The database's file."""
        return self.home / "agentcron.db"

    def crontab(self, text: str) -> None:
        """Write the crontab."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.home / "crontab").write_text(text, encoding="utf-8")
        self.trust()

    def trust(self, text: str | None = None) -> None:
        """Write the trust file: the tools of the plug-in are granted, unless a test says otherwise."""
        path = self.home / "trust.toml"
        if text is not None or not path.exists():
            path.write_text(PLUGIN_TRUST.read_text() if text is None else text, encoding="utf-8")
            path.chmod(0o600)

    def start(self, *argv: str, crash: str = "", **more: str) -> Process:
        """Start ``agentcron ARGV`` on this home; ``crash`` arms a crash point."""
        number = len(self.processes) + 1
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = self.outputs or self.home
        out, err = folder / f"out.{number}", folder / f"err.{number}"
        out.touch()
        err.touch()
        env = {**clean_environment(), "PYTHONPATH": str(PLUGIN), **self.environment, **more}
        if crash:
            env["AGENTCRON_CRASH"] = crash
        order = {
            "op": "start",
            "argv": ["--home", str(self.home), *argv],
            "env": env,
            "cwd": str(self.home),
            "stdout": str(out),
            "stderr": str(err),
        }
        process = Process(self.zygote, self.zygote.ask(order)["pid"], out, err)
        self.processes.append(process)
        return process

    def do(self, *argv: str, status: int | None = 0, **more: str) -> Process:
        """Run a verb to its end; its exit status must be ``status`` (None: any)."""
        process = self.start(*argv, **more)
        ended = process.wait()
        if status is not None:
            assert ended == status, f"{argv} ended with {ended}\n{process.stdout}\n{process.stderr}"
        return process

    def json(self, *argv: str) -> Any:
        """Run a reader with ``--json`` and return what it prints."""
        return json.loads(self.do(*argv, "--json").stdout)

    def runs(self, job: str | None = None, *, live: bool = False) -> list[Run]:
        """Return the runs, the newest first; none before the first process has made the tables."""
        if not self.database.exists():
            return []
        try:
            with SqliteDatabase(self.database).history() as reader:
                return reader.live_runs() if live else reader.runs(job, limit=1_000_000)
        except NoTablesError:
            return []

    def close(self) -> None:
        """Kill whatever still lives, each process by its own id."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
