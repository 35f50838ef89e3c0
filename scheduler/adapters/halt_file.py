"""The halt file: while it exists in the home, no effect and no request starts there.

Creating the file stops everything: with ``agentcron halt``, with ``touch``, from a script.  Its
text is the reason.  The text is never trusted: anything with that name halts, and so
does a home that cannot be read.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scheduler.core.text.safe import safe_text
from scheduler.errors import CannotWorkError
from scheduler.ports.halt import Halt

_MAX_BYTES = 500

NO_REASON = "no reason was given"


@dataclass(frozen=True, slots=True)
class HaltFile:
    """The file ``HALT`` of one home."""

    path: Path

    def reason(self) -> str | None:
        """Return why the home is halted, or None; one system call if it is not."""
        halt = self.look()
        return None if halt is None else halt.reason

    def look(self) -> Halt | None:
        """Return the halt; anything with that name is one."""
        try:
            found = os.lstat(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            return Halt(f"nobody can tell: {self.path}: {error.strerror or error}", None)
        return Halt(self._text(found) or NO_REASON, _instant(found.st_mtime))

    def _text(self, found: os.stat_result) -> str:
        """Return the reason in the file, on one line; "" if it cannot be read."""
        if not stat.S_ISREG(found.st_mode):
            return ""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return ""  # it exists, which is all that counts
        with os.fdopen(handle, "rb") as file:
            text = file.read(_MAX_BYTES).decode("utf-8", errors="replace")
        return safe_text(" ".join(text.split()))

    def write(self, reason: str) -> None:
        """Halt: afterwards the file is either complete and durable, or does not exist.

        Raises:
            CannotWorkError: it cannot be written.
        """
        part = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        try:
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
                file.write(f"{reason}\n" if reason else "")
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self.path)
            _sync_folder(self.path.parent)
        except OSError as error:
            with suppress(OSError):
                os.unlink(part)
            raise CannotWorkError(
                f"cannot write {self.path}: {(error.strerror or 'refused').lower()}",
                help="end the daemons by hand: agentcron list shows their pid",
            ) from error

    def remove(self) -> bool:
        """Resume everything; return whether the home was halted.

        Raises:
            CannotWorkError: the file cannot be removed.
        """
        try:
            os.unlink(self.path)
            _sync_folder(self.path.parent)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise CannotWorkError(
                f"cannot remove {self.path}: {(error.strerror or 'refused').lower()}",
                help="remove it by hand; the home is halted while anything lies there",
            ) from error
        return True


def _instant(stamp: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(stamp, UTC)
    except (ValueError, OverflowError, OSError):
        return None  # a file may have a time in the year 30000


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
