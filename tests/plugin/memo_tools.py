"""A plug-in for tests: tools that remember, with a change, a table, a writer and a view of their own.

``remember`` keeps a text for later runs of its job, for as long as the run that wrote it is kept.
``share_memo`` does the same for everybody, so it counts as an effect outside.  ``forgotten`` makes a change
that is not installed.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar

from scheduler import Job
from scheduler.toolkit import (
    OURS,
    Args,
    Connection,
    Effect,
    FactsChangedError,
    RefusedError,
    Room,
    Run,
    StageContext,
    Staged,
    StagedTool,
    StepContext,
    ToolSpec,
)

KIND = "memo"
MOST = 3


@dataclass(frozen=True, slots=True)
class Memo:
    """Keep a text for later runs of the job; the part is the tuple of all texts of the job."""

    call_id: str = field(metadata=OURS)
    text: str
    kind: ClassVar[str] = KIND

    def fold(self, part: tuple[str, ...]) -> tuple[str, ...]:
        """Return the texts with this one."""
        return (*part, self.text)


# -- the tools ----------------------------------------------------------------------------------------
_SPEC = ToolSpec(
    name="remember",
    description="Keep a text for later runs of this job.",
    schema={
        "type": "object",
        "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 200}},
        "required": ["text"],
        "additionalProperties": False,
    },
    effect=Effect.KEYED,
    reads_private=False,
    reads_untrusted=False,
    external=False,
)


def _stage(args: Args, context: StageContext) -> Staged:
    known: tuple[str, ...] = context.parts[KIND]
    if args["text"] in known:
        return Staged("I know that already.")
    if len(known) >= MOST:
        raise RefusedError(f"there are {MOST} memos, the most there may be", help="do without")
    return Staged(f"Kept as number {len(known) + 1}.", (Memo(context.call_id, args["text"]),))


REMEMBER = StagedTool(_SPEC, _stage, changes=frozenset({KIND}), reads=(KIND,))
SHARE = replace(REMEMBER, spec=replace(_SPEC, name="share_memo", external=True))
FORGOTTEN = StagedTool(replace(_SPEC, name="forgotten"), _stage, changes=frozenset({"oblivion"}))

# -- the table ----------------------------------------------------------------------------------------
_WRITE = (
    "INSERT INTO memos (job, run_id, call_id, text, at) SELECT :job, :run_id, :call_id, :text, :at"
    " WHERE (SELECT count(*) FROM memos WHERE job = :job) < :most RETURNING call_id"
)
_MEMOS = "SELECT text FROM memos WHERE job = :job ORDER BY at, call_id"


def _write(connection: Connection, context: StepContext, change: Memo) -> None:
    values = {"job": context.job, "run_id": context.run_id, "call_id": change.call_id, "most": MOST}
    values |= {"text": change.text, "at": round(context.at.timestamp() * 1_000_000)}
    if connection.execute(_WRITE, values).first() is None:
        raise FactsChangedError(f"another run of {context.job} was faster")


def _load(connection: Connection, run: Run, _job: Job, _now: datetime) -> tuple[str, ...]:
    return tuple(connection.execute(_MEMOS, {"job": run.job}).scalars())


FIRST = (
    "CREATE TABLE memos (job TEXT NOT NULL, run_id TEXT NOT NULL, call_id TEXT NOT NULL, text TEXT NOT NULL,"
    " PRIMARY KEY (run_id, call_id))",
)
SECOND = (
    "ALTER TABLE memos ADD COLUMN at INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX memos_job ON memos (job, at)",
)
ROOM = Room(_write, _load, schema=(FIRST, SECOND), rows_of_runs={"memos": "run_id"})


# -- the view -----------------------------------------------------------------------------------------
def memos(database: str | os.PathLike[str], job: str) -> list[str]:
    """Return what a job remembers, as a door would show it."""
    with closing(sqlite3.connect(f"file:{os.fspath(database)}?mode=ro", uri=True)) as connection:
        return [text for (text,) in connection.execute(_MEMOS, {"job": job})]
