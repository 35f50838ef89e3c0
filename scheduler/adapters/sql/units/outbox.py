"""The outbox and the processes that work here.  Each function is one unit of the committer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from scheduler.adapters.sql.connection import Connection, Row
from scheduler.adapters.sql.rows.work import dump, load, maybe_from_us, maybe_us, plain, runner_values, to_us
from scheduler.adapters.sql.units import records
from scheduler.adapters.sql.words import INSERT_NOTICE, INSERT_RUNNER
from scheduler.core.job.standing import RunnerInfo
from scheduler.core.run.notice import Notice
from scheduler.ports.store.outbox import Pending

NOTICE_SECONDS = 120.0
"""How long a process may take to send a notice before another one takes it over."""

_OPEN = "state IN ('taken', 'waiting')"

# While a notice is out, ``due_at`` says when it counts as abandoned: one index serves both questions.
_TAKE = text(
    "UPDATE outbox SET state = 'taken', runner = :runner, tries = tries + 1, due_at = :until"
    f" WHERE id IN (SELECT id FROM outbox WHERE {_OPEN} AND due_at <= :now"
    " ORDER BY due_at, id LIMIT :limit)"
    " RETURNING id, run_id, job, tries, kind, target, body, title, urgency, dedupe_key, dedupe_until,"
    " attachments, expires_at"
)

_SENT = text(
    "UPDATE outbox SET state = 'sent', sent_at = :now, error = '', receipt = :receipt"
    f" WHERE id = :id AND {_OPEN}"
)
_AGAIN = text(
    "UPDATE outbox SET state = 'waiting', tries = CASE WHEN :tried THEN tries ELSE tries - 1 END,"
    " due_at = :retry_at, error = :error"
    f" WHERE id = :id AND {_OPEN}"
)
_GIVE_UP = text(f"UPDATE outbox SET state = 'given_up', error = :error WHERE id = :id AND {_OPEN}")
_EXPIRE = text(
    "UPDATE outbox SET state = 'given_up', tries = tries - 1,"
    " error = CASE WHEN error = '' THEN 'it expired' ELSE error || ', and it expired' END WHERE id = :id"
)

# Said again that the key is not empty: SQLite cannot see it of a bound value, and would not use the index.
_OF_KEY = "kind = :kind AND dedupe_key = :key AND dedupe_key <> ''"
_FREE_KEY = text(
    f"UPDATE outbox SET dedupe_key = '' WHERE {_OF_KEY}"
    " AND (state = 'given_up' OR (state = 'sent' AND dedupe_until <= :now))"
)
_KEY_HELD = text(f"SELECT 1 FROM outbox WHERE {_OF_KEY}")

_FORGET_RUNNER = text("DELETE FROM runners WHERE id = :id")
_SEEN = text("UPDATE runners SET seen_at = :now WHERE id = :id")
_LEAVE = text("UPDATE runners SET seen_at = :now, stopped_at = :now WHERE id = :id")


def write(
    connection: Connection, notices: Iterable[Notice], now: datetime, job: str = "", run_id: str = ""
) -> int:
    """Write notices about a run, a job or the daemon; return how many were no repetitions."""
    written = 0
    for notice in notices:
        # Check, then write: writing units are serialised (see `Connection`).
        if notice.dedupe_key and _is_repeated(connection, notice, now):
            continue
        connection.execute(INSERT_NOTICE, _values(notice, now, job, run_id))
        written += 1
    return written


def _is_repeated(connection: Connection, notice: Notice, now: datetime) -> bool:
    values = {"kind": notice.kind, "key": plain(notice.dedupe_key), "now": to_us(now)}
    connection.execute(_FREE_KEY, values)
    return connection.execute(_KEY_HELD, values).first() is not None


def _values(notice: Notice, now: datetime, job: str, run_id: str) -> dict[str, Any]:
    return {
        "run_id": run_id or None,
        "job": job,
        "kind": notice.kind,
        "target": plain(notice.target),
        "body": plain(notice.body),
        "created_at": to_us(now),
        "state": "waiting",
        "due_at": to_us(now),
        "tries": 0,
        "runner": "",
        "sent_at": None,
        "error": "",
        "title": plain(notice.title),
        "urgency": notice.urgency,
        "dedupe_key": plain(notice.dedupe_key),
        "dedupe_until": maybe_us(notice.dedupe_until),
        "attachments": dump(notice.attachments),
        "expires_at": maybe_us(notice.expires_at),
        "receipt": "",
    }


def _pending(row: Row) -> Pending:
    number, run_id, job, tries, kind, target, body, title, urgency, key, key_until, files, expires = row
    notice = Notice(
        kind=kind,
        target=target,
        body=body,
        title=title,
        urgency=urgency,
        dedupe_key=key,
        dedupe_until=maybe_from_us(key_until),
        attachments=tuple(load(files)),
        expires_at=maybe_from_us(expires),
    )
    return Pending(number, run_id or "", job, notice, tries)


def take_notices(connection: Connection, runner: str, now: datetime, limit: int) -> list[Pending]:
    """See ``Store.take_notices``."""
    until = to_us(now + timedelta(seconds=NOTICE_SECONDS))
    found = connection.execute(
        _TAKE, {"runner": runner, "now": to_us(now), "until": until, "limit": limit}
    ).all()
    taken = []
    for each in sorted((_pending(row) for row in found), key=lambda each: each.id):
        if each.notice.expires_at is not None and each.notice.expires_at <= now:
            connection.execute(_EXPIRE, {"id": each.id})
            continue
        body = {"notice": each.id, "of": each.notice.kind, "try": each.tries}
        records.append(connection, now, "report", each.job, each.run_id, body)
        taken.append(each)
    return taken


def settle_notice(
    connection: Connection,
    notice_id: int,
    now: datetime,
    error: str,
    retry_at: datetime | None,
    *,
    tried: bool = True,
    receipt: str = "",
) -> None:
    """See ``Store.settle_notice``."""
    values = {"id": notice_id, "now": to_us(now), "error": plain(error), "retry_at": maybe_us(retry_at)}
    if not error:
        connection.execute(_SENT, {**values, "receipt": plain(receipt)})
    elif retry_at is not None:
        connection.execute(_AGAIN, {**values, "tried": tried})
    else:
        connection.execute(_GIVE_UP, values)


def enter(connection: Connection, runner: RunnerInfo) -> None:
    """See ``Store.enter``."""
    connection.execute(_FORGET_RUNNER, {"id": runner.id})
    connection.execute(INSERT_RUNNER, runner_values(runner))


def seen(connection: Connection, runner: str, now: datetime) -> None:
    """See ``Store.seen``."""
    connection.execute(_SEEN, {"id": runner, "now": to_us(now)})


def leave(connection: Connection, runner: str, now: datetime) -> None:
    """See ``Store.leave``."""
    connection.execute(_LEAVE, {"id": runner, "now": to_us(now)})
