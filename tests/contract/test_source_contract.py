"""The source of the tests holds to the suite that ships, and those that do not are caught by it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from scheduler.core.time.triggers.base import EventKind
from scheduler.errors import StoreError
from scheduler.ports.source import SourceContext
from scheduler.testing.conformance.source import Service, SourceConformance, check_source
from tests.plugin.spool_source import KIND, LOOK_SECONDS, SpoolSource

Make = Callable[[Path], SpoolSource]


class SpoolCase:
    """The spool, in a folder in which files say how it behaves."""

    states: Sequence[Service] = ("up", "down", "hanging")

    def __init__(self, folder: Path, make: Make = SpoolSource) -> None:
        self.folder = folder
        self.make = make
        self.sources: list[SpoolSource] = []
        (folder / "in").mkdir()

    def start(self) -> SpoolSource:
        """Return another one."""
        self.sources.append(self.make(self.folder))
        return self.sources[-1]

    def happen(self, name: str) -> None:
        """Let a file appear."""
        (self.folder / f".{name}").write_text('{"state": "new"}')
        (self.folder / f".{name}").rename(self.folder / "in" / name)

    def set_service(self, state: Service) -> None:
        """Make and remove the files."""
        for name in ("down", "hanging"):
            (self.folder / name).touch() if name == state else (self.folder / name).unlink(missing_ok=True)

    def is_busy(self) -> bool:
        """Whether any waits for the folder."""
        return any(source.waiting for source in self.sources)


class TestSpool(SourceConformance):
    """The source of a plug-in."""

    def make_case(self, folder: Path) -> SpoolCase:
        """Return the spool."""
        return SpoolCase(folder)


# -- the suite catches what it is for ----------------------------------------------------------------
class Keyless(SpoolSource):
    """Has another key each time."""

    async def report(self, context: SourceContext, file: Path) -> None:
        """Report with a key that no other process knows."""
        with suppress(FileNotFoundError):
            await context.emit(KIND, key=uuid4().hex, subject=file.name, payload=file.read_text())
            file.rename(file.parents[1] / "done" / file.name)


class Counting(SpoolSource):
    """Takes the number of a report for its key."""

    reported = 0

    async def report(self, context: SourceContext, file: Path) -> None:
        """Count from one in each process."""
        with suppress(FileNotFoundError):
            text = file.read_text()
            self.reported += 1
            await context.emit(KIND, key=str(self.reported), subject=file.name, payload=text)
            file.rename(file.parents[1] / "done" / file.name)


class Hasty(SpoolSource):
    """Notes a report before it is recorded."""

    async def report(self, context: SourceContext, file: Path) -> None:
        """Move the file first."""
        with suppress(FileNotFoundError):
            text = file.read_text()
            file.rename(file.parents[1] / "done" / file.name)
            await context.emit(KIND, key=file.name, subject=file.name, payload=text)


class Careless(SpoolSource):
    """Takes a report that failed for done."""

    async def report(self, context: SourceContext, file: Path) -> None:
        """Move the file anyway."""
        with suppress(FileNotFoundError):
            with suppress(StoreError):
                await context.emit(KIND, key=file.name, subject=file.name, payload=file.read_text())
            file.rename(file.parents[1] / "done" / file.name)


class Fresh(SpoolSource):
    """Takes no interest in what was there before it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.known = {file.name for file in (folder / "in").iterdir()}

    async def report(self, context: SourceContext, file: Path) -> None:
        """Report what is new."""
        if file.name not in self.known:
            await super().report(context, file)


class Undeclared(SpoolSource):
    """Declares another kind than it reports."""

    def declares(self) -> Sequence[EventKind]:
        """Another one."""
        return (EventKind("spool:folder"),)


class Wordless(SpoolSource):
    """Reports no fields, although jobs may choose by them."""

    async def report(self, context: SourceContext, file: Path) -> None:
        """Report without a payload."""
        with suppress(FileNotFoundError):
            await context.emit(KIND, key=file.name, subject=file.name)
            file.rename(file.parents[1] / "done" / file.name)


class Faint(SpoolSource):
    """Is through with a service that fails."""

    async def wait_for_service(self, folder: Path) -> None:
        """End for ever."""
        try:
            await super().wait_for_service(folder)
        except ConnectionError:
            await asyncio.Event().wait()


class Stubborn(SpoolSource):
    """Does not end."""

    async def watch(self, context: SourceContext) -> None:
        """Begin again when it is cancelled, some times."""
        for _ in range(5):
            with suppress(asyncio.CancelledError):
                await super().watch(context)


class Leaky(SpoolSource):
    """Leaves something behind."""

    async def watch(self, context: SourceContext) -> None:
        """Begin something at the end."""
        try:
            await super().watch(context)
        finally:
            self.left = asyncio.create_task(asyncio.sleep(600), name="a connection")


class Moody(SpoolSource):
    """Declares what it likes."""

    def declares(self) -> Sequence[EventKind]:
        """Something else each time."""
        return (EventKind(f"spool:{uuid4().hex}"),)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (Keyless, "things happened, and"),
        (Counting, "events are on record; there are"),
        (Hasty, "events are on record; there are"),
        (Careless, "events are on record; there are"),
        (Fresh, "events are on record; there are"),
        (Undeclared, "events are on record; there are"),
        (Wordless, "jobs choose by state; the payload is ''"),
        (Faint, "events are on record; there are"),
        (Stubborn, "has not ended 2 s after it was cancelled"),
        (Leaky, "left work behind: .*a connection"),
        (Moody, "declares something else each time"),
    ],
)
def test_a_source_that_is_wrong_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: Make, complaint: str
) -> None:
    monkeypatch.setattr("scheduler.testing.conformance.source._SECONDS", 10 * LOOK_SECONDS + 1)
    with pytest.raises(AssertionError, match=complaint):
        check_source(lambda folder: SpoolCase(folder, wrong), tmp_path)
