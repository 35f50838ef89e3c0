"""A notice: something to tell the owner, written with its cause and sent afterwards."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be sent, and by which sender.

    Args:
        kind: which sender takes it; ``report`` is the owner's command.
        target: where to; for ``report`` the command.
        body: the text; what a report command gets on stdin.
    """

    kind: str
    target: str
    body: str
