"""Files beneath a job's workdir, opened step by step: a folder that becomes a symlink leads nowhere.

A path that was checked is not yet the file that is opened: a command that runs beside the call may exchange a
folder for a symlink in between.  So each part of a real path is opened by its name in the folder before it,
and a symlink is refused wherever one stands by now.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scheduler.errors import ToolFault

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Without waiting: a FIFO that has taken a file's place must not hold us up."""


@contextmanager
def opened(workdir: str | Path, real: Path, flags: int, *, with_parents: bool = False) -> Iterator[int]:
    """Open what ``confine`` returned; nothing outside is opened, whatever has happened to the path since.

    Args:
        with_parents: make the folders that are missing.

    Raises:
        OSError: it cannot be opened, or there is a symlink by now.
    """
    root = os.path.realpath(workdir)
    parts = real.relative_to(root).parts
    folder = os.open(root, _FOLDER)
    try:
        for part in parts[:-1]:
            if with_parents:
                _make(part, folder)
            below = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = below
        file = os.open(parts[-1] if parts else ".", flags | _FILE, 0o666, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        yield file
    finally:
        os.close(file)


def overwrite(workdir: str | Path, real: Path, data: bytes, path: str) -> None:
    """Write a whole file, making its folders.

    Raises:
        ToolFault: by now it is no regular file, or has other names; nothing was written.
        OSError: it cannot be written.
    """
    with opened(workdir, real, os.O_WRONLY | os.O_CREAT, with_parents=True) as file:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise ToolFault(f"{path}: not a regular file of one name")
        os.ftruncate(file, 0)
        with open(file, "wb", closefd=False) as writer:
            writer.write(data)


def _make(name: str, folder: int) -> None:
    try:
        os.mkdir(name, dir_fd=folder)
    except FileExistsError:
        return
