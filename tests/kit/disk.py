"""A small disk of its own for a home: it can be filled, and emptied again."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.kit.needs import lacking


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted RAM disk of a few megabytes."""

    path: Path

    @property
    def _ballast(self) -> Path:
        return self.path / "ballast"

    def fill(self) -> None:
        """Leave not one byte free."""
        with open(self._ballast, "ab", buffering=0) as file:
            for size in (65_536, 4096, 1):
                while True:
                    try:
                        file.write(b"x" * size)
                    except OSError as error:
                        if error.errno != errno.ENOSPC:
                            raise
                        break

    def empty(self) -> None:
        """Make room again."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(path: Path, size: str = "6m") -> Iterator[Disk]:
    """Mount a small disk at ``path``; it takes root and a kernel that lets us."""
    path.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        lacking("mounting a small disk takes root")
    ended = subprocess.run(
        [str(mount), "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], capture_output=True, text=True
    )
    if ended.returncode != 0:
        lacking(f"a small disk cannot be mounted here: {ended.stderr.strip()}")
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
