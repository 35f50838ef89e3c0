"""Paths in a job's workdir: resolved inside it, and opened without following a symlink out of it.

A checked path may not be the file that is opened: another process may replace a folder by a symlink
in between.  So ``opened`` opens each part of a real path by its name in the folder before it, and refuses any
symlink.
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
"""Without waiting: a FIFO in place of a file must not block us."""


def workdir_problem(path: str) -> str:
    """Create a missing workdir; return why no attempt may work there, or an empty text.

    The crontab's loader pins real paths.  A path that now leads elsewhere was replaced by a symlink, perhaps
    by an agent, and this job's rights in its own folder would then apply to another one.
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

    An attempt begins with a real path.  An agent that works in a folder around it could replace it by a
    symlink.

    Raises:
        ToolFault: it now leads elsewhere.
    """
    root = os.path.realpath(workdir)
    if root != str(workdir):
        raise ToolFault("the job's working directory was exchanged for a symlink")
    return root


def confine(workdir: str | Path, path: str) -> Path:
    """Return the real path of ``path``, all symlinks resolved, if it is inside ``workdir``.

    Nothing needs to exist there.  Use the returned path, so that the checked path is the opened one.

    Raises:
        ToolFault: it leads elsewhere, or is not a path; or the workdir was replaced.
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
    """Refuse what must never be opened: a FIFO blocks forever, a device is not a file, a hard link is shared.

    A missing file is accepted: the operation itself reports it.

    Raises:
        ToolFault: it is neither a regular file, nor a directory, nor missing.
    """
    try:
        found = target.lstat()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise ToolFault(f"{path}: {_reason(error)}") from error
    if stat.S_ISLNK(found.st_mode):  # a path from confine() has no symlinks, unless they form a loop
        raise ToolFault(f"{path}: too many levels of symbolic links")
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise ToolFault(f"{path}: not a regular file")
    if to_write and stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        raise ToolFault(f"{path}: has other names (hard links), perhaps outside the working directory")


def _reason(error: Exception) -> str:
    # Never str(OSError): it contains the absolute path of the host.
    return (getattr(error, "strerror", None) or str(error)).lower()


@contextmanager
def opened(workdir: str | Path, real: Path, flags: int, *, with_parents: bool = False) -> Iterator[int]:
    """Open a path from ``confine``; nothing outside is opened, whatever has happened to the path since.

    Args:
        with_parents: create the missing folders.

    Raises:
        OSError: it cannot be opened, or a part of it is a symlink now.
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
    """Write a whole file, creating its folders.

    Raises:
        ToolFault: it is not a regular file any more, or has other names; nothing was written.
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
