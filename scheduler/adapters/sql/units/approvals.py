"""Answers of a person to what a run asks, and the grants that come of them.  Each function is one unit."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import text

from scheduler.adapters.sql import selects
from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rows import trust as rows_of_trust
from scheduler.adapters.sql.rows import work as rows
from scheduler.adapters.sql.rows.work import plain, to_us
from scheduler.adapters.sql.states import live
from scheduler.adapters.sql.units import events, records
from scheduler.adapters.sql.words import INSERT_GRANT
from scheduler.core.actor import Actor
from scheduler.core.run.event import Event
from scheduler.core.run.wakeup import Waking
from scheduler.core.trust.approval import Approval, Used
from scheduler.core.trust.grant import Grant
from scheduler.core.trust.judge import RULE_OF_TWO
from scheduler.errors import NotFoundError, RefusedError

_ONE = text(f"{selects.APPROVALS} WHERE a.id = :id")
_RUN = text(f"SELECT 1 FROM runs WHERE id = :id AND {live()}")
_ANSWER = text(
    "UPDATE approvals SET state = :state, answered_at = :now, answer = :answer"
    " WHERE id = :id AND state = 'asked' AND expires_at > :now RETURNING id"
)
_REVOKE = text("UPDATE grants SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL RETURNING job")
# Runs that are over began nothing since they ended: index ranges, however many runs are kept.
_BELOW = "r.job >= :low AND r.job < :high"
# What is outside: `core.trust.judge.is_outside`, in SQL.
_USED = text(
    "SELECT c.name, count(*), count(CASE WHEN c.effect <> 'pure' AND c.rule <> 'workdir' THEN 1 END)"
    " FROM calls c WHERE c.started_at >= :since AND c.run_id IN ("
    "SELECT r.id FROM runs r WHERE r.job = :job AND r.ended_at >= :since"
    f" UNION ALL SELECT r.id FROM runs r WHERE r.job = :job AND {live('r.state')}"
    f" UNION ALL SELECT r.id FROM runs r WHERE {_BELOW} AND r.ended_at >= :since"
    f" UNION ALL SELECT r.id FROM runs r WHERE {_BELOW} AND {live('r.state')}) GROUP BY c.name"
)


def answer(
    connection: Connection,
    approval_id: str,
    now: datetime,
    *,
    approve: bool,
    grant_id: str,
    words: str,
    actor: Actor,
) -> Approval:
    """See ``Store.answer``; a non-empty ``grant_id`` means "always"."""
    row = connection.execute(_ONE, {"id": approval_id}).first()
    if row is None:
        raise NotFoundError(f"no run asks for an approval {approval_id}", help="see: agentcron approvals")
    found = rows_of_trust.approval_from(row)
    if connection.execute(_RUN, {"id": found.run_id}).first() is None:
        raise RefusedError(
            f"run {found.run_id} waits for no answer any more", help=f"see: agentcron show {found.run_id}"
        )
    if grant_id and found.rule == RULE_OF_TWO:
        raise RefusedError(
            f"approval {found.id} is asked by the rule of two, which no grant lifts",
            help=f"let it happen this once: agentcron approve {found.id}",
        )
    state = "approved" if approve else "denied"
    values = {"id": found.id, "state": state, "now": to_us(now), "answer": plain(words)}
    if connection.execute(_ANSWER, values).first() is None:
        over = (
            "has expired, which counts as denied" if found.state == "asked" else f"was {found.state} already"
        )
        raise RefusedError(f"approval {found.id} {over}", help=f"see: agentcron show {found.run_id}")
    if grant_id:
        spec = Grant(tool=found.tool, exact=found.args).to_json()
        connection.execute(
            INSERT_GRANT,
            {
                "id": grant_id,
                "job": found.job,
                "spec": rows.dump(spec),
                "created_at": to_us(now),
                "revoked_at": None,
            },
        )
    body = {
        "by": str(actor),
        "id": found.id,
        "tool": found.tool,
        "args": found.digest,
        "always": bool(grant_id),
    }
    records.append(connection, now, state, found.job, found.run_id, body)
    answered = Event(Waking.APPROVAL, now, found.id, found.run_id, state, "owner", str(actor))
    events.happened(connection, answered)
    return found


def revoke(connection: Connection, grant_id: str, now: datetime, actor: Actor) -> str:
    """See ``Store.revoke``."""
    row = connection.execute(_REVOKE, {"id": grant_id, "now": to_us(now)}).first()
    if row is None:
        raise NotFoundError(
            f"there is no grant {grant_id} to revoke", help="see: agentcron trust explain JOB"
        )
    records.append(connection, now, "revoke", str(row[0]), "", {"by": str(actor), "grant": grant_id})
    return str(row[0])


def used_since(connection: Connection, job: str, since: datetime) -> Used:
    """See ``Store.used_today``."""
    used, outside = Counter[str](), 0
    # What a job's follow-ups used is its own use: a grant of two a day does not grow with every follow-up.
    # Their names are all that begin with the job's and a slash; "0" comes after "/".
    values = {"job": job, "low": f"{job}/", "high": f"{job}0", "since": to_us(since)}
    for tool, count, acted in connection.execute(_USED, values):
        used[str(tool)] = int(count)
        outside += int(acted)
    return Used(used, outside)
