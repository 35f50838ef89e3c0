"""A plug-in for tests: a source that watches a folder, and moves what it has reported to another one.

While a file ``down`` is next to the folder it fails, and while a file ``hanging`` is there it waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from scheduler.core.time.triggers.base import EventKind
from scheduler.crash import crashpoint
from scheduler.ports.source import SourceContext

KIND = "spool:file"
LOOK_SECONDS = 0.05


class SpoolSource:
    """Reports the files that appear in a folder ``in``.

    Args:
        folder: where that folder is; its own in the home unless a test says otherwise.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.waiting = 0

    def declares(self) -> Sequence[EventKind]:
        """A file, by its name and the fields in it."""
        return (EventKind(KIND, subject="PATTERN", options=("state",), meaning="a file has come"),)

    async def watch(self, context: SourceContext) -> None:
        """Look into the folder all the time."""
        folder = self.folder or context.folder
        for name in ("in", "done"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        while True:
            await self.wait_for_service(folder)
            for file in sorted((folder / "in").glob("[!.]*")):
                await self.report(context, file)
            await asyncio.sleep(LOOK_SECONDS)

    async def report(self, context: SourceContext, file: Path) -> None:
        """Report one file; another process may have been faster."""
        with suppress(FileNotFoundError):
            text = file.read_text()
            await context.emit(KIND, key=file.name, subject=file.name, payload=text)
            crashpoint("reported")
            file.rename(file.parents[1] / "done" / file.name)

    async def wait_for_service(self, folder: Path) -> None:
        """Fail while it is down, and wait while it hangs."""
        if (folder / "down").exists():
            raise ConnectionError("the spool is down")
        self.waiting += 1
        try:
            while (folder / "hanging").exists():  # noqa: ASYNC110  (a test makes and removes it)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self.waiting -= 1


SPOOL = SpoolSource()
