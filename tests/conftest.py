"""Fixtures for every test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# The kits beside this file are imported as `tests.<kit>`, under every way of starting pytest.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
