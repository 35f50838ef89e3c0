"""Questions that the store and the plain reader both ask, as text with named parameters."""

from __future__ import annotations

from scheduler.adapters.sql.rows.trust import APPROVAL_COLUMNS
from scheduler.adapters.sql.rows.wakeups import WAKEUP_COLUMNS
from scheduler.adapters.sql.rows.work import (
    ATTEMPT_COLUMNS,
    CALL_COLUMNS,
    MESSAGE_COLUMNS,
    REQUEST_COLUMNS,
    RUN_COLUMNS,
    RUNNER_COLUMNS,
    STANDING_COLUMNS,
    columns,
)
from scheduler.adapters.sql.states import live

STANDINGS = f"SELECT {columns('j', STANDING_COLUMNS)} FROM jobs j WHERE j.state <> 'removed' ORDER BY j.name"
RUNS = f"SELECT {columns('r', RUN_COLUMNS)} FROM runs r"
RUN = f"{RUNS} WHERE r.id = :id"
MESSAGES = (
    f"SELECT {columns('m', MESSAGE_COLUMNS)} FROM messages m WHERE m.run_id = :id AND m.seq > :after"
    " ORDER BY m.seq"
)
TOLD = f"SELECT {columns('m', MESSAGE_COLUMNS)} FROM messages m WHERE m.run_id = :id AND m.role = 'user'"
CALLS = (
    f"SELECT {columns('c', CALL_COLUMNS)} FROM calls c WHERE c.run_id = :id"
    " ORDER BY c.message_seq, c.position"
)
LAST_CALLS = (
    f"SELECT {columns('c', CALL_COLUMNS)} FROM calls c WHERE c.run_id = :id AND c.message_seq = (SELECT m.seq"
    " FROM messages m WHERE m.run_id = :id AND m.role = 'assistant' ORDER BY m.seq DESC LIMIT 1)"
    " ORDER BY c.position"
)
REQUESTS = f"SELECT {columns('q', REQUEST_COLUMNS)} FROM requests q WHERE q.run_id = :id ORDER BY q.number"
ATTEMPTS = f"SELECT {columns('a', ATTEMPT_COLUMNS)} FROM attempts a WHERE a.run_id = :id ORDER BY a.number"
WAKEUPS = (
    f"SELECT {columns('w', WAKEUP_COLUMNS)} FROM wakeups w WHERE w.run_id = :id AND w.state = 'open'"
    " ORDER BY w.due IS NULL, w.due, w.id"
)
RUNNERS = (
    f"SELECT {columns('u', RUNNER_COLUMNS)} FROM runners u WHERE u.stopped_at IS NULL"
    " ORDER BY u.started_at, u.id"
)
APPROVALS = f"SELECT {columns('a', APPROVAL_COLUMNS)} FROM approvals a"
RUN_APPROVALS = f"{APPROVALS} WHERE a.run_id = :id ORDER BY a.asked_at, a.id"
OPEN_APPROVALS = (
    f"{APPROVALS} JOIN runs r ON r.id = a.run_id WHERE a.state = 'asked'"
    f" AND {live('r.state')}"
    " ORDER BY a.asked_at, a.id"
)
GRANTS_OF = "SELECT g.id, g.spec FROM grants g WHERE g.job = :job AND g.revoked_at IS NULL"
GRANTS = f"{GRANTS_OF} ORDER BY g.created_at, g.id"
# Names of follow-ups begin with the job's and a slash; "0" comes after "/".
GRANTED_FOLLOW_UPS = (
    "SELECT DISTINCT g.job FROM grants g WHERE g.job >= :job || '/' AND g.job < :job || '0'"
    " AND g.revoked_at IS NULL ORDER BY g.job"
)
META = "SELECT key, value FROM meta"
# Money and tokens in one look: the rows are the same.
_SPENT_SUMS = "coalesce(sum(q.cost_microusd), 0), coalesce(sum(q.tokens), 0)"
_OUT_SUMS = "coalesce(sum(q.reserved_microusd), 0), coalesce(sum(q.tokens), 0)"
SPENT = f"SELECT {_SPENT_SUMS} FROM requests q WHERE q.job = :job AND q.ended_at >= :since"
OUT = f"SELECT {_OUT_SUMS} FROM requests q WHERE q.job = :job AND q.state = 'sent'"
FLEET_SPENT = (
    f"SELECT {_SPENT_SUMS} FROM jobs j CROSS JOIN requests q WHERE q.job = j.name AND q.ended_at >= :since"
)
FLEET_OUT = f"SELECT {_OUT_SUMS} FROM requests q WHERE q.state = 'sent'"
