"""The code on the pages for authors of plug-ins works as it is printed."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from scheduler.app.providers import find_provider
from scheduler.core.run.run import State
from scheduler.duties.sources import keep_sources
from scheduler.host.sources import installed_sources
from scheduler.ports.model import Ask
from scheduler.testing.conformance import model as of_models
from scheduler.testing.conformance import source as of_sources
from scheduler.testing.conformance.tool import ToolCase, check_tool
from scheduler.testing.world import open_world
from tests.kit.models import FakeModel, call, finish
from tests.kit.plug_ins import Distributions
from tests.kit.stage import until

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


class DeploysCase:
    """The source of the page, and the log that it reads."""

    states: Sequence[of_sources.Service] = ("up", "down")

    def __init__(self, module: Any, folder: Path) -> None:
        self.module = module
        self.log, self.hidden = folder / "deploys.log", folder / "hidden.log"
        self.log.touch()
        os.environ["DEPLOY_LOG"] = str(self.log)

    def start(self) -> Any:
        """Return another one."""
        return self.module.Deploys()

    def happen(self, name: str) -> None:
        """Append a line."""
        with (self.log if self.log.exists() else self.hidden).open("a") as file:
            file.write(json.dumps({"service": name, "result": "done"}) + "\n")

    def set_service(self, state: of_sources.Service) -> None:
        """Move the log away, and back."""
        if state == "down":
            self.log.rename(self.hidden)
        elif self.hidden.exists():
            self.hidden.rename(self.log)

    def is_busy(self) -> bool:
        """Nothing is open between two looks."""
        return False


@pytest.fixture
def deploys(package: Distributions, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DEPLOY_LOG", "")
    code, entry_points = block_with("sources.md", "python", "DEPLOYS"), blocks("sources.md", "toml")[0]
    module: Any = install(package, "deploys", code, entry_points)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.02)
    return module


async def test_the_source_of_the_page(tmp_path: Path, deploys: Any) -> None:
    (tmp_path / "outside").mkdir()
    case = DeploysCase(deploys, tmp_path / "outside")
    async with open_world(tmp_path / "home") as world:
        await world.load(blocks("sources.md", "crontab")[0])
        keeper = asyncio.create_task(
            keep_sources(
                world.services,
                find=installed_sources,
                folder=world.config.sources,
                moved=lambda: None,
                jobs=lambda: world.jobs,
            )
        )
        case.happen("printer")
        case.happen("shop-eu")
        await until(lambda: world.runs("look"))
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper
        [run] = world.runs("look")
        first = len('{"service": "printer", "result": "done"}\n')
        assert (run.cause.kind, run.cause.key) == ("event", str(first))


def test_the_source_of_the_page_holds_to_the_suite(tmp_path: Path, deploys: Any) -> None:
    of_sources.check_source(lambda folder: DeploysCase(deploys, folder), tmp_path)


class EchoCase:
    """The model of the page."""

    states: Sequence[of_models.Service] = ("up",)

    def __init__(self) -> None:
        self.model = find_provider("tiny:echo").open("tiny:echo")
        tool = {"name": "finish", "description": "Finish.", "input_schema": {"type": "object"}}
        message = {"role": "user", "content": [{"type": "text", "text": "Say hello."}]}
        self.ask = Ask("tiny:echo", "Be brief.", (tool,), (message,), 1000)

    def set_service(self, state: of_models.Service) -> None:
        """Stay up."""

    def is_reached(self) -> bool:
        """There is no service."""
        return False


async def test_the_model_of_the_page(tmp_path: Path, package: Distributions) -> None:
    code, entry_points = block_with("models.md", "python", "TINY"), blocks("models.md", "toml")[0]
    install(package, "tiny", code, entry_points)
    provider = find_provider("tiny:echo")
    async with open_world(tmp_path / "home", model=provider.open("tiny:echo")) as world:
        await world.load(blocks("models.md", "crontab")[0])
        run = await world.play("small")
        assert run.state is State.SUCCEEDED
        assert "Say hello." in run.summary
    problem = provider.problem("tiny:other")
    assert problem is not None
    assert problem.message == "tiny:other is not there"


def test_the_model_of_the_page_holds_to_the_suite(tmp_path: Path, package: Distributions) -> None:
    code, entry_points = block_with("models.md", "python", "TINY"), blocks("models.md", "toml")[0]
    install(package, "tiny", code, entry_points)
    of_models.check_model(lambda _: EchoCase(), tmp_path)
