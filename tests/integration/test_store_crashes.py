"""A process killed at any crash point of the store leaves whole transactions, and the next one goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scheduler.adapters.sql.crash_points import CRASH_POINTS

pytestmark = pytest.mark.process

# How many messages are on the disk when a kill comes right behind each window, or anywhere before it.
MESSAGES_AFTER = {"W1": 0, "W2": 1, "opened": 1, "W6": 2, "W8": 2, "W11": 2, "W12": 3, "W13": 3}


@pytest.fixture(scope="module")
def deaths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    program = Path(__file__).with_name("store_life.py")
    folder = tmp_path_factory.mktemp("deaths")
    ended = subprocess.run(
        [sys.executable, str(program), str(folder)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    return {line["point"]: line for line in lines}


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_the_point_kills_and_the_next_process_finishes(deaths: dict[str, Any], point: str) -> None:
    left = deaths[point]
    assert left["killed"], f"nothing passed {point}"
    assert left["sound"] == "ok"
    assert (left["runs"], left["live"]) == (1, 0)


@pytest.mark.parametrize("point", MESSAGES_AFTER)
def test_a_kill_behind_a_window_keeps_it_and_inside_loses_it(deaths: dict[str, Any], point: str) -> None:
    points = list(MESSAGES_AFTER)
    before = points[max(0, points.index(point) - 1)]
    inside = "claim.inside" if point == "W1" else f"{point}.inside"
    assert deaths[point]["messages"] == MESSAGES_AFTER[point]
    assert deaths[inside]["messages"] == MESSAGES_AFTER[before]


def test_a_call_is_on_record_as_begun_before_its_effect_and_with_its_result_after(
    deaths: dict[str, Any],
) -> None:
    assert deaths["W6.inside"]["calls"] == []
    assert deaths["W6"]["calls"] == deaths["W8.inside"]["calls"] == ["planned", "planned"]
    assert deaths["W8"]["calls"] == deaths["W11.inside"]["calls"] == ["started", "planned"]
    assert deaths["W11"]["calls"] == deaths["staged.inside"]["calls"] == ["done", "planned"]
    assert deaths["staged"]["calls"] == ["done", "done"], "it began and ended in one commit"


def test_an_event_is_recorded_with_the_wake_that_it_means_or_not_at_all(deaths: dict[str, Any]) -> None:
    inside, after = deaths["event.inside"], deaths["event"]
    assert (inside["events_before"], inside["states_before"]) == (0, ["sleeping"])
    assert (after["events_before"], after["states_before"]) == (1, ["queued"])
    assert inside["events"] == after["events"] == 1, "what its source sends again is the same event"
