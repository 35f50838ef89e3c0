"""A source of events: the interface of plug-ins of the group ``agentcron.sources``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from scheduler.core.run.event import Wanted
from scheduler.core.time.triggers.base import EventKind


class Emit(Protocol):
    """Report one event."""

    async def __call__(
        self, kind: str, *, key: str, subject: str = "", payload: str = "", expires: datetime | None = None
    ) -> bool:
        """Return when the event is on the disk, with all its wakes and fires; false if it was there before.

        A call that is cancelled or raises StoreError may be repeated: an event is recorded once.

        Args:
            kind: one that the source declares.
            key: which event of its kind, the same whenever it is reported, also by another process.
            subject: what it is about; many events may share one.  Cut after 1,000 bytes.
            payload: its content: a JSON object if jobs filter by its fields.  Cut after 100,000 bytes.
                It is untrusted text; secrets that this process has used are removed.
            expires: until when its key is stored (aware UTC); None: a month.

        Raises:
            StoreError: the database cannot be written.
            RefusedError: the source does not declare the kind, or the key is empty.
        """
        ...


@dataclass(frozen=True, slots=True)
class SourceContext:
    """The context of a source in a daemon.

    Args:
        folder: its own, in the home: for state such as how far it has read.  Several
            daemons of a home share it, so files are replaced and not rewritten in place.
        emit: reports one event.
        wanted: returns what jobs and runs wait for now, for a source that polls only for that.
            Raises StoreError.
    """

    folder: Path
    emit: Emit
    wanted: Callable[[], Awaitable[Sequence[Wanted]]]


class Source(Protocol):
    """Report events to a daemon; an entry point of the group ``agentcron.sources``, by its name.

    A name has lower-case letters, digits, ``-`` and ``_``.
    """

    def declares(self) -> Sequence[EventKind]:
        """Return the kinds of events that it may report; called at each reading, so it must be fast."""
        ...

    async def watch(self, context: SourceContext) -> None:
        """Report what happens until cancelled; every daemon does this as long as it works.

        A process may be killed between the happening and its record.  So a source compares what there is now
        with what it has reported, and remembers a report after ``emit`` has returned.  It must not block the
        event loop.  Cancelled, it ends within two seconds, and leaves nothing behind.

        It returns when there is nothing to watch, and is not called again by this daemon then.

        Raises:
            Exception: it failed.  It is called again, after a second at first and five minutes at last.
        """
        ...
