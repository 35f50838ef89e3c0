"""Fixtures of the contract suites."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scheduler.ports.store.database import Database
from scheduler.testing.conformance.store.bench import Bench, open_bench
from tests.contract.databases import DATABASES


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """Return an empty database, of every kind that there is."""
    return DATABASES[request.param](tmp_path)


@pytest.fixture
async def bench(database: Database) -> AsyncIterator[Bench]:
    """Return a bench on a database."""
    async with open_bench(database) as opened:
        yield opened
