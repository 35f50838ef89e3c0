"""The walk of one round: which files each commit of a run enters, traced while it happens."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from scheduler.core.run.step import Step
from scheduler.engine.attempt.writer import RunWriter
from tests.kit.models import call, finish
from tests.kit.stage import Recorder, stage

PACKAGE = str(Path(sys.modules["scheduler"].__file__ or "").parent) + "/"

PARTS = ("messages", "opened", "closed", "planned", "started", "results", "move")
"""What a step is called after, of what it contains."""

Commit = tuple[str, tuple[str, ...]]
"""What a step contained, and the files that its commit entered, in the order of the first time."""


def walk() -> list[Commit]:
    """Return the commits of a run that calls one tool that only looks, and then finishes."""
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
        looks = call(("look", {}))
        async with stage(Path(folder), looks, finish(), recorders=(Recorder(),)) as s:
            RunWriter.commit = traced  # type: ignore[method-assign]
            try:
                await s.play()
            finally:
                RunWriter.commit = commit  # type: ignore[method-assign]
    return commits


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
        "# The walk of a round",
        "",
        head,
        "A job calls one tool that only looks, and then finishes. Each line is one commit: what its step",
        "contains, and the files that it enters from `RunWriter.commit` to the acknowledgement, in order.",
        "",
    ]
    for number, (title, files) in enumerate(walk(), start=1):
        lines += [f"{number}. **{title}** ({len(files)} files)", ""]
        lines += [f"   {', '.join(f'`{name}`' for name in files)}", ""]
    return "\n".join(lines).rstrip() + "\n"
