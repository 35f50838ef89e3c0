"""Retention, row by row: all that belongs to a run goes with it, and what others share stays."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from scheduler.adapters.sql.tables import work as tables
from scheduler.core.run.run import Move
from scheduler.core.run.step import Step
from scheduler.core.time.trigger import Manual
from scheduler.testing.conformance.store.bench import FRAME, Bench, at, make_job
from tests.contract.sqlite.rows import select
from tests.contract.test_store_prune import DAY, KEPT, ended, everything

OF_RUNS = {
    *("runs", "pins", "messages", "calls", "requests"),
    *("attempts", "wakeups", "outbox", "approvals", "sessions"),
}


def tables_with(bench: Bench, run_id: str) -> set[str]:
    """The tables that have rows of a run."""
    columns = {name: "id" if name == "runs" else "run_id" for name in OF_RUNS}
    return {
        name
        for name, column in columns.items()
        if select(bench, f"SELECT 1 FROM {name} WHERE {column} = ? LIMIT 1", run_id)
    }


def test_every_table_that_knows_of_runs_is_named_here() -> None:
    known = {
        table.name
        for table in tables.metadata.sorted_tables
        if any(key.column is tables.runs.c.id for key in table.foreign_keys)
    }
    assert known | {"runs"} == OF_RUNS, "add the new table to `everything`"


async def test_an_old_run_goes_with_all_its_rows(bench: Bench) -> None:
    await bench.load(KEPT)
    old, _ = await everything(bench, 0), await ended(bench, 1)
    assert tables_with(bench, old) == OF_RUNS
    gone = await bench.store.prune(at(30 * DAY))
    assert (gone.runs, gone.rows) == (1, 12)
    assert tables_with(bench, old) == set()
    assert select(bench, "PRAGMA foreign_key_check") == []


async def test_a_unit_deletes_no_more_than_some_messages(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.adapters.sql.units.prune.MAX_MESSAGES", 3)
    await bench.load(KEPT)
    for day in range(3):
        await everything(bench, day)
    gone = await bench.store.prune(at(60 * DAY))
    assert (gone.runs, gone.next_job) == (2, "kept")


async def test_many_jobs_are_looked_at_in_parts(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.adapters.sql.units.prune.MAX_JOBS", 1)
    jobs = [make_job(name, Manual(), keep_seconds=DAY) for name in ("a", "b", "c")]
    await bench.load(*jobs)
    for job in jobs:
        for day in range(2):
            await ended(bench, day, job)
    now, start, found = at(60 * DAY), "", []
    while True:
        gone = await bench.store.prune(now, start=start)
        found.append((gone.runs, gone.next_job))
        if not (start := gone.next_job):
            break
    assert found == [(1, "b"), (1, "c"), (1, "")]


def kept_frames(bench: Bench) -> list[str]:
    """Return the systems of the frames that are stored."""
    return sorted(json.loads(frame)["system"] for (frame,) in select(bench, "SELECT frame FROM frames"))


async def framed(bench: Bench, days: float, system: str) -> str:
    """Let a run begin with a frame, and end; return its id."""
    lease = await bench.running(KEPT, days * DAY)
    frame = replace(FRAME, system=system)
    await bench.store.commit(lease, Step(at=at(days * DAY), frame=frame))
    assert (await bench.checkpoint(lease, days * DAY)).frame == frame
    await bench.end(lease, Move.FINISH, days * DAY)
    return lease.run_id


async def test_a_frame_is_stored_once_and_goes_with_the_last_run_that_has_it(bench: Bench) -> None:
    await bench.load(KEPT)
    for days, system in ((0, "old"), (1, "shared"), (2, "shared"), (25, "shared"), (26, "new")):
        await framed(bench, days, system)
    assert kept_frames(bench) == ["new", "old", "shared"]
    assert (await bench.store.prune(at(20 * DAY))).runs == 3
    assert kept_frames(bench) == ["new", "shared"], "a run still has it"
    await framed(bench, 50, "new")
    assert (await bench.store.prune(at(51 * DAY))).runs == 2
    assert kept_frames(bench) == ["new"]
