"""Convert rows of questions and grants.  Without SQLAlchemy."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from scheduler.adapters.sql.rows.work import Row, dump, from_us, load, maybe_from_us, maybe_us, plain, to_us
from scheduler.core.trust.approval import Approval
from scheduler.core.trust.grant import Grant, grant_from_json

APPROVAL_COLUMNS = tuple(f.name for f in fields(Approval))


def approval_from(row: Row) -> Approval:
    """Return the approval of a row of APPROVAL_COLUMNS."""
    (
        approval_id,
        run_id,
        call_id,
        job,
        tool,
        args,
        digest,
        rule,
        reason,
        state,
        asked,
        expires,
        answered,
        answer,
    ) = row
    return Approval(
        approval_id,
        run_id,
        call_id,
        job,
        tool,
        load(args),
        digest,
        rule,
        reason,
        state,
        from_us(asked),
        from_us(expires),
        maybe_from_us(answered),
        answer,
    )


def approval_values(approval: Approval) -> dict[str, Any]:
    """Return the columns of an approval."""
    return {
        "id": approval.id,
        "run_id": approval.run_id,
        "call_id": approval.call_id,
        "job": approval.job,
        "tool": plain(approval.tool),
        "args": dump(dict(approval.args)),
        "digest": approval.digest,
        "rule": approval.rule,
        "reason": plain(approval.reason),
        "state": approval.state,
        "asked_at": to_us(approval.asked_at),
        "expires_at": to_us(approval.expires_at),
        "answered_at": maybe_us(approval.answered_at),
        "answer": plain(approval.answer),
    }


def grant_from(row: Row) -> Grant:
    """Return the grant of a row of its id and its spec."""
    grant_id, spec = row
    return grant_from_json(load(spec), id=grant_id)
