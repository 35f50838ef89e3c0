"""A storm: many jobs, several daemons on one database, all of them killed again and again; then the checks.

Agents read, stamp (opaque, keyed, probed), sleep, back off, are parked and finish; persons fire and cancel.
Daemons are killed at random moments and at random crash points.  When the storm is over, every slot must be
accounted for, no effect doubled, no conversation broken, and nothing left at work.
"""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.core.run.conversation import CallState
from scheduler.core.run.run import FINAL, Run, State
from tests.fake_messages_api import FakeMessagesAPI, Turn, answer, fail, verify_pairing
from tests.integration.test_crash_points import IN_THE_RUN
from tests.kit.processes import Installation, Process, until
from tests.kit.validity import assert_valid

TOOLS = "tools=read,glob,stamp,keyed_stamp,probed_stamp"
LARGE = "budget=1000/run,100000/day pause-after=1000"
ALL_THREE = ("stamp", "keyed_stamp", "probed_stamp")
RESTS = FINAL | {State.SLEEPING, State.PARKED}

Answer = tuple[str, Sequence[tuple[str, Mapping[str, Any]]]]


@dataclass(frozen=True, slots=True)
class Agent:
    """One job of the storm: its interval, its options, and what its model says."""

    name: str
    seconds: int
    options: str
    turns: tuple[Turn, ...]

    @property
    def prompt(self) -> str:
        """What marks its conversations."""
        return f"Weather {self.name} out."

    def line(self, schedule: str = "") -> str:
        """Return its line of the crontab."""
        return f'{schedule or f"@every {self.seconds}s"}  {self.name}  "{self.prompt}"  {self.options}\n'

    def script(self) -> str:
        """Return its answers as a rehearsal."""
        lines = [
            {"text": turn.text, "calls": [{"name": name, "input": given} for name, given in turn.calls]}
            for turn in self.turns
        ]
        return "".join(json.dumps(line) + "\n" for line in lines)


def agents(draw: random.Random, count: int, *, faults: bool) -> Iterator[Agent]:
    """Draw ``count`` agents; with ``faults`` their API stumbles, and one of them is refused for good."""
    for number in range(count):
        name = f"job-{number:02}"
        seconds, overlap = draw.randint(2, 6), draw.choice(["allow", "skip", "queue", "allow"])
        turns = [_turn(draw, place) for place in range(draw.randint(2, 6))]
        if faults:
            for place in draw.sample(range(len(turns)), 2):
                turns.insert(place, _fault(draw))
        turns.append(draw.choice([answer("Done."), answer("Over.", [("finish", {"summary": "Over."})])]))
        if number == 0:
            # Sleeps for longer than any storm; the runs after it must not wait for that.
            seconds, overlap = 8, "allow"
            turns = [*turns[:-1], answer("Good night.", [("sleep", {"until": "30d"})])]
        if number == 1 and faults:
            seconds, overlap = 8, "allow"
            turns = [*turns[:-1], fail(400, "invalid_request_error", times=1000)]
        yield Agent(name, seconds, f"{TOOLS} {LARGE} overlap={overlap}", tuple(turns))


def _turn(draw: random.Random, place: int) -> Turn:
    kinds: list[list[tuple[str, dict[str, Any]]]] = [
        [("read", {"file_path": "inbox.md"}), ("stamp", {"text": f"{place}"})],
        [(name, {"text": f"{place}"}) for name in ALL_THREE],
        [("glob", {"pattern": "*.md"}), ("note", {"text": "looked"}), ("keyed_stamp", {"text": f"{place}"})],
        [("stamp", {"text": f"{place}"}), ("sleep", {"until": "1s", "reason": "a rest"})],
        [("sleep", {"until": "2s", "reason": "a rest"})],
    ]
    return answer(f"Step {place}.", draw.choice(kinds))


def _fault(draw: random.Random) -> Turn:
    return draw.choice(
        [
            fail(529, "overloaded_error"),
            fail(429, "rate_limit_error", retry_after=3600),
            answer("Half a", [("stamp", {"text": "never"})], cut="disconnect", cut_at="tool_use"),
            answer("Hm", sse_error="overloaded_error"),
        ]
    )


@dataclass(slots=True)
class Storm:
    """The weather over one home.

    Args:
        daemons: the least and the most that live between two kills.
        api: None for rehearsals.
    """

    place: Installation
    draw: random.Random
    agents: Sequence[Agent]
    daemons: tuple[int, int] = (1, 4)
    api: FakeMessagesAPI | None = None
    kills: int = 0
    fired_by_hand: int = 0
    alive: list[Process] = field(default_factory=list)

    def begin(self) -> None:
        """Write the crontab, the scripts and the files to read."""
        self.place.home.mkdir(mode=0o700)
        for agent in self.agents:
            folder = self.place.home / "work" / agent.name
            folder.mkdir(parents=True)
            (folder / "inbox.md").write_text("one letter\n")
            if self.api is None:
                (self.place.home / f"{agent.name}.jsonl").write_text(agent.script())
            else:
                self.api.script(agent.prompt, *agent.turns)
        self._write()

    def _write(self, schedule: str = "") -> None:
        model = " model=rehearsal:{}.jsonl\n" if self.api is None else "\n"
        lines = (agent.line(schedule).rstrip() + model.format(agent.name) for agent in self.agents)
        self.place.crontab("".join(lines))

    # -- while it rages ----------------------------------------------------------------------------
    def rage(self, kills: int, *, runs: int = 0, calmness: float = 0.3) -> None:
        """Start and kill daemons until there were so many ``kills``, and so many ``runs``."""
        while self.kills < kills or (runs and len(self.place.runs()) < runs):
            for _ in range(self.draw.randint(*self.daemons) - len(self.alive)):
                self.alive.append(self.place.start("up", crash=self._crash()))
            time.sleep(self.draw.uniform(0, 2 * calmness))
            self._bury()
            if self.alive and self.draw.random() < 0.6:
                self.draw.choice(self.alive).kill()
                self._bury()
            if self.draw.random() < 0.1:
                self._person()

    def _crash(self) -> str:
        """Arm a random point, or none."""
        if self.draw.random() < 0.5:
            return ""
        return f"{self.draw.choice(IN_THE_RUN)}:{self.draw.randint(1, 12)}"

    def _bury(self) -> None:
        for daemon in list(self.alive):
            if daemon.poll() is not None:
                assert daemon.status == -signal.SIGKILL, f"a daemon ended by itself\n{daemon.stderr}"
                self.alive.remove(daemon)
                self.kills += 1

    def _person(self) -> None:
        """Somebody fires a job, or cancels a run."""
        live = self.place.runs(live=True)
        if live and self.draw.random() < 0.3:
            # It may be over by now: then that is refused (4).
            ended = self.place.do("cancel", self.draw.choice(live).id, status=None).status
            assert ended in (0, 4), self.place.processes[-1].stderr
        else:
            self.place.do("run", self.draw.choice(self.agents).name)
            self.fired_by_hand += 1

    # -- when it is over ---------------------------------------------------------------------------
    def settle(self, seconds: float = 120) -> None:
        """Let two daemons, which nobody kills, bring everything to its end; then end them."""
        for daemon in list(self.alive):
            daemon.kill()
        self._bury()
        daemons = [self.place.start("up") for _ in range(2)]
        for daemon in daemons:
            until(lambda d=daemon: "crontab loaded" in d.stderr, 60, lambda d=daemon: d.stderr)  # type: ignore[misc]
        now = datetime.now(UTC)
        until(lambda: self._fired_until(now), 60, lambda: f"all slots before {now}")
        self._write("@manual")
        until(self._rests, seconds, self._restless)
        for daemon in daemons:
            daemon.send(signal.SIGTERM)
        for daemon in daemons:
            assert daemon.wait() == 0, daemon.stderr

    def _fired_until(self, now: datetime) -> bool:
        newest = {job: max(run.fire_time for run in rows) for job, rows in self._slots().items()}
        return all(
            agent.name in newest and newest[agent.name] + timedelta(seconds=agent.seconds) > now
            for agent in self.agents
        )

    def _rests(self) -> bool:
        soon = datetime.now(UTC) + timedelta(minutes=5)
        live = self.place.runs(live=True)
        for run in live:
            if run.state is State.RETRYING and run.wake_at and run.wake_at > soon:
                self.place.do("resume", run.id, status=None)
        return all(run.state in RESTS and (run.wake_at is None or run.wake_at > soon) for run in live)

    def _restless(self) -> str:
        return "\n".join(str(run) for run in self.place.runs(live=True) if run.state not in RESTS)

    def _slots(self) -> dict[str, list[Run]]:
        rows: dict[str, list[Run]] = defaultdict(list)
        for run in self.place.runs():
            if run.cause.kind == "schedule":
                rows[run.job].append(run)
        return {job: sorted(found, key=lambda run: run.fire_time) for job, found in rows.items()}

    def check(self) -> Counter[str]:
        """Assert what must hold after any storm; return how many runs ended in which way."""
        runs = self.place.runs()
        self._check_slots()
        by_hand = sum(run.cause.kind == "person" for run in runs)
        assert by_hand == self.fired_by_hand, f"{self.fired_by_hand} were fired by hand, {by_hand} are there"
        stamps = self._stamps()
        requests = 0
        with SqliteDatabase(self.place.database).history() as reader:
            for run in runs:
                assert run.state in RESTS, run
                assert run.state is not State.SKIPPED or (run.reason and run.reason_code), run
                if run.state is State.FAILED:
                    assert run.reason_code == "crashed", run
                assert_valid(reader.messages(run.id))
                assert all(attempt.released_at for attempt in reader.attempts(run.id)), run
                sent = reader.requests(run.id)
                assert all(request.state != "sent" for request in sent), run
                requests += len(sent)
                self._check_calls(run, reader.calls(run.id), stamps)
        assert not stamps, f"effects that belong to no call: {stamps}"
        if self.api is not None:
            verify_pairing(self.api.requests)
            assert len(self.api.requests) <= requests, "a request that is not on record"
            assert not self.api.refusals, self.api.refusals
        checks = json.loads(self.place.do("doctor", "--deep", "--json", status=None).stdout)["checks"]
        # What waits for a person does so by its script, and by what kills leave in doubt.
        problems = [found for found in checks if found["level"] == "problem"]
        assert {found["name"] for found in problems} <= {"parked", "unknown"}, problems
        return Counter(f"{run.state} {run.reason_code}".strip() for run in runs)

    def _check_slots(self) -> None:
        """I1: one row for each slot, or for several in a row; none is missing."""
        for agent in self.agents:
            for before, after in pairwise(self._slots()[agent.name]):
                passed = (after.fire_time - before.fire_time) / timedelta(seconds=agent.seconds)
                assert passed == 1 + after.missed, f"{before} and {after} are {passed} slots apart"

    def _stamps(self) -> Counter[str]:
        """How often each call has acted, by its key."""
        found: Counter[str] = Counter()
        for path in self.place.home.glob("work/*/stamps"):
            found.update(line.split()[1] for line in path.read_text().splitlines())
        return found

    def _check_calls(self, run: Run, calls: Sequence[Any], stamps: Counter[str]) -> None:
        """I2: whatever acts has acted at most once, and just once if it says so."""
        for call in calls:
            made = stamps.pop(call.key, 0)
            if call.name in ALL_THREE:
                assert made <= 1, f"{call.name} of {run.id} happened {made} times"
                assert made == 1 or call.state is not CallState.DONE, (
                    f"{call.name} of {run.id} did not happen"
                )
                assert call.state is not CallState.UNKNOWN or call.name == "stamp"
            if run.state is State.SUCCEEDED:
                assert call.is_closed, call
