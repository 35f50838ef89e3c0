"""A control group for one sandbox: a limit by the kernel for root's processes.

The limit of processes of ``ulimit`` does not apply to root, and a fork bomb is faster than a counting
process. Ordinary users need no control group, and can seldom create one.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from scheduler.errors import CannotWorkError

_HELP = "run agentcron as an ordinary user, or where root can write to /sys/fs/cgroup"

ROOM = Path("/sys/fs/cgroup")

_NAME = re.compile(r"agentcron-(\d+)-\d+")
_numbers = itertools.count()
_left: set[Path] = set()
"""Groups of ours whose last processes may still be ending."""

# Runs first: all later processes are started inside.
_ENTER = 'echo 0 > "$1/cgroup.procs" || exit 125; shift; exec "$@"'


@contextmanager
def bounded(words: Sequence[str], *, processes: int) -> Iterator[list[str]]:
    """Yield a command that runs ``words``; as root it runs in a group with a limit of processes and threads.

    Raises:
        CannotWorkError: we are root, and no such group can be created.
    """
    if os.getuid() != 0:
        yield list(words)
        return
    place = parent()
    _sweep(place)
    group = place / f"agentcron-{os.getpid()}-{next(_numbers)}"
    try:
        group.mkdir()
        (group / "pids.max").write_text(str(processes))
    except OSError as error:
        with suppress(OSError):
            group.rmdir()
        raise CannotWorkError(
            f"cannot make the control group {group}: {error.strerror}", help=_HELP
        ) from error
    try:
        yield ["/bin/sh", "-c", _ENTER, "sh", str(group), *words]
    finally:
        _left.add(group)
        _sweep(place)


def parent() -> Path:
    """Return the group in which root can create others that count processes.

    Raises:
        CannotWorkError: there is none.
    """
    found = None
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "pids":
                found = ROOM / "pids" / path.lstrip("/")
            elif not controllers and (ROOM / "cgroup.controllers").exists():
                found = _lender(ROOM / path.lstrip("/"))
    if found is None or not os.access(found, os.W_OK):
        raise CannotWorkError("root's processes cannot be counted: no control group can be made", help=_HELP)
    return found


def _lender(own: Path) -> Path | None:
    """Return the nearest parent group that enables counting of processes for its children."""
    for group in (own, *own.parents):
        if not group.is_relative_to(ROOM):
            return None
        with suppress(OSError):
            if "pids" in (group / "cgroup.subtree_control").read_text().split():
                return group
    return None


def _sweep(place: Path) -> None:
    """Remove the groups that are no longer used, and those of daemons that died."""
    for group in place.glob("agentcron-*-*"):
        maker = _NAME.fullmatch(group.name)
        if group in _left or (maker and not Path("/proc", maker[1]).exists()):
            with suppress(OSError):
                group.rmdir()
                _left.discard(group)
