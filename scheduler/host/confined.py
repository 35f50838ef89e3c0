"""Paths that stay inside a job's workdir, whatever ``..``, absolute paths and symlinks say."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from scheduler.errors import ToolFault


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
    """Refuse what must never be opened: a FIFO blocks for ever, a device is no file, a hard link is shared.

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
