"""Notify: a notice to the owner, put into the outbox by the step that causes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from scheduler.core.run.notice import Notice


@dataclass(frozen=True, slots=True)
class Notify:
    """Put a notice into the outbox."""

    notice: Notice
    kind: ClassVar[str] = "notify"

    def fold(self, part: Any) -> Any:
        """Return the part unchanged: a run does not read its outbox."""
        return part
