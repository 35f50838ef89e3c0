"""The overview of a home for JSON: the daemon, the jobs, and the runs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from scheduler.core.job.standing import Standing
from scheduler.core.run.run import Run
from scheduler.views.clock import iso
from scheduler.views.jobs import Facts

if TYPE_CHECKING:
    from scheduler.views.home import Home


def read_over(home: Home, most: int) -> list[Run]:
    """Return those of the newest ``most`` runs that are over.

    Raises:
        StoreError: the database cannot be read.
    """
    history = home.history()
    if history is None:
        return []
    with history:
        return [run for run in history.runs(limit=most) if run.is_final]


def head_json(facts: Facts) -> dict[str, Any]:
    """Return the daemon, the source of the jobs (crontab or database), and why the home is halted."""
    daemon, halt = facts.daemon, facts.halt
    return {
        "daemon": daemon and {"pid": daemon.pid, "host": daemon.host, "since": iso(daemon.started_at)},
        "source": "crontab" if facts.orders is not None else "database",
        "halted": halt and {"reason": halt.reason, "since": iso(halt.since)},
    }


def job_json(facts: Facts, standing: Standing) -> dict[str, Any]:
    """Return a job, how its last run ended, and who made it."""
    end = facts.ends.get(standing.name)
    values: dict[str, Any] = {
        "name": standing.name,
        "schedule": standing.schedule,
        "zone": standing.zone,
        "state": standing.state,
        "next_fire": _quick_iso(standing.next_fire),
        "last_run": end and {"id": end.id, "state": end.state, "ended_at": _quick_iso(end.ended_at)},
        "overdue": facts.is_overdue(standing),
        "will_skip": facts.skips.get(standing.name),
        "failures": standing.failures,
    }
    made = next((each for each in facts.follow_ups if each.name == standing.name), None)
    if made is not None:
        values["made_by"] = made.run_id
        values["pending"] = made.state == "pending"
        values["expires_at"] = iso(made.expires_at)
        values["fires_left"] = made.fires_left
    if standing.problem:
        values["problem"] = standing.problem
    if standing.paused_reason:
        values["paused_reason"] = standing.paused_reason
    return values


def _quick_iso(instant: datetime | None) -> str | None:
    """Return the result of ``iso``, quickly if the instant is a whole second in UTC, as slots are."""
    if instant is None or instant.microsecond:
        return iso(instant)
    return instant.isoformat().replace("+00:00", "Z")


def run_json(facts: Facts, run: Run) -> dict[str, Any]:
    """Return a run, with facts that are not in its row."""
    return {
        "id": run.id,
        "job": run.job,
        "state": run.state.value,
        "fire_time": iso(run.fire_time),
        "wake_at": iso(run.wake_at),
        "waiting_for": run.waiting_for,
        "reason": run.reason,
        "reason_code": run.reason_code,
        "orphan": run.id in facts.orphans,
        "unknown_calls": [call.name for call in facts.unknown if call.run_id == run.id],
        "cost_usd": run.cost_microusd / 1_000_000,
        "tokens": run.tokens,
    }
