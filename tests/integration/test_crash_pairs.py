"""F15: killed at one crash point, killed at another one in the next life, and nothing lost or doubled.

In the gate every point is followed by the next one that a run passes, so that each is once the first and
once the second of a pair, and by a few pairs that the seed draws.  ``make soak`` lives through all of them.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from scheduler.core.run.run import State
from tests.fake_messages_api import FakeMessagesAPI, fail
from tests.integration.test_crash_points import IN_THE_RUN, kill_at
from tests.kit.processes import Installation, Zygote, until
from tests.kit.scene import MARKER, Scene
from tests.kit.soak import SOAK, chance

pytestmark = [pytest.mark.process, pytest.mark.soak]

LIFE = (
    *("schema", "runner.inside", "runner", "load.inside", "load", "W0", "fire.inside", "fire.after"),
    *("claim.inside", "W1", "W2.inside", "W2", "opened.inside", "opened", "W3", "W4", "W5"),
    *("W6.inside", "W6", "log.inside", "log", "W8.inside", "W8", "effect"),
    *("W10", "W11.inside", "W11", "staged.inside", "staged", "W12.inside", "W12"),
    *("W13.inside", "W13", "wake.inside", "wake.after", "W14.inside", "W14"),
    *("outbox.inside", "outbox.after", "sent", "W15.inside", "W15"),
)
"""The points that a daemon passes while it works on the scene's job, in the order of the run's life."""

RESCUES = ("rescue.inside", "rescue.after")
"""Passed in a second life only: they take back what the first one held."""

NEIGHBOURS = (
    *pairwise(LIFE),
    *(("schema", "schema"), ("W15", "runner.inside")),
    *(("W1", "rescue.inside"), ("W8", "rescue.after")),
)
"""Each point followed by the next one that a run passes: every one is the first and the second of a pair."""

SLOW = ("step.inside", "step", "renew.inside", "renew")
"""Passed only when the API stumbles, or takes so long that the lease is renewed."""

AT_ONCE = 4
PARTS = 4


@contextmanager
def scene_at(zygote: Zygote, home: Path) -> Iterator[Scene]:
    """Make a scene of its own in ``home``."""
    with FakeMessagesAPI() as api:
        environment = {"ANTHROPIC_API_KEY": "test-key", "ANTHROPIC_BASE_URL": api.url}
        place = Installation(zygote, home, environment)
        try:
            yield Scene(place, api)
        finally:
            place.close()


def live_through(scene: Scene, first: str, second: str, *options: str) -> bool:
    """Kill at ``first``, then at ``second``, let a third daemon end the run, and check all that must hold.

    Returns:
        whether the second life passed ``second`` at all; one that does not ends the run itself.
    """
    kill_at(scene, first, *options)
    daemon = scene.place.start("up", *options, crash=second)

    def is_over() -> bool:
        run = scene.run() if "crontab loaded" in daemon.stderr else None
        return run is not None and run.is_final and scene.is_reported()

    until(lambda: daemon.poll() is not None or is_over(), 60, lambda: f"{first}, {second}\n{daemon.stderr}")
    if daemon.poll() is None:
        daemon.send(signal.SIGTERM)  # its last words pass a point, too
    reached = daemon.wait() == -signal.SIGKILL
    assert reached or daemon.status == 0, daemon.stderr
    last = scene.place.start("up", *options)
    until(lambda: "crontab loaded" in last.stderr, 30, lambda: f"the last daemon\n{last.stderr}")
    scene.wait_final(last)
    # One more for each life that died between the sending and its record.
    scene.check_reports(most=3)
    last.send(signal.SIGTERM)
    assert last.wait() == 0, last.stderr
    scene.check()
    return reached


def never_passed(zygote: Zygote, folder: Path, pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Live through all ``pairs``, some at a time; return those whose second point nobody passed."""

    def one(pair: tuple[str, str]) -> str:
        name = " then ".join(pair)
        with scene_at(zygote, folder / "-".join(pair)) as scene:
            scene.write()
            try:
                return "" if live_through(scene, *pair) else name
            except Exception as error:
                error.add_note(f"killed at {name}")
                raise

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [name for name in pool.map(one, pairs) if name]


def test_the_order_of_a_life_names_every_point_of_it() -> None:
    assert sorted(LIFE) == sorted(point for point in IN_THE_RUN if point not in RESCUES)


@pytest.mark.parametrize("part", range(PARTS))
def test_f15_a_run_survives_a_kill_and_another_one_at_the_next_point(
    zygote: Zygote, tmp_path: Path, part: int
) -> None:
    assert never_passed(zygote, tmp_path, NEIGHBOURS[part::PARTS]) == []


@pytest.mark.parametrize(("first", "second"), [*pairwise(SLOW), (SLOW[-1], SLOW[0])])
def test_f15_a_run_survives_two_kills_while_its_api_is_slow_and_stumbles(
    scene: Scene, first: str, second: str
) -> None:
    scene.write(prompt="Slowly. " + MARKER)
    scene.script("Slowly. " + MARKER, fail(529, "overloaded_error", times=2), delay_seconds=1.2)
    assert live_through(scene, first, second, "--lease", "2"), f"after {first} nobody passes {second}"


@pytest.mark.parametrize("verb", ["cancel", "resume"])
def test_f15_a_persons_wish_survives_two_kills(scene: Scene, verb: str) -> None:
    kill_at(scene, "W13")
    run = scene.run()
    assert run is not None
    states = []
    for point in ("person.inside", "person"):
        assert scene.place.start(verb, run.id, crash=point).wait() == -signal.SIGKILL
        after = scene.run()
        assert after is not None
        states.append(after.state)
    assert states == [State.SLEEPING, {"cancel": State.CANCELLED, "resume": State.QUEUED}[verb]]


def pairs_of(first: str) -> list[tuple[str, str]]:
    """Return all pairs that begin with ``first``; some of all pairs, if none is named."""
    seconds = (*LIFE, *RESCUES)
    if first:
        return [(first, second) for second in seconds]
    draw = chance("pairs")
    return [(draw.choice(LIFE), draw.choice(seconds)) for _ in range(AT_ONCE)]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("first", LIFE if SOAK else [""], ids=lambda first: first or "drawn")
def test_f15_a_run_survives_all_pairs_of_kills(zygote: Zygote, tmp_path: Path, first: str) -> None:
    pairs = pairs_of(first)
    never = never_passed(zygote, tmp_path, pairs)
    said = f"{len(pairs) - len(never)} of {len(pairs)} pairs of kills; never passed: {', '.join(never)}"
    print(said)
    assert len(never) < len(pairs) or not first, said
