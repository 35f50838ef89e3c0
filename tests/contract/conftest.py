"""Fixtures of the contract suites."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scheduler.ports.store.store import Store
from tests.contract.store_kit import Bench, open_sqlite


@pytest.fixture(params=["sqlite"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Return a bench on a fresh database, for every adapter that there is."""
    path = tmp_path / "agentcron.db"
    opened: list[Store] = []

    async def open_more(prefix: str) -> Store:
        store = await open_sqlite(path, prefix)
        opened.append(store)
        return store

    yield Bench(await open_more("a"), path, open_more)
    for store in opened:
        await store.close()
