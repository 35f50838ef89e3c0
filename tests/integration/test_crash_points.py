"""SIGKILL at every crash point, a new daemon, and nothing lost or doubled.

Each test kills a real daemon at one named point of a run that reads, stamps (opaque, keyed, probed), sleeps
and finishes, then lets a second daemon end the run, and checks the invariants in the store, in the files
that the effects left, and in the request log of the API.
"""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from scheduler.adapters.sql.crash_points import CRASH_POINTS
from scheduler.adapters.sql.schema import HEAD
from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.core.run.conversation import CallState
from tests.fake_messages_api import answer, fail, verify_pairing
from tests.kit.old_homes import load_home, version_and_rest
from tests.kit.processes import Installation, until
from tests.kit.scene import Scene

pytestmark = pytest.mark.process

ENGINE_POINTS = ("schema", "W0", "W3", "W4", "W5", "W10", "sent", "log.inside", "log")

PLUGIN_POINTS = ("effect",)

FILE_POINTS = ("backup", "aside")
"""Points between two files that change places: killed at in test_restore.py, as is ``restore``."""

APART = ("rescue", "person", "renew", "compacted", "step", "jump", "restore", "prune", "notice", "event")
"""Points with tests of their own below, in test_restore.py, test_prune.py or test_store_crashes.py."""

IN_THE_RUN = (
    *ENGINE_POINTS,
    *PLUGIN_POINTS,
    *(p for p in CRASH_POINTS if p.split(".")[0] not in APART),
)
"""Points that a daemon passes while it works on the scene's job."""

REPEATED = ("W6", "W6.inside", "W8", "W10", "W11", "W12", "opened", "W1", "W3", "effect", "log.inside", "log")
"""Points that a run passes several times: killed at a later visit too."""

POINTS = frozenset((*CRASH_POINTS, *ENGINE_POINTS, *PLUGIN_POINTS, *FILE_POINTS))
"""Every point that this file kills at; the house checks that no other exists."""


def kill_at(scene: Scene, point: str, *options: str) -> None:
    """Start a daemon that dies at ``point``."""
    daemon = scene.place.start("up", *options, crash=point)
    assert daemon.wait() == -signal.SIGKILL, daemon.stderr


def finish(scene: Scene) -> None:
    """Let a daemon end the run, and end the daemon in good order."""
    daemon = scene.place.start("up")
    until(lambda: "crontab loaded" in daemon.stderr, 30, "the second daemon")
    scene.wait_final(daemon)
    scene.check_reports(most=2)
    daemon.send(signal.SIGTERM)
    assert daemon.wait() == 0, daemon.stderr


@pytest.mark.parametrize("point", IN_THE_RUN)
def test_a_run_survives_a_kill_at(scene: Scene, point: str) -> None:
    kill_at(scene, point)
    finish(scene)
    scene.check()


@pytest.mark.parametrize("point", REPEATED)
def test_a_run_survives_a_kill_at_the_second_visit_of(scene: Scene, point: str) -> None:
    kill_at(scene, f"{point}:2")
    finish(scene)
    scene.check()


def test_a_run_survives_with_two_of_three_parallel_calls_done(scene: Scene) -> None:
    # F12: results 1 and 2 belong to the first message, 3 to 5 to the parallel one.
    kill_at(scene, "W11:4")
    finish(scene)
    scene.check()


def test_f35_tables_that_were_half_made_when_the_process_died_are_made_again(scene: Scene) -> None:
    kill_at(scene, "schema")
    with closing(sqlite3.connect(scene.place.database)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    finish(scene)
    scene.check()


def test_f35_a_home_at_0002_keeps_number_and_tables_when_the_process_that_upgrades_it_dies(
    place: Installation,
) -> None:
    path = load_home(place.home, "0002")
    before = version_and_rest(path)
    assert place.start("db", "upgrade", crash="schema").wait() == -signal.SIGKILL
    assert version_and_rest(path) == before
    place.do("db", "upgrade")
    assert version_and_rest(path)[0] == HEAD


@pytest.mark.parametrize("point", ["rescue.inside", "rescue.after"])
def test_a_rescue_survives_a_kill_at(scene: Scene, point: str) -> None:
    kill_at(scene, "W6")
    kill_at(scene, point)
    finish(scene)
    scene.check()


@pytest.mark.parametrize("point", ["renew.inside", "renew"])
def test_a_kill_while_renewing_leaves_the_hanging_call_unknown(scene: Scene, point: str) -> None:
    scene.write(prompt="Hang once.")
    scene.api.script(
        "Hang once.",
        answer(calls=[("hang", {"text": "once"})]),
        answer(calls=[("finish", {"summary": "Told.", "outcome": "done"})]),
    )
    daemon = scene.place.start("up", "--lease", "2", crash=point)
    assert daemon.wait() == -signal.SIGKILL, daemon.stderr
    second = scene.place.start("up")
    run = scene.wait_final(second)
    assert run.summary == "Told."
    assert scene.stamps() == {"once": 1}
    shown = scene.place.json("show", run.id)
    states = {call["name"]: call["state"] for call in shown["calls"]}
    assert states["hang"] == CallState.UNKNOWN


@pytest.mark.parametrize("point", ["jump.inside", "jump"])
def test_a_jump_of_the_clock_survives_a_kill_while_it_is_written_down(scene: Scene, point: str) -> None:
    scene.write("@manual")
    scene.place.do("tick")
    with sqlite3.connect(scene.place.database) as connection:
        connection.execute("UPDATE runners SET seen_at = seen_at + 7200000000")
    connection.close()
    scene.write()
    kill_at(scene, point)
    finish(scene)
    scene.check()
    history = SqliteDatabase(scene.place.database).history()
    with history:
        [jump] = history.jumps(datetime(2026, 1, 1, tzinfo=UTC))
    assert (jump.kind, round(jump.seconds / 60)) == ("set_back", 120)


@pytest.mark.parametrize("point", ["person.inside", "person"])
@pytest.mark.parametrize("verb", ["cancel", "resume"])
def test_a_persons_wish_is_kept_whole_or_not_at_all(scene: Scene, point: str, verb: str) -> None:
    daemon = scene.place.start("up", crash="W13")
    assert daemon.wait() == -signal.SIGKILL
    run = scene.run()
    assert run is not None
    asked = scene.place.start(verb, run.id, crash=point)
    assert asked.wait() == -signal.SIGKILL
    after = scene.run()
    assert after is not None
    kept = {"cancel": "cancelled", "resume": "queued"}[verb]
    assert after.state == ("sleeping" if point == "person.inside" else kept)


def test_a_job_paused_at_the_moment_of_a_kill_stays_paused(scene: Scene) -> None:
    scene.write("@manual")
    asked = scene.place.start("pause", "work", crash="person")
    assert asked.wait() == -signal.SIGKILL
    assert scene.place.json("list")["jobs"][0]["state"] == "paused"


def test_a_sleeper_is_left_alone_until_its_time(place: Installation, scene: Scene) -> None:
    # F13, and the bug of an early prototype: a restart must not claim a sleeping run.
    kill_at(scene, "W13")
    asked = len(scene.api.requests)
    daemon = place.start("up")
    until(lambda: "crontab loaded" in daemon.stderr, 20, "the second daemon")
    run = scene.run()
    assert run is not None
    if run.state == "sleeping":
        assert len(scene.api.requests) == asked
    scene.wait_final(daemon)
    scene.check()


def test_a_planned_step_of_another_kind_survives(scene: Scene) -> None:
    # The point `step` closes a commit that holds none of the named windows: a request that failed.
    scene.api.enqueue(fail(529, "overloaded_error"))
    kill_at(scene, "step")
    daemon = scene.place.start("up")
    run = scene.wait_final(daemon)
    assert run.summary == "All stamped."
    scene.check_reports(most=2)


def test_a_planned_step_of_another_kind_is_kept_whole_or_not_at_all(scene: Scene) -> None:
    scene.api.enqueue(fail(529, "overloaded_error"))
    kill_at(scene, "step.inside")
    daemon = scene.place.start("up")
    assert scene.wait_final(daemon).summary == "All stamped."


@pytest.mark.parametrize("point", ["opened:3", "W3:3", "W5:3", "compacted.inside", "compacted"])
def test_a_summary_is_kept_whole_or_asked_for_again(scene: Scene, point: str) -> None:
    # The third request of this run is the compaction: the second one was measured at more than 150k tokens.
    scene.write(prompt="Look and look again.")
    look = [("read", {"file_path": "inbox.md"})]
    scene.api.script(
        "Look and look again.",
        answer(calls=look),
        answer(calls=look, usage={"input_tokens": 160_000}),
        answer(calls=[("finish", {"summary": "Seen twice.", "outcome": "done"})]),
    )
    kill_at(scene, point)
    daemon = scene.place.start("up")
    run = scene.wait_final(daemon)
    assert run.summary == "Seen twice."
    verify_pairing(scene.api.requests)
    assert scene.api.refusals == []
    requests = [r for a in scene.place.json("show", run.id)["attempts"] for r in a["requests"]]
    made = [request for request in requests if request["summary"]]
    assert [request["covers"] for request in made] == [3], "one summary, of all but the last exchange"
    assert len(requests) == 4 + (point != "compacted")
