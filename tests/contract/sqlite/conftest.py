"""Fixtures for what is SQLite's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.ports.store.database import Database
from tests.contract.databases import DATABASES


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Return an empty file."""
    return DATABASES["sqlite"](tmp_path)
