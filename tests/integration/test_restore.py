"""F64: a backup while daemons work, and a restore after which no effect happens a second time.

Each test lets a daemon work on the scene (tests/kit/scene.py), takes a backup at some moment, lets the run
end, puts the backup back, and starts a daemon on it.  What the run did after the backup is not in the copy.
"""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path

import pytest

from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.core.run.conversation import CallState
from scheduler.core.run.run import Run, State
from tests.fake_messages_api import answer
from tests.kit.person import ask
from tests.kit.processes import Installation, Process, until
from tests.kit.scene import JOB, Scene

pytestmark = pytest.mark.process

MOMENTS = ("W0", "fire.after", "W1", "W2", "W3", "W6", "W8", "effect", "W10", "W12", "W13", "W14", "sent")
"""Where the daemon is when the copy is taken: due, fired, asking, at work, asleep, done."""


def started(place: Installation) -> Process:
    """Start a daemon and wait until it has the crontab."""
    daemon = place.start("up")
    until(lambda: "crontab loaded" in daemon.stderr, 30, lambda: daemon.stderr)
    return daemon


def finish(scene: Scene) -> None:
    """Let a daemon end the run and send its report, and stop the daemon."""
    daemon = scene.place.start("up")
    scene.wait_final(daemon)
    scene.check_reports(most=2)
    stop(scene.place)


def stop(place: Installation) -> None:
    """End every process in good order."""
    for process in place.processes:
        process.send(signal.SIGTERM)
    for process in place.processes:
        process.wait()


def work_on(place: Installation) -> Process:
    """Let a daemon do all that it finds to do, and then one more pass."""
    daemon = started(place)
    time.sleep(0.3)
    daemon.send(signal.SIGTERM)
    assert daemon.wait() == 0, daemon.stderr
    place.do("tick")
    return daemon


def world(scene: Scene) -> tuple[object, ...]:
    """Everything outside the database that a repetition would change."""
    reports = scene.reports.read_text() if scene.reports.exists() else ""
    return scene.stamps(), len(scene.api.requests), reports


def check_nothing_repeated(scene: Scene, before: tuple[object, ...]) -> Run | None:
    """Assert that a restored home is at rest and says what it does not know; return its run."""
    assert world(scene) == before
    run = scene.run()
    if run is not None:
        with SqliteDatabase(scene.place.database).history() as reader:
            for call in reader.calls(run.id):
                assert call.is_closed or (call.state is CallState.WAITING and call.name == "sleep"), call
        assert run.state in (State.PARKED, State.SUCCEEDED)
    with SqliteDatabase(scene.place.database).history() as reader:
        rows = reader.runs(job=JOB)
    assert len(rows) == 1, "the slot has one row: fired, or skipped with a reason"
    scene.place.home.chmod(0o700)
    checks = json.loads(ask(scene.place, "doctor", "--json").out)["checks"]
    # What waits for a person is what the doctor has to say, and nothing else.
    problems = [found for found in checks if found["level"] == "problem"]
    assert {found["name"] for found in problems} <= {"parked", "unknown", "reports"}, problems
    return run


@pytest.mark.parametrize("moment", MOMENTS)
def test_F64_no_effect_is_repeated_after_a_restore(scene: Scene, tmp_path: Path, moment: str) -> None:
    place, copy = scene.place, tmp_path / "copy"
    assert place.start("up", crash=moment).wait() == -signal.SIGKILL
    ask(place, "backup", str(copy)).is_fine("sound")
    finish(scene)
    before = world(scene)

    ask(place, "restore", str(copy)).is_fine("agentcron list")
    work_on(place)

    run = check_nothing_repeated(scene, before)
    why = ask(place, "why", JOB).is_fine()
    if moment == "W0":
        assert run is None
        assert "restored from a backup" in why.out
        assert "agentcron run work" in why.out
        assert "skipped after a restore" in ask(place, "list").is_fine().out
    elif moment in ("W14", "sent"):
        assert run is not None
        assert run.state is State.SUCCEEDED
        assert "report was not sent" in ask(place, "list").is_fine().out
    else:
        assert run is not None
        assert (run.state, run.reason_code) == (State.PARKED, "restored")
        assert "restored from a backup" in ask(place, "list").is_fine().out
        assert "restored from a backup" in why.out


def test_F64_backups_at_random_moments_of_a_working_daemon(scene: Scene, tmp_path: Path) -> None:
    place = scene.place
    daemon = started(place)
    copies: list[Path] = []
    while (run := scene.run()) is None or not run.is_final:
        copies.append(tmp_path / f"copy-{len(copies)}")
        place.do("backup", str(copies[-1]))
    assert len(copies) >= 2
    scene.check_reports()
    daemon.send(signal.SIGTERM)
    assert daemon.wait() == 0, daemon.stderr
    before = world(scene)
    for copy in (copies[0], copies[len(copies) // 2], copies[-1]):
        place.do("restore", str(copy))
        work_on(place)
        check_nothing_repeated(scene, before)
    kept = list(place.home.glob("agentcron.db.before-restore-*"))
    assert len(kept) == 3, "what was there is moved aside, never deleted"


@pytest.mark.parametrize("point", ["restore.inside", "restore"])
def test_F64_a_plain_cp_is_noticed_and_the_taking_note_survives_a_kill(
    scene: Scene, tmp_path: Path, point: str
) -> None:
    # The daemon is killed, so its log is left behind; then somebody copies the backup over the database.
    place, copy = scene.place, tmp_path / "copy"
    assert place.start("up", crash="W8").wait() == -signal.SIGKILL
    place.do("backup", str(copy))
    assert place.start("up", crash="W14").wait() == -signal.SIGKILL
    assert (place.home / "agentcron.db-wal").stat().st_size > 0
    before = world(scene)
    shutil.copy(copy, place.database)
    ask(place, "list").is_error(5, "the log of another one", "agentcron up")

    killed = place.start("up", crash=point)
    assert killed.wait() == -signal.SIGKILL, killed.stderr
    assert "belonged to another database" in killed.stderr
    said = work_on(place).stderr

    run = check_nothing_repeated(scene, before)
    assert run is not None
    assert run.state is State.PARKED
    assert ("restored from a backup" in said) is (point == "restore.inside"), "note is taken once"


def test_F64_a_copy_that_is_moved_under_a_living_daemon_is_noticed(scene: Scene, tmp_path: Path) -> None:
    place, copy = scene.place, tmp_path / "copy"
    assert place.start("up", crash="W8").wait() == -signal.SIGKILL
    place.do("backup", str(copy))
    daemon = place.start("up")
    scene.wait_final(daemon)
    scene.check_reports()
    before = world(scene)
    copy.rename(place.database)
    until(lambda: "continuing with it" in daemon.stderr, 30, lambda: daemon.stderr)
    assert "restored from a backup" in daemon.stderr
    time.sleep(0.5)
    daemon.send(signal.SIGTERM)
    assert daemon.wait() == 0, daemon.stderr
    run = check_nothing_repeated(scene, before)
    assert run is not None
    assert (run.state, run.reason_code) == (State.PARKED, "restored")


def test_F64_a_sleeper_continues_and_is_told(scene: Scene, tmp_path: Path) -> None:
    place, copy, prompt = scene.place, tmp_path / "copy", "Sleep, then end."
    scene.write(prompt=prompt)
    scene.api.script(
        prompt,
        answer(calls=[("sleep", {"until": "15s"})]),
        answer(calls=[("finish", {"summary": "Woken.", "outcome": "done"})]),
    )
    daemon = started(place)
    until(lambda: (run := scene.run()) is not None and run.state is State.SLEEPING, 30, lambda: daemon.stderr)
    place.do("backup", str(copy))
    daemon.kill()
    said = ask(place, "restore", str(copy)).is_fine()
    assert "keeps sleeping" in said.out
    run = scene.wait_final(place.start("up"))
    assert run.summary == "Woken."
    told = str(scene.api.requests[-1].messages)
    assert "The scheduler was restored from a backup of" in told
    assert "Check before you repeat anything" in told


def test_F64_a_person_resumes_what_waits_and_the_agent_is_told(scene: Scene, tmp_path: Path) -> None:
    place, copy = scene.place, tmp_path / "copy"
    assert place.start("up", crash="W13").wait() == -signal.SIGKILL
    place.do("backup", str(copy))
    finish(scene)
    stamps = scene.stamps()
    place.do("restore", str(copy))
    run = scene.run()
    assert run is not None
    ask(place, "resume", run.id, "--message", "It was all done.").is_fine("was parked")
    scene.wait_final(place.start("up"))
    told = str(scene.api.requests[-1].messages)
    assert "A person woke you. You had planned to wake at" in told
    assert "They say: It was all done. The scheduler was restored from a backup of" in told
    assert scene.stamps() == stamps


def test_a_kill_before_the_copy_has_its_name_leaves_none(scene: Scene, tmp_path: Path) -> None:
    place, copy = scene.place, tmp_path / "copy"
    place.do("run", JOB)
    assert place.start("backup", str(copy), crash="backup").wait() == -signal.SIGKILL
    assert not copy.exists()
    place.do("backup", str(copy))
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_kill_while_the_databases_change_places_leaves_the_old_one(scene: Scene, tmp_path: Path) -> None:
    place, copy = scene.place, tmp_path / "copy"
    place.do("run", JOB)
    place.do("backup", str(copy))
    place.do("cancel", scene.run().id)  # type: ignore[union-attr]
    assert place.start("restore", str(copy), crash="aside").wait() == -signal.SIGKILL
    run = scene.run()
    assert run is not None
    assert run.state is State.CANCELLED
    place.do("restore", str(copy))
    run = scene.run()
    assert run is not None
    assert run.state is State.PARKED


def test_nothing_is_restored_under_a_living_daemon(scene: Scene, tmp_path: Path) -> None:
    place, copy = scene.place, tmp_path / "copy"
    scene.write("@manual")
    daemon = started(place)
    ask(place, "backup", str(copy)).is_fine()
    ask(place, "restore", str(copy)).is_error(4, f"pid {daemon.pid}", "stop it")
    assert daemon.poll() is None
