"""The preloader imports what enabled jobs need, once, while nothing runs, and never harms its daemon."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from scheduler.adapters.anthropic.provider import ANTHROPIC
from scheduler.adapters.rehearsal.provider import REHEARSAL
from scheduler.core.job.job import Job
from scheduler.core.run.conversation import Usage
from scheduler.core.time.triggers.manual import Manual
from scheduler.duties.preloader import Preloader
from scheduler.errors import CannotWorkError, ConfigError
from scheduler.host.imports import StoppableImports
from scheduler.ports.model import Model
from scheduler.ports.provider import PreloadingProvider, Provider
from scheduler.testing.world import open_world
from tests.kit.stage import until


@dataclass
class Slow:
    """A provider of every model, whose preload is what a test makes it."""

    then: Callable[[], object] = lambda: None
    name: str = "slow"
    models: str = "slow-..."
    wrong: CannotWorkError | None = None
    preloads: list[str] = field(default_factory=list)

    def owns(self, model: str) -> bool:
        return model.startswith("slow")

    def open(self, model: str) -> Model:
        raise AssertionError(f"nothing is asked of {model}")

    def price(self, model: str, usage: Usage) -> int | None:  # noqa: ARG002
        return 0

    def problem(self, model: str) -> ConfigError | CannotWorkError | None:  # noqa: ARG002
        return self.wrong

    def preload(self) -> None:
        self.preloads.append(threading.current_thread().name)
        self.then()


def job(model: str = "slow-1", *, enabled: bool = True, backend: str = "turns") -> Job:
    return Job("a", Manual(), "x", model=model, enabled=enabled, extra={"backend": backend})


@asynccontextmanager
async def daemon(
    place: Path, provider: Provider, *jobs: Job, busy: int = 0
) -> AsyncIterator[tuple[Preloader, list[int]]]:
    """The duty of a daemon that has loaded jobs, and how many runs are under way at each look."""
    looks = [busy]

    def is_idle() -> bool:
        looks.append(max(looks[-1] - 1, 0))
        return looks[-2] == 0

    class Clock:
        async def sleep(self, _: float) -> None:
            await asyncio.sleep(0)

    preloader = Preloader(lambda _: provider, is_idle)
    async with open_world(place) as world:
        services = replace(world.services, clock=Clock())  # type: ignore[arg-type]
        duty = asyncio.create_task(preloader.keep_preloaded(services))
        preloader.loaded(jobs)
        yield preloader, looks
        assert not duty.done()
        duty.cancel()
        with suppress(asyncio.CancelledError):
            await duty


async def test_what_an_enabled_job_needs_is_preloaded_in_a_thread_and_once(tmp_path: Path) -> None:
    slow = Slow()
    async with daemon(tmp_path, slow, job(), job("slow-2")) as (preloader, looks):
        await until(lambda: slow.preloads)
        preloader.loaded([job()])
        await until(lambda: len(looks) >= 3)
    assert len(slow.preloads) == 1
    assert slow.preloads[0] != threading.current_thread().name


async def test_it_waits_while_runs_are_under_way(tmp_path: Path) -> None:
    slow = Slow()
    async with daemon(tmp_path, slow, job(), busy=3) as (_, looks):
        slow.then = lambda: looks.append(-1)
        await until(lambda: slow.preloads)
    assert looks[:5] == [3, 2, 1, 0, 0]


@pytest.mark.parametrize("unneeded", [job(enabled=False), job(backend="else")])
async def test_jobs_that_ask_no_model_of_ours_need_none(tmp_path: Path, unneeded: Job) -> None:
    slow = Slow()
    async with daemon(tmp_path, slow, unneeded) as (_, looks):
        await until(lambda: len(looks) >= 2)
        await asyncio.sleep(0.05)
    assert slow.preloads == []


async def test_a_model_that_cannot_be_used_is_not_preloaded(tmp_path: Path) -> None:
    slow = Slow(wrong=CannotWorkError("there is no key"))
    async with daemon(tmp_path, slow, job()) as (_, looks):
        await until(lambda: len(looks) >= 2)
        await asyncio.sleep(0.05)
    assert slow.preloads == []


async def test_one_that_fails_is_logged_and_does_no_harm(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ImportError("libssl is missing")

    slow = Slow(broken)
    with caplog.at_level(logging.WARNING, "agentcron"):
        async with daemon(tmp_path, slow, job()):
            await until(lambda: "libssl" in caplog.text)
    assert "the provider slow cannot be preloaded: ImportError: libssl is missing" in caplog.text


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A package of many modules, each of which takes a while; the names of those that were begun."""
    names = [f"preload_part_{number}" for number in range(200)]
    for name in names:
        (tmp_path / f"{name}.py").write_text("import time\ntime.sleep(0.01)\n")
    (tmp_path / "preload_whole.py").write_text("".join(f"import {name}\n" for name in names))
    monkeypatch.syspath_prepend(tmp_path)
    yield names
    for name in (*names, "preload_whole"):
        sys.modules.pop(name, None)


async def test_a_stop_breaks_the_import_off_and_leaves_nothing_incomplete(
    tmp_path: Path, modules: list[str]
) -> None:
    ended = threading.Event()

    def slowly() -> None:
        try:
            __import__("preload_whole")
        finally:
            ended.set()

    async with daemon(tmp_path, Slow(slowly), job()):
        await until(lambda: modules[1] in sys.modules)
    assert await asyncio.to_thread(ended.wait, 5)
    assert modules[-1] not in sys.modules
    assert "preload_whole" not in sys.modules
    assert not [each for each in sys.meta_path if isinstance(each, StoppableImports)]


def test_claude_has_something_to_preload_and_a_rehearsal_has_not() -> None:
    assert isinstance(ANTHROPIC, PreloadingProvider)
    assert not isinstance(REHEARSAL, PreloadingProvider)
