"""A scene for crash tests: a job that makes every kind of call, an API that answers it, and the checks."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.core.run.conversation import CallState
from scheduler.core.run.run import FINAL, Run, State
from scheduler.core.trust.effect import Effect
from tests.fake_messages_api import FakeMessagesAPI, Turn, answer, verify_pairing
from tests.kit.processes import Installation, Process, until

JOB = "work"
MARKER = "Do the work of the scene."
ANSWERS = 4
SLEEP_SECONDS = 1.0
FOLLOW_UP = {"action": "make", "name": "later", "when": "in 5h", "prompt": "Look again."}


@dataclass(slots=True)
class Scene:
    """One installation and the loopback API that its daemons talk to."""

    place: Installation
    api: FakeMessagesAPI

    @property
    def workdir(self) -> Path:
        """Where the job works."""
        return self.place.home / "work" / JOB

    @property
    def reports(self) -> Path:
        """What the report command has received."""
        return self.place.home / "reports"

    def write(self, schedule: str = "", prompt: str = MARKER) -> None:
        """Write crontab, script and the file to read; without a ``schedule`` the job is due at once.

        Another ``prompt`` is the marker of a script that the test gives to the API itself.
        """
        schedule = schedule or f"@at {datetime.now(UTC) - timedelta(seconds=2):%Y-%m-%dT%H:%M:%SZ}"
        self.place.home.mkdir(mode=0o700, exist_ok=True)
        self.workdir.mkdir(parents=True, exist_ok=True)
        (self.workdir / "inbox.md").write_text("one letter\n")
        self.place.crontab(
            f'{schedule}  {JOB}  "{prompt}"  tools=read,schedule,stamp,keyed_stamp,probed_stamp,hang'
            " budget=5/run"
            f'  report="(cat; echo \\" $AGENTCRON_NOTICE $AGENTCRON_STATE\\") >> {self.reports}"\n'
        )
        if prompt == MARKER:
            self.script(MARKER)

    def script(self, marker: str, *faults: Turn, delay_seconds: float = 0.0) -> None:
        """Tell the API what it answers to ``marker``: after ``faults``, and the first answer late."""
        self.api.script(
            marker,
            *faults,
            answer(
                "First I read.",
                calls=[
                    ("read", {"file_path": "inbox.md"}),
                    ("stamp", {"text": "one"}),
                    ("note", {"text": "read it"}),
                    ("schedule", FOLLOW_UP),
                ],
                delay_seconds=delay_seconds,
            ),
            answer(
                calls=[
                    ("keyed_stamp", {"text": "two"}),
                    ("probed_stamp", {"text": "three"}),
                    ("stamp", {"text": "four"}),
                ]
            ),
            answer("I rest.", calls=[("sleep", {"until": f"{SLEEP_SECONDS:g}s", "reason": "a rest"})]),
            answer(calls=[("finish", {"summary": "All stamped.", "outcome": "done"})]),
        )

    def run(self) -> Run | None:
        """The one run that is not a skipped one, as it is stored."""
        if not self.place.database.exists():
            return None
        with SqliteDatabase(self.place.database).history() as reader:
            runs = [run for run in reader.runs(job=JOB, limit=100) if run.state is not State.SKIPPED]
        assert len(runs) <= 1, f"fired more than once: {runs}"
        return runs[0] if runs else None

    def wait_final(self, *daemons: Process, seconds: float = 60) -> Run:
        """Wait until the run is over."""

        def look() -> Run | None:
            for daemon in daemons:
                assert daemon.poll() is None, f"a daemon ended with {daemon.status}\n{daemon.stderr}"
            run = self.run()
            return run if run is not None and run.state in FINAL else None

        found = until(look, seconds, lambda: f"the end of the run; it is {self.run()}\n{daemons[0].stderr}")
        assert found is not None
        return found

    def is_reported(self) -> bool:
        """Whether every notice is on record as sent."""
        with closing(sqlite3.connect(self.place.database)) as database:
            states = [state for (state,) in database.execute("SELECT state FROM outbox")]
        return bool(states) and set(states) == {"sent"}

    def stamps(self) -> Counter[str]:
        """How often each stamp was made."""
        path = self.workdir / "stamps"
        return (
            Counter(line.split()[0] for line in path.read_text().splitlines()) if path.exists() else Counter()
        )

    def check(self) -> Run:
        """Assert what must hold after any crash, however often, once the run is over; return the run."""
        run = self.run()
        assert run is not None
        assert run.state is State.SUCCEEDED, f"{run.state}: {run.reason}"
        assert run.summary == "All stamped."
        with SqliteDatabase(self.place.database).history() as reader:
            calls = {call.id: call for call in reader.calls(run.id)}
            messages = reader.messages(run.id)
            requests = reader.requests(run.id)
        self._check_effects(calls.values())
        self._check_follow_up(run)
        self._check_requests(run, requests)
        verify_pairing(self.api.requests)
        sent = self.api.requests[-1].messages
        stored = [message.as_param() for message in messages]
        # The answer of `finish` is stored and never sent; everything before it was sent as it is stored.
        assert json.dumps(stored[: len(sent)]) == json.dumps(sent)
        assert [message["role"] for message in stored[len(sent) :]] == ["assistant", "user"]
        return run

    def _check_follow_up(self, run: Run) -> None:
        """One, whatever its maker was killed at; it waits, because its maker had read a file."""
        with closing(sqlite3.connect(self.place.database)) as database:
            made = database.execute(
                "SELECT f.name, f.run_id, f.state, j.state, j.next_fire"
                " FROM follow_ups f JOIN jobs j ON j.name = f.name"
            ).fetchall()
            told = database.execute("SELECT count(*) FROM records WHERE kind = 'schedule'").fetchall()
        assert (made, told) == ([(f"{JOB}/later", run.id, "pending", "paused", None)], [(1,)])

    def _check_effects(self, calls: Any) -> None:
        stamps = self.stamps()
        for call in calls:
            assert call.is_closed, f"{call.name} was never answered"
            if not call.name.endswith("stamp"):
                assert call.state is CallState.DONE, f"{call.name}: {call.result}"
                continue
            made = stamps[call.args["text"]]
            if call.effect is Effect.OPAQUE:
                assert made <= 1, f"{call.name} {call.args} happened {made} times"
                assert made == 1 or call.state is CallState.UNKNOWN
                assert call.state in (CallState.DONE, CallState.UNKNOWN)
            else:
                assert made == 1, f"{call.name} {call.args} happened {made} times"
                assert call.state is CallState.DONE

    def _check_requests(self, run: Run, requests: Any) -> None:
        answered = [request for request in requests if request.state == "answered"]
        lost = [request for request in requests if request.state == "lost"]
        failed = [request for request in requests if request.state == "failed"]
        assert len(answered) == ANSWERS
        assert len(answered) + len(lost) + len(failed) == len(requests)
        # A request fails when the API says so, and for no other reason.
        assert len(failed) <= sum(seen.got.startswith("fail") for seen in self.api.requests)
        assert run.unknown_cost_requests == len(lost)
        # No more calls of the API than there are records of one: nothing was asked behind the store's back.
        assert len(self.api.requests) <= len(requests)
        slept = next(call for call in self._sleeps() if call.started_at is not None)
        woke = slept.ended_at
        assert not [r for r in requests if slept.started_at < r.started_at < woke], "asked while asleep"

    def _sleeps(self) -> Any:
        run = self.run()
        assert run is not None
        with SqliteDatabase(self.place.database).history() as reader:
            return [call for call in reader.calls(run.id) if call.name == "sleep"]

    def check_reports(self, most: int = 1) -> None:
        """Assert that the owner got the report, at most ``most`` times, under one and the same number."""

        def look() -> list[str]:
            # The report command writes in two parts; only a whole line is a report.
            text = self.reports.read_text() if self.reports.exists() else ""
            return text.splitlines() if text.endswith("\n") else []

        lines = until(look, 20, "the report")
        assert 1 <= len(lines) <= most, lines
        assert len(set(lines)) == 1, lines
        assert lines[0].startswith("All stamped. ")
        assert lines[0].endswith(" succeeded")
