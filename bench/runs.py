"""Durable runs that do nothing, a second: the cost of the machinery itself, ours and its peers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from bench import slowdisk
from bench.homes import NOTHING, ask, daemon, have_run_before, make_home, many_jobs, opened, wait_for
from bench.peers import peer
from bench.probe import commits_per_second
from bench.table import Table

RUNS = 1000
SLOW_RUNS = 400
CONCURRENCY = 256

FORMER_STATEMENTS = 49.3
"""Those of a run of ours when the goal for the bare loop was set: having fewer must not make it harder."""

PEERS = {
    "apscheduler3": (
        "APScheduler {} + SQLAlchemyJobStore",
        False,
        "writes the job's next time, calls it, and loses a call that a crash cuts off",
    ),
    "dbos_sqlite": ("DBOS {} on SQLite", True, "a workflow of one step"),
    "huey_sqlite": ("Huey {} SqliteHuey, fsync", False, "deletes a task before it does it: a crash loses it"),
}
"""By module: what it is called, whether a kill -9 loses no work of it, and what a run of it is."""


def ours(place: Path, runs: int, before: Sequence[str] = ()) -> float:
    """Return how many runs a second a real daemon takes from their fire to their end.

    All jobs come due at one instant.  Each run is fired, claimed, begun, asked once of a rehearsal, answered
    and finished, and each of these is durable before the next.  The clock stops at the last end.
    """
    crontab = many_jobs(runs, "@every 30d", "rehearsal:nothing.jsonl")
    home = make_home(place, crontab, nothing=NOTHING)
    have_run_before(home, runs)
    with daemon(home, "--concurrency", str(CONCURRENCY), before=before):
        due = int((time.time() + 1.0) * 1e6)
        with opened(home) as connection:
            connection.execute("UPDATE jobs SET next_fire = ?", (due,))
        ended = "SELECT count(*) FROM runs WHERE state = 'succeeded'"
        wait_for(lambda: ask(home, ended) >= runs, pause=0.25)
        last: int = ask(home, "SELECT max(ended_at) FROM runs")
        return runs / ((last - due) / 1e6)


def bare(place: Path) -> tuple[float, int]:
    """Return how fast a bare loop of the driver executes the statements of our runs, and how many those are.

    A process of its own records them from a real run of the engine, commits included, and does them again on
    a copy of the database.
    """
    found = peer("bare_sqlite", place, RUNS, CONCURRENCY)
    if "missing" in found:
        raise RuntimeError(found["missing"])
    return found["per_second"], found["statements"]


def measure(place: Path) -> Table:
    """Measure all of them on this disk, and then on one whose syncs take as long as they ordinarily do."""
    table = Table(
        "Durable runs that do nothing",
        f"{RUNS} jobs that have run before come due at one instant, and each run does nothing but the"
        " machinery's own work. Ours is a real `agentcron up`: every run is fired, claimed, begun, asked once"
        " of a rehearsal, answered and finished, from the instant that all are due to the end of the last."
        " WAL and synchronous=FULL for all; each peer reads both back from its own connection.",
        probe=commits_per_second(place),
    )
    own = _round(table, place / "fast", "runs/s", RUNS, slow=False)
    loop, statements = bare(place / "bare")
    said = f"{statements / RUNS:.1f} statements a run, recorded from ours"
    table.add("bare sqlite3 loop", "runs/s", loop, "/s", said)
    former = loop * statements / RUNS / FORMER_STATEMENTS
    said = f"the same statements a second, {FORMER_STATEMENTS} of them a run, as ours had once"
    table.add("bare sqlite3 loop of that many", "runs/s", former, "/s", said)
    table.goal(
        f"a third of the bare loop of {FORMER_STATEMENTS:.0f} statements",
        own >= former / 3,
        f"{own / former:.2f} of it; {own / loop:.2f} of the one of {statements / RUNS:.0f}",
    )
    if slowdisk.works():
        _round(table, place / "slow", f"runs/s, a sync takes {slowdisk.SYNC_MS} ms", SLOW_RUNS, slow=True)
    else:
        table.notes.append("Without `strace` there is no second round with delayed syncs.")
    if not all(goal.met for goal in table.goals):
        _explain(table, place, statements / RUNS)
    return table


def _explain(table: Table, place: Path, statements: float) -> None:
    """Say where the time of a miss goes."""
    shares = peer("our_profile", place / "profile", RUNS, CONCURRENCY).get("shares", [])
    parts = ", ".join(f"{part} {100 * share:.0f} %" for part, share in shares)
    table.notes.append(
        f"Why: where the time of our runs goes, by cProfile on both threads, waiting left out: {parts}. A run"
        f" of ours is {statements:.0f} statements in shared commits (its fire, claim, first message, request,"
        " answer and end, each kept); APScheduler's is one UPDATE in a commit of its own. Where a sync costs"
        " nothing, one statement wins; where it costs what disks cost, sharing it wins."
    )


def _round(table: Table, place: Path, what: str, runs: int, *, slow: bool) -> float:
    place.mkdir(parents=True)
    trace = place / "trace"
    before = slowdisk.command(trace) if slow else ()

    def note(said: str, number_of_runs: int) -> str:
        return f"{slowdisk.syncs(trace) / number_of_runs:.2f} syncs a run; {said}" if slow else said

    own = ours(place / "home", RUNS, before)
    table.add("agentcron", what, own, "/s", note(f"{CONCURRENCY} at a time", RUNS))
    rivals: dict[str, float] = {}
    lossless: list[float] = []
    for name, (title, loses_nothing, said) in PEERS.items():
        found = peer(name, place / f"{name}.db", runs, before=before)
        if "missing" in found:
            table.add(title.format(""), what, None, "/s", found["missing"])
            continue
        assert found["pragmas"] == ["wal", 2], f"{name} is not as durable as ours: {found['pragmas']}"
        table.add(title.format(found["version"]), what, found["per_second"], "/s", note(said, runs))
        rivals[title.split(" ")[0]] = found["per_second"]
        if loses_nothing:
            lossless.append(found["per_second"])
    disk = f"a sync takes {slowdisk.SYNC_MS} ms" if slow else "this disk"
    if slow:
        best = max(rivals.values(), default=0.0)
        shown = ", ".join(f"{own / rate:.1f} times {peer}" for peer, rate in rivals.items())
        table.goal(f"four times every peer ({disk})", 0 < 4 * best <= own, shown or "no peer was measured")
    else:
        best = max(lossless, default=0.0)
        shown = f"{own / best:.1f} times" if best else "no such peer was measured"
        goal = f"five times the best peer that loses nothing at kill -9 ({disk})"
        table.goal(goal, 0 < 5 * best <= own, shown)
    return own
