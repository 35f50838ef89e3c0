"""The code on the pages for authors of plug-ins works as it is printed."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from scheduler.core.run.run import State
from scheduler.testing.conformance.tool import ToolCase, check_tool
from scheduler.testing.world import open_world
from tests.kit.models import FakeModel, call, finish
from tests.kit.plug_ins import Distributions

HOWTO = Path(__file__).parents[2] / "docs" / "howto"
GRANTED = 'default = "p"\n[profile.p]\nbase = "act"\n[[profile.p.grant]]\ntool = "post"\n'


def block_with(page: str, kind: str, word: str) -> str:
    """Return the one block of a page that holds a word."""
    [found] = [block for block in blocks(page, kind) if word in block]
    return found


def blocks(page: str, kind: str) -> list[str]:
    """Return the blocks of code of a page."""
    parts = (HOWTO / page).read_text("utf-8").split(f"```{kind}\n")[1:]
    return [part.split("```")[0] for part in parts]


@pytest.fixture
def package(distributions: Distributions) -> Iterator[Distributions]:
    """An empty ``my_package`` beside agentcron."""
    (distributions.folder / "my_package").mkdir()
    (distributions.folder / "my_package" / "__init__.py").touch()
    yield distributions
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_package"]:
        del sys.modules[name]


def install(package: Distributions, module: str, code: str, entry_points: str) -> ModuleType:
    from importlib import import_module

    (package.folder / "my_package" / f"{module}.py").write_text(code)
    text = entry_points.replace('project.entry-points."', "").replace('"]', "]").replace('"', "")
    package.install("my-package", text)
    return import_module(f"my_package.{module}")


async def test_the_staged_tool_of_the_page(tmp_path: Path, package: Distributions) -> None:
    code, entry_points = (
        block_with("tools.md", "python", "StagedTool"),
        block_with("tools.md", "toml", "agentcron.changes"),
    )
    install(package, "diary", code, entry_points)
    two = call(("write_line", {"text": "one"}), ("write_line", {"text": "two"}))
    async with open_world(tmp_path / "home", model=FakeModel([two, finish()])) as world:
        await world.load('@manual  job  "Write."  tools=write_line\n')
        run = await world.play("job")
        assert run.state is State.SUCCEEDED
        with world.reader() as reader:
            told = [each.result for each in reader.calls(run.id)][:2]
        assert told == ["Written as line 1.", "Written as line 2."]
        with closing(sqlite3.connect(world.config.database)) as database:
            assert database.execute("SELECT text FROM diary").fetchall() == [("one",), ("two",)]


def test_the_staged_tool_of_the_page_holds_to_the_suite(tmp_path: Path, package: Distributions) -> None:
    code, entry_points = (
        block_with("tools.md", "python", "StagedTool"),
        block_with("tools.md", "toml", "agentcron.changes"),
    )
    diary: Any = install(package, "diary", code, entry_points)
    check_tool(
        lambda _: ToolCase(diary.WRITE_LINE, {"text": "x"}, {}, parts={"line": ()}), tmp_path / "suite"
    )


async def test_the_backend_of_the_page(tmp_path: Path, package: Distributions) -> None:
    [code], [entry_points] = blocks("backends.md", "python"), blocks("backends.md", "toml")
    install(package, "poster", code, entry_points)
    async with open_world(tmp_path / "home") as world:
        trust = world.config.crontab.parent / "trust.toml"
        trust.write_text(GRANTED)
        trust.chmod(0o600)
        await world.load(blocks("backends.md", "crontab")[0])
        run = await world.play("digest")
        assert (run.state, run.summary) == (State.SUCCEEDED, "Posted.")
        [line] = (world.workdir / "digest" / "posted").read_text().splitlines()
        assert line.startswith("Post the digest. ")
