"""Stains: workdirs in which private data may lie, because a run that had met some could write there.

The part of the checkpoint is a bool: whether private data may lie in the run's own workdir.
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
        """Return that the workdir is marked: a run marks its own alone."""
        del part
        return True


@dataclass(frozen=True, slots=True)
class FolderClean:
    """A guard: the calls that begin were judged as if no private data lay in the workdir."""

    workdir: str
    kind: ClassVar[str] = "folder-clean"
