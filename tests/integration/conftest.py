"""Fixtures for tests with real processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_messages_api import FakeMessagesAPI
from tests.kit.processes import Installation, Zygote
from tests.kit.scene import Scene


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """The process that forks our processes."""
    process = Zygote()
    yield process
    process.close()


@pytest.fixture
def place(zygote: Zygote, tmp_path: Path) -> Iterator[Installation]:
    """An empty home; every process started on it is ended."""
    installation = Installation(zygote, tmp_path / "home")
    yield installation
    installation.close()


@pytest.fixture
def api() -> Iterator[FakeMessagesAPI]:
    """A loopback Messages API."""
    with FakeMessagesAPI() as server:
        yield server


@pytest.fixture
def scene(place: Installation, api: FakeMessagesAPI) -> Scene:
    """A home whose job talks to the loopback API."""
    place.environment |= {"ANTHROPIC_API_KEY": "test-key", "ANTHROPIC_BASE_URL": api.url}
    made = Scene(place, api)
    made.write()
    return made
