"""Read the rows about a job at an instant, for `scheduler.views.verdict`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from scheduler.core.job.job import Job
from scheduler.core.job.standing import Standing
from scheduler.core.time.trigger import CronTrigger
from scheduler.views.absence import Absence
from scheduler.views.clock import Wall, iso
from scheduler.views.forecast import forecast
from scheduler.views.jobs import Facts
from scheduler.views.verdict import Case, FieldMatch, Verdict, field_matches

if TYPE_CHECKING:
    from scheduler.views.home import Home


@dataclass(frozen=True, slots=True)
class Around:
    """What ``why`` shows besides the verdict; ``spent`` today: millionths of a dollar, and tokens."""

    previous: datetime | None = None
    following: datetime | None = None
    coming: datetime | None = None
    spent: tuple[int, int] | None = None


def read_case(
    home: Home, facts: Facts, standing: Standing, job: Job | None, clock: Wall, instant: datetime | None
) -> tuple[Case, Around]:
    """Read what a verdict on a job at an instant (None: at present) needs.

    Raises:
        StoreError: the database cannot be read.
    """
    about = instant or clock.now
    previous = job.trigger.before(about - timedelta(microseconds=1)) if job else None
    following = job.trigger.next_after(about) if job else None
    coming = job.trigger.next_after(clock.now) if job else None
    history = home.history()
    if history is None:
        return Case(standing, job, clock, Absence(clock), known=False), Around(previous, following, coming)
    with history, history.steady():
        # A catch-up row comes after its slots, possibly with rows of other slots in between.
        runs = history.runs_around(standing.name, about, limit=20)
        daemons = history.daemons(about - timedelta(days=31), clock.now)
        dead = frozenset(home.dead(daemons))
        jumps = history.jumps(about - timedelta(days=1))
        spent = history.spent_today(standing.name, clock.now, clock.name)
    if instant is None:
        runs = [run for run in runs if run.fire_time <= clock.now]
    live = [run for run in facts.runs if run.job == standing.name]
    absence = Absence(clock, daemons, dead, jumps)
    planned = forecast(facts, standing, job) if job is not None and standing.state == "active" else ()
    case = Case(standing, job, clock, absence, runs, live, facts.orphans, planned, facts.daemon)
    return case, Around(previous, following, coming, spent)


def verdict_json(case: Case, verdict: Verdict, around: Around) -> dict[str, Any]:
    """Return a verdict with its context, for JSON."""
    run, job = verdict.run, case.job
    return {
        "job": case.standing.name,
        "verdict": verdict.kind,
        "sentence": verdict.sentence,
        "more": list(verdict.more),
        "when": iso(verdict.when),
        "slot": iso(verdict.slot),
        "zone": case.clock.name,
        "schedule": case.standing.schedule,
        "state": case.standing.state,
        "run": run
        and {
            "id": run.id,
            "state": run.state.value,
            "fire_time": iso(run.fire_time),
            "started_at": iso(run.started_at),
            "ended_at": iso(run.ended_at),
            "reason": run.reason,
            "reason_code": run.reason_code,
            "missed": run.missed,
            "last_missed": iso(run.last_missed),
        },
        "fields": [asdict(match) for match in matches_of(case, verdict)],
        "policy": job
        and {
            "overlap": job.overlap,
            "catchup": job.catchup,
            "window_seconds": job.window_seconds,
            "jitter_seconds": job.jitter_seconds,
            "gate": job.gate,
            "pause_after": job.pause_after,
            "day_usd": job.budget.day_usd,
            "day_tokens": job.budget.day_tokens,
            "day_effects": job.budget.day_effects,
            "hour_wakes": job.budget.hour_wakes,
        },
        "spent_today_usd": around.spent and around.spent[0] / 1_000_000,
        "spent_today_tokens": around.spent and around.spent[1],
        "previous_fire": iso(around.previous),
        "following_fire": iso(around.following),
        "next_fire": iso(around.coming),
    }


def matches_of(case: Case, verdict: Verdict) -> Sequence[FieldMatch]:
    """Return the schedule fields compared with the instant, also if they match."""
    if verdict.matches or verdict.when is None or case.job is None:
        return verdict.matches
    trigger = case.job.trigger
    return field_matches(trigger, verdict.when) if isinstance(trigger, CronTrigger) else ()
