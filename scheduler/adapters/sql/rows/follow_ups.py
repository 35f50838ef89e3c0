"""Convert rows of follow-ups, and select those not over.  Without SQLAlchemy."""

from __future__ import annotations

from typing import Any

from scheduler.adapters.sql.rows.work import Row, from_us, job_from, job_text, maybe_from_us, plain, to_us
from scheduler.core.changes.follow_up import FollowUp, root_of
from scheduler.core.trust.marks import Marks

_SELECT = (
    "SELECT f.spec, f.run_id, f.call_id, f.state, f.marks, f.made_at, f.expires_at, f.fires_left, j.next_fire"
    " FROM follow_ups f LEFT JOIN jobs j ON j.name = f.name WHERE f.state <> 'over'"
)
ALL = f"{_SELECT} ORDER BY f.made_at, f.name"
OF_JOB = f"{_SELECT} AND f.root = :root ORDER BY f.made_at, f.name"
ONE = f"{_SELECT} AND f.name = :name"


def follow_up_from(row: Row) -> FollowUp:
    """Return the follow-up of a row of these questions."""
    spec, run_id, call_id, state, marks, made_at, expires_at, fires_left, next_fire = row
    return FollowUp(
        job_from(spec),
        run_id,
        call_id,
        state,
        Marks.parse(marks),
        from_us(made_at),
        from_us(expires_at),
        fires_left,
        maybe_from_us(next_fire),
    )


def follow_up_values(made: FollowUp) -> dict[str, Any]:
    """Return the columns of a follow-up."""
    return {
        "run_id": made.run_id,
        "call_id": made.call_id,
        "name": made.name,
        "root": root_of(made.name),
        "state": made.state,
        "spec": job_text(made.job),
        "marks": plain(str(made.marks)),
        "made_at": to_us(made.made_at),
        "expires_at": to_us(made.expires_at),
        "fires_left": made.fires_left,
        "ended_at": None,
        "reason": "",
    }
