"""Approvals: the open questions that wait for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scheduler.core.trust.approval import Approval
from scheduler.errors import NotFoundError
from scheduler.views.clock import iso

if TYPE_CHECKING:
    from scheduler.views.home import Home


def open_approvals(home: Home) -> list[Approval]:
    """Return the questions that wait for an answer, the oldest first.

    Raises:
        StoreError: the database cannot be read.
    """
    history = home.history()
    if history is None:
        return []
    with history:
        return history.open_approvals()


def find_approval(home: Home, prefix: str) -> str:
    """Return the full id of an open question; the store refuses one that is not open.

    Raises:
        NotFoundError: more than one begins with ``prefix``.
        StoreError: the database cannot be read.
    """
    found = [each.id for each in open_approvals(home) if each.id.startswith(prefix)]
    if len(found) > 1:
        raise NotFoundError(f'"{prefix}" matches {" and ".join(found)}', help="type more characters")
    return found[0] if found else prefix


def approval_json(each: Approval) -> dict[str, Any]:
    """Return a question for JSON."""
    return {
        "id": each.id,
        "run": each.run_id,
        "job": each.job,
        "tool": each.tool,
        "args": dict(each.args),
        "rule": each.rule,
        "reason": each.reason,
        "asked_at": iso(each.asked_at),
        "expires_at": iso(each.expires_at),
    }
