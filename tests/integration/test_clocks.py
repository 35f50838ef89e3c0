"""Clocks that are set while daemons run (libfaketime): slots fire once, work goes on, ``why`` tells it."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.core.run.run import Run, State
from scheduler.core.time.clocks import Jump
from tests.kit.needs import library
from tests.kit.processes import Installation, Process, until
from tests.kit.spawner import Spawner

pytestmark = pytest.mark.process

SAYS = '{"text": "Done."}\n'


@dataclass
class Faked:
    """A home whose processes see the clock that the test shows them."""

    place: Installation
    clock: Path

    def set(self, what: datetime | timedelta) -> None:
        """Let the clock show an instant and go on from there, or be off by so much."""
        if isinstance(what, datetime):
            what = what - datetime.now(UTC)
        fresh = self.clock.with_suffix(".new")
        fresh.write_text(f"{what.total_seconds():+.3f}")
        fresh.rename(self.clock)

    def crontab(self, text: str) -> None:
        """Write the crontab; every job runs the same short script."""
        self.place.crontab(f"MODEL = rehearsal:says.jsonl\n{text}")
        (self.place.home / "says.jsonl").write_text(SAYS)

    def up(self) -> Process:
        """Start a daemon and wait until it has loaded the crontab."""
        daemon = self.place.start("up")
        until(lambda: "crontab loaded" in daemon.stderr, 60, lambda: daemon.stderr)
        return daemon

    def down(self, daemon: Process) -> None:
        """End a daemon in good order."""
        daemon.send(signal.SIGTERM)
        assert daemon.wait() == 0, daemon.stderr

    def runs(self, job: str) -> list[Run]:
        """Return the rows of a job, the newest first."""
        with SqliteDatabase(self.place.database).history() as history:
            return history.runs(job, limit=1000)

    def jumps(self) -> list[Jump]:
        """Return what is on record about the clock."""
        history = SqliteDatabase(self.place.database).history()
        with history:
            return history.jumps(datetime(1990, 1, 1, tzinfo=UTC))

    def why(self, *argv: str) -> str:
        """Return what ``agentcron why`` says, on one line."""
        return " ".join(self.place.do("why", *argv).stdout.split())

    def once_each(self, job: str) -> None:
        """Check that no slot has two rows."""
        slots = Counter(run.fire_time for run in self.runs(job))
        assert max(slots.values()) == 1, slots


@pytest.fixture
def faked(tmp_path: Path) -> Iterator[Faked]:
    """A home on a clock that can be set."""
    clock = tmp_path / "clock"
    spawner = Spawner(
        {
            "LD_PRELOAD": library("libfaketimeMT.so.1", "faketime"),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
    )
    made = Faked(Installation(spawner, tmp_path / "home"), clock)
    made.set(timedelta(0))
    yield made
    made.place.close()


def done(run: Run) -> bool:
    return run.state is State.SUCCEEDED


def test_f37_a_clock_set_back_two_hours_refires_nothing_and_stops_nothing(faked: Faked) -> None:
    faked.crontab('@every 2s  beat  "Beat."\n')
    daemon = faked.up()
    until(lambda: sum(map(done, faked.runs("beat"))) >= 2, 30, lambda: daemon.stderr)
    faked.set(timedelta(hours=-2))
    until(lambda: "the clock was set back by 2h" in daemon.stderr, 20, lambda: daemon.stderr)
    before = max(run.fire_time for run in faked.runs("beat"))
    now = datetime.now(UTC) - timedelta(hours=2)
    later = now + timedelta(hours=1)
    until(
        lambda: sum(done(run) and now < run.fire_time < later for run in faked.runs("beat")) >= 2,
        30,
        lambda: daemon.stderr,
    )
    faked.once_each("beat")
    [jump] = faked.jumps()
    assert (jump.kind, round(jump.seconds / 60)) == ("set_back", 120)
    # Forward again: the slots that fired before the step stay fired.
    faked.set(timedelta(0))
    until(lambda: len(faked.jumps()) == 2, 20, lambda: daemon.stderr)
    until(lambda: any(run.fire_time > before + timedelta(seconds=4) for run in faked.runs("beat")), 30)
    faked.once_each("beat")
    faked.down(daemon)


def test_f38_a_clock_set_forward_400_days_makes_one_decision_per_job(faked: Faked) -> None:
    faked.crontab(
        '0 9 * * *    daily  "Once a day."  window=6h\n* * * * *  minutely  "Each minute."\n'
        '0 9 * * *    strict  "In time or not at all."  catchup=skip\n'
    )
    start = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
    faked.set(start)
    daemon = faked.up()
    faked.set(start + timedelta(days=400, hours=2))
    until(lambda: "set forward by 400d" in daemon.stderr, 20, lambda: daemon.stderr)
    until(lambda: any(map(done, faked.runs("daily"))), 30, lambda: daemon.stderr)
    [ran] = [run for run in faked.runs("daily") if run.state is not State.SKIPPED]
    [given_up] = [run for run in faked.runs("daily") if run.state is State.SKIPPED]
    assert ran.fire_time == datetime(2027, 12, 28, 9, tzinfo=UTC)
    assert (given_up.reason_code, given_up.missed) == ("misfire", 399)
    assert [(run.state, run.reason_code) for run in faked.runs("strict")] == [(State.SKIPPED, "misfire")]
    assert len([run for run in faked.runs("minutely") if run.state is not State.SKIPPED]) <= 2
    said = faked.why("strict")
    assert "did not run" in said
    assert "The clock was set forward by 400d" in said
    assert "Nobody was running" not in said
    # Set right again: no job waits for the wrong year, and nothing that ran runs again.
    faked.set(start + timedelta(minutes=29, seconds=55))
    until(lambda: "set back by 400d" in daemon.stderr, 20, lambda: daemon.stderr)
    right = datetime(2026, 11, 23, 9, tzinfo=UTC)
    until(lambda: any(done(run) and run.fire_time == right for run in faked.runs("daily")), 30)
    faked.once_each("daily")
    faked.down(daemon)


def test_a_clock_that_was_set_back_while_nobody_ran_is_noticed_at_the_start(faked: Faked) -> None:
    faked.crontab('@every 2s  beat  "Beat."\n')
    faked.set(timedelta(days=400))
    daemon = faked.up()
    until(lambda: any(map(done, faked.runs("beat"))), 30, lambda: daemon.stderr)
    faked.down(daemon)
    faked.set(timedelta(0))
    daemon = faked.up()
    soon = datetime.now(UTC) + timedelta(days=1)
    until(
        lambda: any(done(run) and run.fire_time < soon for run in faked.runs("beat")),
        30,
        lambda: daemon.stderr,
    )
    assert [jump.kind for jump in faked.jumps()] == ["set_back"]
    faked.down(daemon)


CHANGES = [
    # zone, the job's slot, just before the fire, just before it would come again, how `why` names the slot
    pytest.param(
        "30 1 * * *", "America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", id="ny-back"
    ),
    pytest.param(
        "30 2 * * *", "America/New_York", "2027-03-14T07:00:00Z", "2027-03-14T07:30:00Z", id="ny-gap"
    ),
    pytest.param(
        "30 2 * * *", "Europe/Berlin", "2027-03-28T01:00:00Z", "2027-03-28T01:30:00Z", id="berlin-gap"
    ),
    pytest.param(
        "30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", id="berlin-back"
    ),
    pytest.param(
        "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T15:30:00Z", "2026-10-03T15:45:00Z", id="howe-gap"
    ),
    pytest.param(
        "45 1 * * *", "Australia/Lord_Howe", "2027-04-03T14:45:00Z", "2027-04-03T15:15:00Z", id="howe-back"
    ),
]


@pytest.mark.parametrize("schedule, zone, fires, again", CHANGES)
def test_f41_a_fixed_time_runs_once_on_the_day_when_clocks_change(
    faked: Faked, schedule: str, zone: str, fires: str, again: str
) -> None:
    slot, second = datetime.fromisoformat(fires), datetime.fromisoformat(again)
    faked.crontab(f'{schedule}  night  "Look."  tz={zone}\n')
    faked.set(slot - timedelta(seconds=6))
    daemon = faked.up()
    until(lambda: any(map(done, faked.runs("night"))), 30, lambda: daemon.stderr)
    faked.set(second - timedelta(seconds=2))
    until(lambda: "set forward" in daemon.stderr, 20, lambda: daemon.stderr)
    until(lambda: faked.jumps(), 20)
    [run] = faked.runs("night")
    assert run.fire_time == slot
    said = faked.why("night", fires)
    assert "night ran at" in said
    assert run.id in said
    faked.down(daemon)
    with SqliteDatabase(faked.place.database).history() as history:
        [standing] = history.standings()
    assert standing.next_fire is not None
    assert standing.next_fire > second + timedelta(hours=12)
