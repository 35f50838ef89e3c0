"""What a step says of consent: shares of a day's grant, questions put and settled, private data in a workdir.

Each function is a part of the unit that writes the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rows import trust as rows_of_trust
from scheduler.adapters.sql.rows import work as rows
from scheduler.adapters.sql.rows.work import to_us
from scheduler.adapters.sql.units import approvals, records
from scheduler.adapters.sql.words import INSERT_APPROVAL, many
from scheduler.core.actor import Actor
from scheduler.core.run.checkpoint import Step
from scheduler.core.run.follow_up import root_of
from scheduler.core.trust.approval import ALWAYS, OUTSIDE, Share
from scheduler.errors import FactsChangedError, RefusedError

STAIN = "private:"
"""What the keys in ``meta`` begin with that name workdirs where private data may lie."""

_GRANT = text("SELECT 1 FROM grants WHERE id = :id AND revoked_at IS NULL")
_SPECS = text("SELECT spec FROM jobs WHERE spec IS NOT NULL")
_LINE = text("SELECT spec FROM jobs WHERE name = :job AND state <> 'removed'")
_SETTLE = text(
    "UPDATE approvals SET state = :state WHERE id = :id AND run_id = :run_id"
    " AND (state = 'approved' OR (state = 'asked' AND :state = 'expired')) RETURNING id"
)
_STAIN = text("INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO NOTHING")
# The keys of all stains are a range: ";" comes after ":".
_INSIDE = "(key = :key OR substr(key, 1, length(:key) + 1) = :key || '/')"
_AROUND = "substr(:key, 1, length(key) + 1) = key || '/'"
_STAINS = f"key >= '{STAIN}' AND key < '{STAIN[:-1]};'"
_STAINED = text(f"SELECT key FROM meta WHERE {_STAINS} AND ({_INSIDE} OR {_AROUND}) ORDER BY key")
_CLEAN = text(f"DELETE FROM meta WHERE {_STAINS} AND {_INSIDE} RETURNING key")
_HURRY = text(
    "UPDATE wakeups SET due = :now WHERE run_id = :run_id AND state = 'open' AND kind = 'approval'"
    " AND EXISTS (SELECT 1 FROM approvals a WHERE a.id IN :ids AND a.state <> 'asked')"
).bindparams(many("ids"))
_HURRIED = text("UPDATE runs SET wake_at = (SELECT min(due) FROM wakeups w WHERE w.run_id = :run_id"
                " AND w.state = 'open') WHERE id = :run_id")  # fmt: skip


def note(connection: Connection, job: str, run_id: str, step: Step) -> None:
    """Write what a step says of consent, before its calls are marked as started.

    Raises:
        FactsChangedError: a grant is used up or was revoked, private data has come to the workdir, or a
            question was answered.
    """
    _take(connection, job, step.shares)
    for rule in step.rules.values():
        kind, _, grant_id = rule.partition(":")
        if kind == ALWAYS and connection.execute(_GRANT, {"id": grant_id}).first() is None:
            raise FactsChangedError(f"grant {grant_id} was revoked")
    if step.unstained and is_stained(connection, step.unstained):
        raise FactsChangedError(f"private data may lie in {step.unstained} by now")
    if step.stains:
        connection.execute(_STAIN, {"key": STAIN + step.stains, "value": str(to_us(step.at))})
    if step.asks:
        connection.execute(INSERT_APPROVAL, [rows_of_trust.approval_values(each) for each in step.asks])
    for approval_id, state in step.settled.items():
        values = {"id": approval_id, "run_id": run_id, "state": state}
        if connection.execute(_SETTLE, values).first() is None:
            raise FactsChangedError(f"somebody answered {approval_id} meanwhile")


def _take(connection: Connection, job: str, shares: Sequence[Share]) -> None:
    """Let the shares be taken in their order, each as it was judged: by what was begun before it."""
    begun: dict[tuple[str, datetime], int] = {}
    for share in shares:
        key = share.tool, share.since
        if key not in begun:
            used = approvals.used_since(connection, root_of(job), share.since)
            begun[key] = used.outside if share.tool == OUTSIDE else used.calls.get(share.tool, 0)
        if begun[key] >= share.most:
            raise FactsChangedError(f"{share.tool or 'effects'}: {begun[key]} of {share.most} begun today")
        begun[key] += 1


def hurry(connection: Connection, run_id: str, step: Step) -> None:
    """Wake a run at once that rests for a question which somebody answered while it came to rest."""
    if not step.awaits:
        return
    values = {"run_id": run_id, "now": to_us(step.at), "ids": list(step.awaits)}
    connection.execute(_HURRY, values)
    connection.execute(_HURRIED, {"run_id": run_id})


def is_stained(connection: Connection, workdir: str | None) -> bool:
    """Whether private data may lie in a workdir: in itself, in one inside it, or in one around it."""
    return workdir is not None and connection.execute(_STAINED, {"key": STAIN + workdir}).first() is not None


def doubt(connection: Connection, now: datetime) -> None:
    """Let private data be possible in all workdirs that are known, since nobody knows what was done there."""
    specs = connection.execute(_SPECS).scalars()
    workdirs = {rows.job_from(spec).workdir for spec in specs} - {None}
    for workdir in sorted(map(str, workdirs)):
        connection.execute(_STAIN, {"key": STAIN + workdir, "value": str(to_us(now))})


def trust_of_line(connection: Connection, job: str) -> tuple[str | None, ...]:
    """Return the profile that a line of the crontab names, or nothing when there is no such line."""
    spec = connection.execute(_LINE, {"job": job}).scalar()
    return () if spec is None else (rows.job_from(spec).trust,)


def clean(connection: Connection, workdir: str, now: datetime, actor: Actor) -> bool:
    """See ``Consent.clean``."""
    known = bool(connection.execute(_CLEAN, {"key": STAIN + workdir}).all())
    around = connection.execute(_STAINED, {"key": STAIN + workdir}).scalar()
    if around is not None:
        outer = str(around).removeprefix(STAIN)
        raise RefusedError(
            f"{workdir} lies in {outer}, which is not clean", help="clean the job of that folder"
        )
    if known:
        records.append(connection, now, "clean", "", "", {"by": str(actor), "workdir": workdir})
    return known
