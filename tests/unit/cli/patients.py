"""Homes for the doctor, and what it says about them."""

from __future__ import annotations

import json
from datetime import timedelta

from scheduler.testing.world import World
from tests.unit.cli import scenes
from tests.unit.cli.conftest import Answer


def problems(answer: Answer) -> dict[str, str]:
    """Names and texts of the problems; each has a fix, and they decide about the exit status."""
    values = json.loads(answer.out)
    found = [check for check in values["checks"] if check["level"] == "problem"]
    assert answer.status == (1 if found else 0)
    assert all(check["fix"] for check in found), found
    assert len({check["name"] for check in found}) == len(found), "one fault is told once"
    return {check["name"]: check["text"] for check in found}


async def lived(world: World) -> None:
    """A digest is done, a review sleeps; a daemon is about."""
    await scenes.load(world)
    world.clock.jump_to(scenes.START + timedelta(minutes=30))
    await world.settle()
    await world.fire("review")
    await world.settle()
