"""A notice: something to send to the owner, written with its cause, sent afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field

from scheduler.core.text.redact import OURS


@dataclass(frozen=True, slots=True)
class Notice:
    """An outbox row.

    Args:
        kind: which sender takes it; ``report`` is the owner's command.
        target: for ``report`` the command.
        body: what it gets on stdin.
    """

    kind: str = field(metadata=OURS)
    target: str
    body: str
