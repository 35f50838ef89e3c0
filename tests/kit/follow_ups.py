"""The follow-ups of a job, as its next run would find them."""

from __future__ import annotations

from datetime import timedelta

from scheduler.adapters.sql.units.changes import follow_ups
from scheduler.core.changes.follow_up import Family
from scheduler.testing.world import World
from tests.kit.sql import sql_store


async def family(world: World, root: str) -> Family:
    """Return those that are not over, and how many were made within a day."""
    since = world.clock.now() - timedelta(days=1)
    return await sql_store(world.store)._read(lambda connection: follow_ups.family(connection, root, since))
