"""Tool sources by name, and the names of their tools."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scheduler.config import load
from scheduler.core.crontab import values
from scheduler.core.job import tool_names
from scheduler.core.job.job import Job
from scheduler.core.time.trigger import Manual
from scheduler.errors import ConfigError
from scheduler.testing.world import open_world
from scheduler.tools import sources
from tests.kit.plug_ins import Distributions

JOB = Job(name="brief", trigger=Manual(), prompt="p")


class Lamp:
    """A tool source of a plug-in."""

    name = "lamp"

    def __init__(self, provides: Callable[[Job], bool] = lambda _: True) -> None:
        self.provides = provides

    @asynccontextmanager
    async def open(self, job: Job, run_id: str) -> Any:  # noqa: ARG002
        yield {}


def _fails(job: Job) -> bool:
    raise KeyError(job.name)


LAMP, DARK, BROKEN = Lamp(), Lamp(lambda _: False), Lamp(_fails)


@pytest.mark.parametrize(
    "text", ["lamp:*", "lamp:turn", "lamp:turn_*", "lamp:turn-it", "web-2:A9", "read,lamp:*", "my.tool_1"]
)
def test_names_that_may_stand_in_a_crontab(text: str) -> None:
    assert values.tool_names(text) == tuple(text.split(","))


@pytest.mark.parametrize(
    "text", ["lamp:", ":turn", "Lamp:turn", "la_mp:turn", "lamp:a*b", "lamp:**", "a:b:c", "*"]
)
def test_names_that_may_not(text: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the name of a tool") as caught:
        values.tool_names(text)
    assert "SOURCE:NAME or SOURCE:*" in caught.value.help


def test_what_a_job_names_of_a_source() -> None:
    names = ("read", "web:get", "lamp:turn*", "lamp:dim", "my.tool")
    assert tool_names.installed(names) == ("read", "my.tool")
    assert tool_names.sources(names) == ("lamp", "web")
    named = {"lamp__turn", "lamp__turn-it", "lamp__dim", "web__get"}
    for tool in (*named, "lamp__dim-it", "lamp__get", "web__turn", "web__get2", "read", "lampturn"):
        source = tool_names.source_of(tool)
        assert tool_names.is_named(names, source, tool) is (tool in named)
    assert tool_names.missing(names, "lamp", ["lamp__turn"]) == ("dim",)
    assert tool_names.missing(names, "web", ["web__get"]) == ()


def test_only_named_sources_are_found_and_nothing_else_is_imported(distributions: Distributions) -> None:
    distributions.provide(sources.GROUP, "lamp", f"{__name__}:LAMP")
    distributions.provide(sources.GROUP, "broken", "no.such.module:X")
    assert sources.named_sources(JOB) == ()
    assert sources.named_sources(replace(JOB, tools=("read", "lamp:*"))) == (LAMP,)
    assert sources.is_source("broken")
    assert not sources.is_source("lump")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("no.such.module:X", r"the tool source lamp \(no.such.module:X\) cannot be loaded: ModuleNotFound"),
        (f"{__name__}:JOB", "is not a tool source but Job"),
        (f"{__name__}:Lamp", "is not a tool source but <class"),
        (f"{__name__}:DARK", "the tool source lamp has no tools for brief"),
        (f"{__name__}:BROKEN", "the tool source lamp cannot be asked: KeyError: 'brief'"),
    ],
)
def test_what_is_wrong_with_a_source_is_told_by_its_place(
    distributions: Distributions, value: str, problem: str
) -> None:
    distributions.provide(sources.GROUP, "lamp", value)
    job = replace(JOB, tools=("lamp:*",))
    with pytest.raises(ConfigError, match=problem):
        sources.named_sources(job)
    assert sources.source_problem(job, "lamp") is not None


def test_a_source_under_another_name_or_from_two_places_is_refused(distributions: Distributions) -> None:
    distributions.provide(sources.GROUP, "lump", f"{__name__}:LAMP")
    with pytest.raises(ConfigError, match="calls itself lamp"):
        sources.find_source("lump")
    with pytest.raises(ConfigError, match="no tool source is called lamp") as caught:
        sources.find_source("lamp")
    assert caught.value.help == "did you mean lump?"
    distributions.provide(sources.GROUP, "lump", f"{__name__}:DARK", "others")
    with pytest.raises(ConfigError, match="provided twice, by others and strangers"):
        sources.find_source("lump")


def test_the_check_names_sources_that_are_missing_and_takes_their_grants(
    distributions: Distributions, tmp_path: Path
) -> None:
    from scheduler.app.home import FileHome
    from scheduler.core.time.instants import from_iso
    from scheduler.views.lint.linting import lint_text

    distributions.provide(sources.GROUP, "lamp", f"{__name__}:LAMP")
    config = load(str(tmp_path))
    config.make_home()
    config.trust.write_text('[[profile.mine.grant]]\ntool = "lamp__turn"\nhosts = ["example.org"]\n')
    config.trust.chmod(0o600)
    text = '@manual a "x" tools=lamp:* trust=mine\n@manual b "x" tools=lump:*,read,rad\n'
    found = lint_text(FileHome(config), text, from_iso("2026-11-22T12:00:00Z"))
    assert {each.message for each in found.problems if "tool" in each.message or "W09" in each.code} == {
        "tools: no tool source is called lump",
        "tools: no tool is called rad",
    }


@pytest.mark.anyio
async def test_an_installed_source_is_opened_for_a_run(distributions: Distributions, tmp_path: Path) -> None:
    distributions.provide(sources.GROUP, "lamp", f"{__name__}:LAMP")
    async with open_world(tmp_path) as world:
        await world.load('@manual  job  "Turn it."  tools=lamp:turn  model=rehearsal:job.jsonl')
        run = await world.play("job")
        assert "the tool source lamp has no tool turn (it has none)" in run.reason
