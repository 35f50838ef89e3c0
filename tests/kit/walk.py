"""The walk of a short run: which files each of its commits enters, traced while it happens."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from scheduler.core.run.step import Step
from scheduler.core.trust.effect import Effect
from scheduler.engine.attempt.writer import RunWriter
from tests.house.tree import first_line
from tests.kit.models import call, finish
from tests.kit.stage import Recorder, stage

PACKAGE = str(Path(sys.modules["scheduler"].__file__ or "").parent) + "/"

PARTS = ("messages", "opened", "closed", "planned", "started", "results", "move")
"""What a step is called after, of what it contains."""

Commit = tuple[str, tuple[str, ...]]
"""What a step contained, and the files that its commit entered, in the order of the first time."""


def walk() -> list[Commit]:
    """Return the commits of a run that calls a tool that only looks, then one that acts, and finishes."""
    return asyncio.run(_walk())


async def _walk() -> list[Commit]:
    entered: list[str] = []
    commits: list[Commit] = []
    commit = RunWriter.commit

    async def traced(self: RunWriter, step: Step) -> None:
        begin, callers = len(entered), _callers()
        await commit(self, step)
        title = ", ".join(part for part in PARTS if getattr(step, part))
        # A coroutine that goes on is entered, too: whoever waits for this commit is not a part of it.
        commits.append((title, tuple(name for name in dict.fromkeys(entered[begin:]) if name not in callers)))

    with tempfile.TemporaryDirectory() as folder, _traced(entered):
        answers = call(("look", {})), call(("act", {})), finish()
        tools = Recorder(), Recorder("act", Effect.OPAQUE)
        async with stage(Path(folder), *answers, recorders=tools) as s:
            RunWriter.commit = traced  # type: ignore[method-assign]
            try:
                await s.play()
            finally:
                RunWriter.commit = commit  # type: ignore[method-assign]
    return commits


def spine(commits: Sequence[Commit]) -> tuple[str, ...]:
    """Return the files that every commit enters, in the order of the first one."""
    (_, first), *others = commits
    return tuple(name for name in first if all(name in files for _, files in others))


def _callers() -> set[str]:
    frame, files = sys._getframe(1).f_back, set()
    while frame is not None:
        files.add(frame.f_code.co_filename.removeprefix(PACKAGE))
        frame = frame.f_back
    return files


@contextmanager
def _traced(entered: list[str]) -> Iterator[None]:
    """Note each file of ours that a call enters, in this thread and in those that start meanwhile."""

    def note(frame: FrameType, event: str, _: Any) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(PACKAGE):
            entered.append(name.removeprefix(PACKAGE))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def page(head: str) -> str:
    """Return ``docs/walk.md``."""
    lines = [
        "# The walk of a commit",
        "",
        head,
        "A run calls a tool that only looks, then one that acts, and finishes. Its commits were traced from",
        "`RunWriter.commit` to the acknowledgement.",
        "",
        "## The spine",
        "",
        "Every commit enters these files, whatever its step contains:",
        "",
    ]
    commits = walk()
    common = spine(commits)
    lines += [
        f"{number}. `{name}` {first_line(f'scheduler/{name}')}" for number, name in enumerate(common, 1)
    ]
    lines += ["", "## What each commit adds", ""]
    lines += ["By what its step contains, the files that it enters besides, in order.", ""]
    for number, (title, files) in enumerate(commits, 1):
        added = [name for name in files if name not in common]
        lines.append(f"{number}. **{title}** ({len(added)}): {', '.join(f'`{name}`' for name in added)}")
    return "\n".join(lines).rstrip() + "\n"
