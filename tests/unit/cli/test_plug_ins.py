"""The verbs on a crontab with a plug-in's schedule and option, while it is installed and after that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scheduler.testing.world import World
from tests.kit.plug_ins import MoonPlugIn
from tests.unit.cli.conftest import Build, Call

CRONTAB = """\
COLOUR = green
@fullmoon  watch  "Look up."  before=2h tz=UTC
0 9 * * *  plain  "Hi"  colour=blue tz=UTC
"""


async def _load(world: World) -> None:
    await world.load(CRONTAB)


@pytest.fixture
def loaded(home: Path, build: Build, moon: MoonPlugIn) -> MoonPlugIn:
    """A home in which the crontab has been loaded."""
    build(_load)
    (home / "crontab").write_text(CRONTAB, encoding="utf-8")
    return moon


@pytest.mark.usefixtures("loaded")
def test_check_explain_next_why_and_list_know_them(call: Call) -> None:
    answer = call("check").fits()
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.startswith("2 jobs, 2 runs/day")

    answer = call("explain", "@fullmoon", "--tz", "UTC", "-n", "1").fits()
    assert answer.out.splitlines()[0] == "@fullmoon: at each full moon"
    assert "Tue 24 Nov 08:24:36" in answer.out

    assert "Tue 24 Nov 07:24:36" in call("next", "watch").fits().out
    assert "@fullmoon: 2h before each full moon" in call("why", "watch").fits().out
    assert "@fullmoon" in call("list").fits().out


def test_none_of_them_fails_when_the_plug_in_is_gone(call: Call, loaded: MoonPlugIn) -> None:
    loaded.uninstall()
    answer = call("check")
    assert answer.status == 1
    assert "error E07 there is no schedule @fullmoon" in answer.out
    assert 'error E10 no option "colour"' in answer.out
    assert call("explain", "@fullmoon").err.startswith("error: there is no schedule @fullmoon")
    for argv in (("list",), ("next",), ("next", "watch"), ("why", "watch"), ("why", "plain"), ("doctor",)):
        answer = call(*argv)
        assert answer.status in (0, 1), argv
        assert "Error" not in answer.err, argv
    assert "never, because its stored schedule" in call("why", "watch").out
    jobs = {job["name"]: job for job in json.loads(call("list", "--json").out)["jobs"]}
    assert set(jobs) == {"watch", "plain"}


@pytest.mark.usefixtures("loaded")
def test_an_event_is_explained(call: Call) -> None:
    answer = call("explain", "@event house:door")
    assert (answer.status, answer.out) == (0, "@event house:door: when an event house:door arrives\n")
    answer = call("explain", "@event house:dor")
    assert answer.status == 1
    assert "did you mean house:door?" in answer.err
