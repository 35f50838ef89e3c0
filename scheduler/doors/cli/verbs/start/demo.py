"""``agentcron demo``: a daemon is killed while a run sleeps, and a second daemon continues it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from textwrap import indent
from typing import Any

import click

from scheduler.app.home import FileHome
from scheduler.config import Config
from scheduler.core.job.job import DEFAULT_MODEL
from scheduler.core.run.conversation import Request
from scheduler.core.run.run import FINAL, Run, State
from scheduler.doors.cli.text.out import hint, say
from scheduler.errors import AgentcronError
from scheduler.ports.store.history import History

JOB = "demo"
SLEEP_SECONDS = 8
PATIENCE_SECONDS = 60.0
LIVE_PATIENCE_SECONDS = 300.0

INBOX = """\
# Inbox

- The build is red since Friday: the test of the importer fails on leap days.
- Mara asks whether the release can move to Thursday.
- The disk of the backup host is 91 % full.
"""

PROMPT = f"""\
Read inbox.md and write what matters into notes.md, one line each.
Then sleep for {SLEEP_SECONDS} s. After you wake, write report.md: the three points
in order of urgency. Then finish.
"""


class DemoFailedError(AgentcronError):
    """The demonstration did not show what it should."""

    exit_status = 1


@dataclass(slots=True)
class Stage:
    """The temporary home, its daemons, and the start time of the demonstration."""

    home: Path
    now: Callable[[], datetime]
    pause: Callable[[float], None]
    patience_seconds: float
    began: datetime
    daemons: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def tell(self, text: str) -> None:
        """Print one line of the timeline."""
        seconds = (self.now() - self.began).total_seconds()
        say(f"{seconds:6.1f} s  {text}")

    def open_history(self) -> History | None:
        """Open the demo's database; None before its daemon has created the tables."""
        return FileHome(Config.of_home(self.home)).history()

    def history(self) -> History:
        """Open the demo's database.

        Raises:
            DemoFailedError: it is gone.
        """
        history = self.open_history()
        if history is None:
            raise DemoFailedError(f"there is no database any more in {self.home}")
        return history

    def command(self, *words: str) -> list[str]:
        """Return a command line of this installation on the demo's home."""
        return [sys.executable, "-m", "scheduler", "--home", str(self.home), *words]

    def environment(self) -> dict[str, str]:
        """Return our environment without variables that select another home."""
        return {name: value for name, value in os.environ.items() if not name.startswith("AGENTCRON_")}

    def start_daemon(self) -> subprocess.Popen[bytes]:
        """Start ``agentcron up`` as a child process, with its output in a log file."""
        with open(self.home / "daemon.log", "ab") as log:
            daemon = subprocess.Popen(
                self.command("up"), stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.environment()
            )
        self.daemons.append(daemon)
        return daemon

    def output(self, *words: str) -> str:
        """Run a verb and return what it prints.

        Raises:
            DemoFailedError: it failed.
        """
        done = subprocess.run(
            self.command(*words), capture_output=True, text=True, env=self.environment(), check=False
        )
        if done.returncode != 0:
            raise DemoFailedError(f"`agentcron {' '.join(words)}` failed: {done.stderr.strip()}")
        return done.stdout.rstrip()

    def wait_for(self, what: str, daemon: subprocess.Popen[bytes], look: Callable[[], Run | None]) -> Run:
        """Return the run when ``look`` finds it in the wanted state.

        Raises:
            DemoFailedError: the daemon ended, or the time ran out.
        """
        deadline = self.now() + timedelta(seconds=self.patience_seconds)
        while self.now() < deadline:
            run = look()
            if run is not None:
                return run
            if daemon.poll() is not None:
                raise DemoFailedError(
                    f"the daemon ended while the demo waited for {what}", help=self._log_tail()
                )
            self.pause(0.05)
        raise DemoFailedError(
            f"{what} did not happen within {self.patience_seconds:.0f} s", help=self._log_tail()
        )

    def _log_tail(self) -> str:
        lines = (self.home / "daemon.log").read_text(errors="replace").splitlines()
        return "the daemon said: " + " / ".join(lines[-3:])

    def close(self) -> None:
        """End every daemon that is still alive, by its own process id."""
        for daemon in self.daemons:
            if daemon.poll() is None:
                daemon.kill()
                daemon.wait()


@click.command("demo", epilog="Example:  agentcron demo")
@click.option("--live", is_flag=True, help="Use Claude instead of the rehearsal (needs ANTHROPIC_API_KEY).")
def demo_command(live: bool) -> int:
    """Watch an agent sleep, get killed, and resume.

    Needs no key: the model's answers are read from a script.  Everything else is real.
    """
    from scheduler.app.clock import now, pause
    from scheduler.app.providers import find_provider

    if live:
        if (problem := find_provider(DEFAULT_MODEL).problem(DEFAULT_MODEL)) is not None:
            raise problem
        say("Live: the answers come from Claude and cost a few cents.")
    else:
        say("A rehearsal: the model's answers are read from a script. Daemon, store, clock, tools are real.")
    home = Path(tempfile.mkdtemp(prefix="agentcron-demo-"))
    stage = Stage(home, now, pause, LIVE_PATIENCE_SECONDS if live else PATIENCE_SECONDS, began=now())
    # Stopping the demo stops its daemons too: no terminal would do it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        _set_up(stage, live)
        _play(stage)
    finally:
        stage.close()
    return 0


def _set_up(stage: Stage, live: bool) -> None:
    """Write the crontab, the rehearsal's script and the file that the agent will read."""
    workdir = stage.home / "work" / JOB
    workdir.mkdir(parents=True)
    (workdir / "inbox.md").write_text(INBOX, encoding="utf-8")
    model = ""
    if not live:
        script = resources.files("scheduler.doors.cli").joinpath("demo.jsonl").read_text(encoding="utf-8")
        (stage.home / "demo.jsonl").write_text(script, encoding="utf-8")
        model = "  model=rehearsal:demo.jsonl"
    due = (stage.now() + timedelta(seconds=3)).replace(microsecond=0)
    text = f"@at {due:%Y-%m-%dT%H:%M:%SZ}  {JOB}{model}\n" + indent(PROMPT, "    ")
    (stage.home / "crontab").write_text(text, encoding="utf-8")
    stage.tell(f"wrote {stage.home}/crontab:")
    say(indent(text.rstrip(), " " * 10))


def _play(stage: Stage) -> None:
    def find(*states: State) -> Run | None:
        history = stage.open_history()
        if history is None:
            return None  # the daemon is writing it
        with history:
            runs = history.runs(job=JOB, limit=1)
        if runs and runs[0].state in FINAL - {State.SUCCEEDED} and runs[0].state not in states:
            raise DemoFailedError(f"the run is {runs[0].state}: {runs[0].reason}")
        return runs[0] if runs and runs[0].state in states else None

    first = stage.start_daemon()
    stage.tell(f"started a daemon: agentcron up, pid {first.pid}")
    run = stage.wait_for("the agent's sleep", first, lambda: find(State.SLEEPING))
    stage.tell(f"run {run.id} read its inbox, took notes, and sleeps until {_clock(run.wake_at)}")
    with stage.history() as history:
        asked = len(history.requests(run.id))
    first.send_signal(signal.SIGKILL)
    if first.wait() != -signal.SIGKILL:
        raise DemoFailedError("the daemon did not die of SIGKILL")
    stage.tell(f"killed the daemon with SIGKILL (pid {first.pid}); no daemon is running now:")
    say()
    listed = stage.output("list")
    if run.id not in listed:
        raise DemoFailedError("`agentcron list` does not show the sleeper")
    say("$ agentcron list")
    say(listed)
    say()
    second = stage.start_daemon()
    stage.tell(f"started a second daemon, pid {second.pid}")
    done = stage.wait_for("the end of the run", second, lambda: find(State.SUCCEEDED))
    stage.tell(f"run {done.id} woke, continued where it was, and finished")
    _verify(stage, run, done, asked)
    report = stage.home / "work" / JOB / "report.md"
    second.send_signal(signal.SIGTERM)
    if second.wait(timeout=30) != 0:
        raise DemoFailedError(f"the second daemon ended with status {second.returncode}, not 0")
    stage.tell("stopped the second daemon cleanly (SIGTERM, exit 0)")
    say()
    say(f"$ agentcron show {done.id}")
    say(stage.output("show", done.id))
    say()
    say(f"the report: {report}")
    say("verified: one run, two daemons, each request sent once, none while asleep, report written")
    hint(f"everything is in {stage.home}; you may remove it. For your own jobs: agentcron init")


def _verify(stage: Stage, slept: Run, done: Run, asked: int) -> None:
    """Check in the store what the demo claims; ``asked`` requests were made before the sleep.

    Raises:
        DemoFailedError: a claim is not true.
    """
    with stage.history() as history:
        requests = history.requests(done.id)
        runners = {attempt.runner for attempt in history.attempts(done.id)}
        runs = history.runs(job=JOB, limit=10)
    claims: list[tuple[str, Any]] = [
        ("one run", len(runs) == 1 and done.id == slept.id),
        ("two daemons worked on it", len(runners) == 2),
        ("every request was answered once", all(request.state == "answered" for request in requests)),
        ("no request while asleep", all(_awake(request, slept, asked) for request in requests)),
        ("the report exists", (stage.home / "work" / JOB / "report.md").is_file()),
    ]
    for claim, holds in claims:
        if not holds:
            raise DemoFailedError(f"not true: {claim}")


def _awake(request: Request, slept: Run, asked: int) -> bool:
    """Whether a request was made before the sleep, or after its end."""
    return request.number <= asked or (slept.wake_at is not None and request.started_at >= slept.wake_at)


def _clock(instant: datetime | None) -> str:
    return instant.astimezone().strftime("%H:%M:%S") if instant else "?"
