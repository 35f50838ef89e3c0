"""Questions to a person: asked by a run that waits for the answer, and settled when their calls begin.

The part of the checkpoint is the tuple of the run's questions about open calls, with their answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeAlias

from scheduler.core.text.redact import OURS
from scheduler.core.trust.approval import Approval, ApprovalState

KIND = "question"

Questions: TypeAlias = tuple[Approval, ...]


@dataclass(frozen=True, slots=True)
class PutQuestion:
    """Ask a person."""

    approval: Approval
    kind: ClassVar[str] = KIND

    def fold(self, part: Questions | None) -> Questions | None:
        """Return the questions with this one."""
        return None if part is None else (*part, self.approval)


@dataclass(frozen=True, slots=True)
class SettleQuestion:
    """Settle a question: the call that begins uses it, or it has expired.

    If a person answered it meanwhile, nothing is written.
    """

    approval_id: str = field(metadata=OURS)
    state: ApprovalState = field(metadata=OURS)
    kind: ClassVar[str] = KIND

    def fold(self, part: Questions | None) -> Questions | None:
        """Return the questions with this one in its new state."""
        if part is None:
            return None
        return tuple(
            replace(each, state=self.state) if each.id == self.approval_id else each for each in part
        )
