"""Fixtures for what a person does at the terminal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_messages_api import FakeMessagesAPI
from tests.kit import spoiled
from tests.kit.live import CRONTAB, NAP, QUICK
from tests.kit.processes import Installation, Zygote


@pytest.fixture
def town(zygote: Zygote, tmp_path: Path) -> Iterator[Installation]:
    made = Installation(zygote, tmp_path / "home")
    made.crontab(CRONTAB)
    (made.home / "quick.jsonl").write_text(QUICK)
    (made.home / "nap.jsonl").write_text(NAP)
    yield made
    made.close()


@pytest.fixture
def claude(town: Installation, api: FakeMessagesAPI) -> FakeMessagesAPI:
    """The loopback API; the jobs of the crontab use it."""
    town.environment |= {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": api.url}
    return api


@pytest.fixture(scope="session")
def template(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home with one run that is over, and that run's id."""
    home = tmp_path_factory.mktemp("template") / "home"
    place = Installation(zygote, home)
    place.crontab(spoiled.CRONTAB)
    (home / "script.jsonl").write_text(spoiled.SCRIPT)
    run: str = place.json("run", "nap", "--wait")["run"]
    for file in (*home.glob("out.*"), *home.glob("err.*")):
        file.unlink()
    return home, run


@pytest.fixture
def used(zygote: Zygote, template: tuple[Path, str], tmp_path: Path) -> Iterator[Installation]:
    """A copy of the template."""
    shutil.copytree(template[0], tmp_path / "home")
    made = Installation(zygote, tmp_path / "home")
    yield made
    made.close()
