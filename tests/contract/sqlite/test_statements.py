"""What a run costs in statements and commits: counted exactly, so these figures only go down.

Times depend on the machine and the hour; how many statements a run is does not.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scheduler.adapters.sql.sqlite.driver import SqliteConnection
from scheduler.testing.rehearsal import script
from scheduler.testing.world import World, open_world
from tests.kit.sql import committer_of

MAX_STATEMENTS = 24
"""Of a run that does nothing, from its fire to its end; without those that a whole batch shares."""

SHARED = re.compile(r"^(BEGIN|COMMIT|SELECT seq, hash FROM records|INSERT INTO (records|attempts))")
"""One for a whole batch, however many runs are in it."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Return a world with one job that does nothing; it has run once, so that nothing is new."""
    async with open_world(tmp_path) as world:
        world.script("nothing", script().say("Nothing to do."))
        await world.load('@every 1h  nothing  "x"  model=rehearsal:nothing.jsonl')
        await world.jump()
        yield world


def connection_of(world: World) -> SqliteConnection:
    """Return the connection that the store of a world writes with."""
    return committer_of(world.store)._connection


async def statements(world: World) -> list[str]:
    """Return the statements of the next run that name it, its job or its workdir."""
    said: list[str] = []
    connection_of(world).driver.set_trace_callback(said.append)
    await world.jump()
    connection_of(world).driver.set_trace_callback(None)
    run = world.runs()[-1]
    assert run.state == "succeeded"
    own = (f"'{run.id}'", f'"{run.id}"', "'nothing'", f"{world.workdir / 'nothing'}'", "'fleet'")
    return [each for each in said if not SHARED.match(each) and any(name in each for name in own)]


async def test_a_run_that_does_nothing_is_so_many_statements(world: World) -> None:
    said = await statements(world)
    assert any(each.startswith("INSERT INTO runs") for each in said), "the count itself works"
    assert len(said) <= MAX_STATEMENTS, "\n".join(" ".join(each.split())[:120] for each in said)
