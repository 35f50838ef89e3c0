"""The search tool: a child process with a leash."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from scheduler.errors import ToolFault
from scheduler.ports.tool import ToolContext
from scheduler.tools import grep
from scheduler.tools.grep import GREP

pytestmark = pytest.mark.process


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    (tmp_path / "outside.txt").write_text("needle outside")
    place = tmp_path / "work"
    place.mkdir()
    return place


async def search(workdir: Path, pattern: str, path: str = "") -> str:
    args = {"pattern": pattern} | ({"path": path} if path else {})
    answer = await GREP.call(args, ToolContext(run_id="r", job="j", workdir=str(workdir), key="k", env={}))
    assert isinstance(answer, str)
    return answer


async def test_matches_come_with_relative_path_and_line(workdir: Path) -> None:
    (workdir / "sub").mkdir()
    (workdir / "sub/a.txt").write_text("hay\nneedle 1\n")
    (workdir / ".hidden").write_text("needle 2")
    (workdir / "node_modules").mkdir()
    (workdir / "node_modules/x").write_text("needle 3")
    assert sorted((await search(workdir, "need(le)")).split("\n")) == [
        ".hidden:1:needle 2",
        "sub/a.txt:2:needle 1",
    ]
    assert await search(workdir, "needle", "sub") == "sub/a.txt:2:needle 1"
    assert await search(workdir, "needle", "sub/a.txt") == "sub/a.txt:2:needle 1"
    assert await search(workdir, "thread") == "no matches"


async def test_a_pattern_is_never_an_option(workdir: Path) -> None:
    (workdir / "a").write_text("--version\n")
    assert await search(workdir, "--version") == "a:1:--version"


@pytest.mark.parametrize("path", ["..", "../outside.txt", "/", "link", "dir"])
async def test_nothing_outside_is_searched(workdir: Path, path: str) -> None:
    (workdir / "link").symlink_to(workdir.parent / "outside.txt")
    (workdir / "dir").symlink_to(workdir.parent)
    with pytest.raises(ToolFault, match="outside"):
        await search(workdir, "needle", path)
    assert await search(workdir, "needle") == "no matches"


@pytest.mark.timeout(20)
async def test_fifos_are_skipped(workdir: Path) -> None:
    os.mkfifo(workdir / "pipe")
    assert await search(workdir, "needle") == "no matches"
    with pytest.raises(ToolFault, match="not a regular file"):
        await search(workdir, "needle", "pipe")


@pytest.mark.parametrize("pattern", ["(", "a\0b", "\ud800"])
async def test_a_broken_pattern_is_a_fault(workdir: Path, pattern: str) -> None:
    (workdir / "a").write_text("x")
    with pytest.raises(ToolFault, match=r"^grep: "):
        await search(workdir, pattern)


async def test_long_output_and_long_lines_are_cut(workdir: Path) -> None:
    (workdir / "many").write_text("needle\n" * 50_000)
    (workdir / "wide").write_text("needle" + "x" * 50_000)
    assert "bytes shown; narrow the search]" in await search(workdir, "needle", "many")
    assert (await search(workdir, "needle", "wide")).endswith("more characters]")


async def test_output_that_is_not_utf8_survives(workdir: Path) -> None:
    (workdir / "mixed").write_bytes(b"a needle\n" * 5000 + b"caf\xe9 needle\n")
    (workdir / "latin").write_bytes(b"caf\xe9 needle\n")
    assert (await search(workdir, "needle")).encode("utf-8")
    assert (await search(workdir, "needle", "latin")).encode("utf-8")


async def test_a_pattern_that_takes_forever_is_given_up_and_the_loop_stays_free(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grep, "SEARCH_SECONDS", 0.5)
    monkeypatch.setattr(grep, "_command", lambda *_: ["/bin/sh", "-c", "trap '' TERM; sleep 60"])
    longest, last = 0.0, time.monotonic()

    async def beat() -> None:
        nonlocal longest, last
        while True:
            await asyncio.sleep(0.01)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()

    beating = asyncio.create_task(beat())
    with pytest.raises(ToolFault, match="gave up"):
        await search(workdir, "x")
    beating.cancel()
    assert longest < 1.0


async def test_a_ripgrep_inside_the_workdir_is_not_run(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = workdir / "rg"
    planted.write_text("#!/bin/sh\necho planted\n")
    planted.chmod(0o755)
    monkeypatch.setenv("PATH", f"{workdir}:/usr/bin:/bin")
    (workdir / "a").write_text("needle")
    assert "planted\n" not in await search(workdir, "needle")
