"""The reader of a file: it cannot write, and starts quickly."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scheduler.adapters.sql.history.history import SqlHistory
from scheduler.errors import StoreError
from scheduler.testing.conformance.store.bench import Bench


async def test_a_reader_cannot_write(bench: Bench) -> None:
    with bench.history() as reader:
        assert isinstance(reader, SqlHistory)
        with pytest.raises(StoreError, match="read-only"):
            reader._all("DELETE FROM runs", {}, tuple)


def test_the_reader_imports_nothing_heavy() -> None:
    code = (
        "import sys, scheduler.adapters.sql.history.reader, scheduler.adapters.sql.sqlite.read_connection\n"
        "heavy = {'sqlalchemy', 'sqlmodel', 'croniter', 'alembic', 'anthropic', 'asyncio', 'pydantic'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
