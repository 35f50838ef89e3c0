"""A database that fails under a daemon: said once, nothing lost or spent, and work goes on by itself."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.core.run.run import Run, State
from scheduler.errors import StoreError
from tests.fake_messages_api import FakeMessagesAPI, answer, verify_pairing
from tests.kit.disk import Disk, small_disk
from tests.kit.needs import library
from tests.kit.processes import Installation, Process, Zygote, until
from tests.kit.scene import Scene
from tests.kit.spawner import Spawner

pytestmark = pytest.mark.process

BEAT = '@every 1s  beat  "Beat."  model=rehearsal:says.jsonl\n'


def beating(place: Installation, text: str = BEAT) -> Process:
    """Start a daemon whose job fires every second, and wait for the first run."""
    place.crontab(text)
    (place.home / "says.jsonl").write_text('{"text": "Done."}\n')
    daemon = place.start("up")
    until(lambda: place.database.exists() and "crontab loaded" in daemon.stderr, 30, lambda: daemon.stderr)
    until(lambda: done(place), 30, lambda: daemon.stderr)
    return daemon


def runs(place: Installation, job: str = "beat") -> list[Run]:
    """Return the rows of a job, the newest first."""
    with SqliteDatabase(place.database).history() as reader:
        return reader.runs(job, limit=1000)


def done(place: Installation) -> int:
    """Count the runs that ended well."""
    return sum(run.state is State.SUCCEEDED for run in runs(place))


def goes_on(place: Installation, daemon: Process) -> None:
    """Wait until more runs than now have ended well, and end the daemon in good order."""
    before = done(place)
    until(lambda: done(place) > before, 30, lambda: daemon.stderr)
    stop(daemon)


def stop(daemon: Process) -> None:
    daemon.send(signal.SIGTERM)
    assert daemon.wait() == 0, daemon.stderr
    assert "Traceback" not in daemon.stderr


def said(daemon: Process, words: str, seconds: float = 30) -> None:
    """Wait until the daemon has said something."""
    until(lambda: words in daemon.stderr, seconds, lambda: f"{words!r} in\n{daemon.stderr}")


def sound(place: Installation) -> None:
    """Check that the file is whole."""
    with closing(sqlite3.connect(place.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk") as made:
        yield made


@pytest.fixture
def cramped(zygote: Zygote, disk: Disk, tmp_path: Path) -> Iterator[Installation]:
    """A home on a small disk."""
    made = Installation(zygote, disk.path / "home", outputs=tmp_path)
    yield made
    made.close()


def test_f24_a_locked_database_is_waited_for(place: Installation) -> None:
    daemon = beating(place)
    with closing(sqlite3.connect(place.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        said(daemon, "is locked by another process; nothing new is started until that is over")
        other.execute("ROLLBACK")
    said(daemon, "the database works again, after")
    goes_on(place, daemon)
    assert daemon.stderr.count("nothing new is started") == 1, "said once, not at every try"


def test_f26_a_full_disk_starts_nothing_spends_nothing_and_loses_nothing(
    cramped: Installation, disk: Disk, api: FakeMessagesAPI
) -> None:
    cramped.environment |= {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": api.url}
    api.script("Beat.", *[answer("Done.") for _ in range(500)])
    daemon = beating(cramped, BEAT.replace("model=rehearsal:says.jsonl", ""))
    disk.fill()
    said(daemon, "is full; nothing new is started until that is over")
    asked = len(api.requests)
    listed = cramped.do("list", status=None)
    assert "Traceback" not in listed.stderr
    time.sleep(3)
    assert len(api.requests) == asked, "money was spent on what cannot be recorded"
    disk.empty()
    said(daemon, "the database works again, after")
    goes_on(cramped, daemon)
    sound(cramped)
    with SqliteDatabase(cramped.database).history() as reader:
        known = {request.request_id for run in runs(cramped) for request in reader.requests(run.id)}
        lost = sum(r.state == "lost" for run in runs(cramped) for r in reader.requests(run.id))
    assert len(api.requests) == len(known - {None}) + lost, "every request is on record"
    assert not [run for run in runs(cramped) if run.state in (State.RUNNING, State.QUEUED)]


def test_f27_a_disk_that_fills_between_effect_and_result_leaves_the_call_unknown(
    cramped: Installation, disk: Disk, api: FakeMessagesAPI, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    cramped.environment |= {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": api.url}
    api.script(
        "Stamp.",
        answer(calls=[("slow_stamp", {"text": "once"})]),
        answer(calls=[("finish", {"summary": "Told.", "outcome": "done"})]),
    )
    cramped.crontab(
        f'@at {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}  job  "Stamp."  tools=slow_stamp workdir={outside}\n'
    )
    daemon = cramped.start("up")
    until(lambda: (outside / "stamps").exists(), 30, lambda: daemon.stderr)
    disk.fill()
    (outside / "go on").touch()
    said(daemon, "stopped, the database cannot be written")
    disk.empty()
    [run] = until(lambda: [r for r in runs(cramped, "job") if r.is_final], 30, lambda: daemon.stderr)
    stop(daemon)
    assert (run.state, run.summary, run.attempts) == (State.SUCCEEDED, "Told.", 1)
    assert (outside / "stamps").read_text().count("once") == 1
    shown = cramped.json("show", run.id)
    assert {call["name"]: call["state"] for call in shown["calls"]}["slow_stamp"] == "unknown"
    assert "its outcome is unknown" in str(api.requests[-1].messages[-1]["content"]).lower()
    sound(cramped)


def test_f26_a_start_on_a_full_disk_says_so_and_works_when_there_is_room(
    cramped: Installation, disk: Disk
) -> None:
    cramped.crontab(BEAT)
    disk.fill()
    refused = cramped.do("up", status=5)
    assert "full" in refused.stderr
    assert "Traceback" not in refused.stderr
    disk.empty()
    goes_on(cramped, beating(cramped))


def test_f31_a_damaged_file_is_said_left_alone_and_replaced_by_a_good_one(place: Installation) -> None:
    stop(beating(place))
    good = place.home / "good.db"
    shutil.copy(place.database, good)
    with open(place.database, "r+b") as file:
        file.seek(4096)
        file.write(b"\xee" * (place.database.stat().st_size - 4096))
    damaged = place.database.read_bytes()
    for verb in ("up", "tick"):
        refused = place.do(verb, status=5)
        assert "is damaged" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert place.database.read_bytes() == damaged
    os.replace(good, place.database)
    goes_on(place, beating(place))


def test_f33_a_database_that_is_removed_and_put_back_is_gone_on_with(place: Installation) -> None:
    daemon = beating(place)
    away = place.home / "away.db"
    os.rename(place.database, away)
    said(daemon, "was removed while it was in use; nothing new is started until that is over")
    assert not place.database.exists(), "no new one is made in its place"
    os.rename(away, place.database)
    said(daemon, "the database works again, after")
    goes_on(place, daemon)


def test_f33_another_database_put_in_place_is_taken_up_and_old_leases_write_nothing_there(
    scene: Scene,
) -> None:
    place = scene.place
    scene.write(prompt="Hang once.")
    scene.api.script(
        "Hang once.",
        answer(calls=[("hang", {"text": "once"})]),
        answer(calls=[("finish", {"summary": "Told.", "outcome": "done"})]),
    )
    daemon = place.start("up")
    until(lambda: scene.stamps()["once"], 30, lambda: daemon.stderr)
    copy = place.home / "copy.db"
    with closing(sqlite3.connect(place.database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    os.replace(copy, place.database)
    said(daemon, "another database was put in place; going on with it")
    run = scene.wait_final(daemon)
    assert run.summary == "Told."
    assert scene.stamps() == {"once": 1}
    calls = {call["name"]: call["state"] for call in place.json("show", run.id)["calls"]}
    assert calls["hang"] == "unknown"
    stop(daemon)
    sound(place)


def test_f28_a_disk_that_fails_now_and_then_doubles_nothing(tmp_path: Path, api: FakeMessagesAPI) -> None:
    faults = (
        "enable_random name=posix/io/rw/pwrite,probability=0.01,failinfo=5\n"
        "enable_random name=posix/io/sync/fdatasync,probability=0.02,failinfo=5"
    )
    preload = f"{library('fiu_run_preload.so', 'fiu-utils')} {library('fiu_posix_preload.so', 'fiu-utils')}"
    flaky = Installation(Spawner({"LD_PRELOAD": preload, "FIU_ENABLE": faults}), tmp_path / "home")
    flaky.environment |= {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": api.url}
    for number in range(8):
        api.script(
            f"Number {number}.",
            answer(calls=[("stamp", {"text": f"n{number}"})]),
            answer(calls=[("finish", {"summary": "Over.", "outcome": "done"})]),
        )
    # An answer that could not be written down stays counted at the most it may have cost: this takes money.
    flaky.crontab(
        "".join(f'@reboot  j{n}  "Number {n}."  tools=stamp budget=50/run,500/day\n' for n in range(8))
    )
    try:
        daemon = flaky.start("up")
        deadline = time.monotonic() + 60
        while not over(flaky, 8):
            assert time.monotonic() < deadline, daemon.stderr
            if daemon.poll() is not None:
                assert daemon.poll() == 5, daemon.stderr
                assert "the disk failed" in daemon.stderr
                daemon = flaky.start("up")
            time.sleep(0.1)
        daemon.send(signal.SIGTERM)
        daemon.wait()
        assert "Traceback" not in daemon.stderr
    finally:
        flaky.close()
    for number in range(8):
        stamps = flaky.home / "work" / f"j{number}" / "stamps"
        assert not stamps.exists() or stamps.read_text().count(f"n{number} ") == 1
    verify_pairing(api.requests)
    sound(flaky)


def over(place: Installation, jobs: int) -> bool:
    """Whether so many runs are final."""
    try:
        with SqliteDatabase(place.database).history() as reader:
            found = reader.runs(limit=100)
    except StoreError:
        return False  # not made yet
    return len(found) >= jobs and all(run.is_final for run in found)
