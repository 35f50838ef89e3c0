"""Fixtures for every test; those that start processes import what they need when they are used."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.fake_messages_api import FakeMessagesAPI
    from tests.kit.plug_ins import Distributions
    from tests.kit.processes import Installation, Zygote
    from tests.kit.scene import Scene


def pytest_report_header() -> str:
    """Name the seed of the random tests before they begin."""
    from tests.kit.soak import SEED_VARIABLE, SOAK, draw_seed

    return f"random tests: {SEED_VARIABLE}={draw_seed()}{', long forms' if SOAK else ''}"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let caplog hear our log, whatever a test or a command inside this process has done to it before."""
    log = logging.getLogger("agentcron")
    monkeypatch.setattr(log, "propagate", True)
    monkeypatch.setattr(log, "handlers", [])
    log.setLevel(logging.NOTSET)


@pytest.fixture
def distributions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Distributions]:
    """A folder of distributions that are installed for this test alone."""
    from tests.kit.plug_ins import Distributions, forget

    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    forget()
    yield Distributions(folder)
    monkeypatch.undo()
    forget()


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """The process that forks our processes."""
    from tests.kit.processes import Zygote

    process = Zygote()
    yield process
    process.close()


@pytest.fixture
def place(zygote: Zygote, tmp_path: Path) -> Iterator[Installation]:
    """An empty home; every process started on it is ended."""
    from tests.kit.processes import Installation

    installation = Installation(zygote, tmp_path / "home")
    yield installation
    installation.close()


@pytest.fixture
def api() -> Iterator[FakeMessagesAPI]:
    """A loopback Messages API."""
    from tests.fake_messages_api import FakeMessagesAPI

    with FakeMessagesAPI() as server:
        yield server


@pytest.fixture
def scene(place: Installation, api: FakeMessagesAPI) -> Scene:
    """A home whose job talks to the loopback API."""
    from tests.kit.scene import Scene

    place.environment |= {"ANTHROPIC_API_KEY": "test-key", "ANTHROPIC_BASE_URL": api.url}
    made = Scene(place, api)
    made.write()
    return made
