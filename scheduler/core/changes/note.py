"""Note: a record of the daily log that a step writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from scheduler.core.text.redact import OURS


@dataclass(frozen=True, slots=True)
class Note:
    """Write a record of this kind about this run.

    A gate is noted before it runs: it is a command with unknown effects.
    """

    record: str = field(metadata=OURS)
    body: Mapping[str, Any] = field(default_factory=dict)
    kind: ClassVar[str] = "note"

    def fold(self, part: Any) -> Any:
        """Return the part unchanged: a run does not read its records."""
        return part
