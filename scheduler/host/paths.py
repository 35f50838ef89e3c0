"""Paths of a job's workdir: what lies inside it, opened so that no symlink leads out of it.

A path that was checked is not yet the file that is opened: another process may replace a folder with a link
in between.  So ``opened`` opens each part of a real path by its name in the folder before it, and refuses a
symlink wherever it finds one.
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


def workdir_problem(path: str) -> str:
    """Make a workdir that is missing; return why no attempt may work there, or an empty text.

    The crontab's loader pins real paths.  One that leads elsewhere by now was exchanged for a link, perhaps
    by an agent, and what this job may do in its own folder it would do in somebody else's.
    """
    real = os.path.realpath(path)
    if real != path:
        return (
            f"its workdir {path} leads by a symlink to {real}: "
            "put a folder back there, or cancel the run and start it again"
        )
    if os.path.isdir(path):
        return ""
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
    except FileExistsError:
        return f"its workdir {path} is no folder: move away what lies there"
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        return f"its workdir {path} cannot be made: {why}"
    return "" if os.path.realpath(path) == path else f"its workdir {path} was exchanged at this moment"


def root_of(workdir: str | Path) -> str:
    """Return a workdir, if its path still leads to itself.

    An attempt begins in a real path.  Somebody who works in a folder around it could lay a link there since.

    Raises:
        ToolFault: it leads elsewhere by now.
    """
    root = os.path.realpath(workdir)
    if root != str(workdir):
        raise ToolFault("the job's working directory was exchanged for a symlink")
    return root


def confine(workdir: str | Path, path: str) -> Path:
    """Return the real path that ``path`` leads to, all symlinks followed, if it lies inside ``workdir``.

    Nothing needs to exist there.  Use the returned path, so that what was checked is what is opened.

    Raises:
        ToolFault: it leads elsewhere, or is no path at all; or the workdir is not where it was.
    """
    root = root_of(workdir)
    try:
        real = os.path.realpath(os.path.join(root, path))
    except (OSError, ValueError) as error:  # NUL, unencodable, too long
        raise ToolFault(f"{path!r} is not a path: {_reason(error)}") from error
    if real != root and not real.startswith(root.rstrip("/") + "/"):
        raise ToolFault(f"{path!r} is outside the job's working directory")
    return Path(real)


def refuse_special(target: Path, path: str, *, to_write: bool = False) -> None:
    """Refuse what must never be opened: a FIFO blocks forever, a device is no file, a hard link is shared.

    A missing file passes: the operation itself will say so.

    Raises:
        ToolFault: it is none of a regular file, a directory, or nothing.
    """
    try:
        found = target.lstat()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise ToolFault(f"{path}: {_reason(error)}") from error
    if stat.S_ISLNK(found.st_mode):  # what confine() returned has none, unless they form a loop
        raise ToolFault(f"{path}: too many levels of symbolic links")
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise ToolFault(f"{path}: not a regular file")
    if to_write and stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        raise ToolFault(f"{path}: has other names (hard links), perhaps outside the working directory")


def _reason(error: Exception) -> str:
    # Never str(OSError): it holds the absolute path of the host.
    return (getattr(error, "strerror", None) or str(error)).lower()


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
