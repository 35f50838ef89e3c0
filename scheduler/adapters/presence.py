"""Detect dead runners by file locks: a runner holds an flock, which the kernel releases when it dies.

A process id alone proves nothing: it may have been reused.  A lock that can be taken proves
that its holder is dead, within a millisecond of ``kill -9``.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from scheduler.core.job.standing import RunnerInfo
from scheduler.errors import CannotWorkError


class FilePresence:
    """The runners of this host, identified by the lock files in one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held: dict[str, int] = {}
        self.host = socket.gethostname()

    def hold(self, runner: str) -> str:
        """Take the lock of a new runner and return its path; it is held until ``drop`` or death.

        Raises:
            CannotWorkError: the directory cannot be written.
        """
        path = self._directory / f"{runner}.lock"
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CannotWorkError(
                f"cannot lock {path}: {error.strerror}", help="check that the home directory is writable"
            ) from error
        self._held[runner] = handle
        return str(path)

    def drop(self, runner: str) -> None:
        """Release the lock."""
        handle = self._held.pop(runner, None)
        if handle is not None:
            (self._directory / f"{runner}.lock").unlink(missing_ok=True)
            os.close(handle)

    def dead(self, runners: Sequence[RunnerInfo]) -> list[str]:
        """Return the ids of those runners of this host whose lock is free."""
        return [info.id for info in runners if self._is_dead(info)]

    def forget(self, runners: Sequence[str]) -> None:
        """Remove the lock files of dead runners, which have no other purpose."""
        for runner in runners:
            with suppress(OSError):
                os.unlink(self._directory / f"{runner}.lock")

    def _is_dead(self, info: RunnerInfo) -> bool:
        if info.id in self._held or info.host != self.host or not info.lock_path:
            return False
        return is_free(info.lock_path)


def is_free(lock_path: str) -> bool:
    """Whether the lock is free (a missing file counts as free)."""
    try:
        handle = os.open(lock_path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(handle)
