"""A notice: something to tell the owner, written with its cause and sent afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from scheduler.core.text.redact import OURS

Urgency: TypeAlias = Literal["low", "normal", "high"]


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be sent, and by which sender.

    Args:
        kind: which sender takes it; ``report`` is the owner's command.
        target: where to; for ``report`` the command.
        body: the text; what a report command gets on stdin.
        title: a line above it, for senders that have one.
        urgency: whether a person should be disturbed for it.
        dedupe_key: notices of a kind with the same key say the same: while one waits, or was sent and
            ``dedupe_until`` is ahead, another one is not written.  Empty: each is news.
        dedupe_until: aware UTC; None for as long as the one that was sent is kept.
        attachments: files that go with it, by path or id, as its sender understands them.
        expires_at: aware UTC; from then on it is given up, as nobody wants to hear of it any more.
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
