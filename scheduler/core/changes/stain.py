"""Stains: workdirs that may contain private data, because a run with that mark could write there.

The part of the checkpoint is a bool: whether the run's own workdir is marked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from scheduler.core.text.redact import OURS

KIND = "stain"


@dataclass(frozen=True, slots=True)
class Stain:
    """Mark a workdir, before anything is written there."""

    workdir: str = field(metadata=OURS)
    kind: ClassVar[str] = KIND

    def fold(self, part: bool | None) -> bool:
        """Return that the workdir is marked: a run marks only its own."""
        del part
        return True


@dataclass(frozen=True, slots=True)
class FolderClean:
    """A guard: the calls that begin were judged with an unmarked workdir."""

    workdir: str
    kind: ClassVar[str] = "folder-clean"
