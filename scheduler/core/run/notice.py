"""A notice: a message to the owner, written with its cause and sent afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from scheduler.core.text.redact import OURS

Urgency: TypeAlias = Literal["low", "normal", "high"]


@dataclass(frozen=True, slots=True)
class Notice:
    """A message and its kind, which selects the sender.

    Args:
        kind: the kind of sender; ``report`` is the owner's command.
        target: the recipient; for ``report`` the command.
        body: the text; a report command gets it on stdin.
        title: a line above it, for senders that show one.
        urgency: whether a person should be disturbed.
        dedupe_key: notices of a kind with the same key are equal: while one waits, or was sent and
            ``dedupe_until`` is ahead, no other one is written.  Empty: all are different.
        dedupe_until: aware UTC; None for as long as the sent one is kept.
        attachments: files sent with it, by path or id, as its sender understands them.
        expires_at: aware UTC; from then on it is given up as outdated.
    """

    kind: str = field(metadata=OURS)
    target: str
    body: str
    title: str = ""
    urgency: Urgency = field(default="normal", metadata=OURS)
    dedupe_key: str = field(default="", metadata=OURS)
    dedupe_until: datetime | None = None
    attachments: tuple[str, ...] = ()
    expires_at: datetime | None = None
