"""The verb ``why``: why a job did or did not run, for past, present and future."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import click

from scheduler.config import Config
from scheduler.core.changes.follow_up import root_of
from scheduler.core.job.job import Job
from scheduler.core.job.standing import Standing
from scheduler.core.run.budget import day_start
from scheduler.core.run.turn import usd
from scheduler.core.time.instants import from_iso
from scheduler.core.time.trigger import CronTrigger
from scheduler.doors.cli.text import out
from scheduler.doors.cli.text.halted import halted_text
from scheduler.doors.cli.text.params import JOB
from scheduler.doors.cli.text.wrap import fold
from scheduler.views.absence import Absence
from scheduler.views.clock import Wall, span, wall
from scheduler.views.jobs import Facts, dead_runners, find_standing, gather, job_reader, open_history
from scheduler.views.verdict import Case, Verdict, ended_as, field_matches, judge

_LABEL = 11
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


@click.command("why", short_help="Say why a job did or did not run.")
@click.argument("job", type=JOB)
@click.argument("when", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def why_command(config: Config, job: str, when: str | None, as_json: bool) -> None:
    """Say why JOB did or did not run at WHEN, or will.

    WHEN is an ISO instant, "yesterday 09:00", "sat 09:00", 09:00 or now, on the job's clock; without it
    the last slot is meant, or what the job does at present.

    Example:  agentcron why digest "yesterday 09:00"
    """
    facts = gather(config, wall().now)
    standing = find_standing(facts, job)
    with job_reader(config, facts) as job_of:
        line = job_of(job) if standing.state != "invalid" else None
    clock = wall(line.tz if line is not None else None)
    instant = clock.read(when) if when is not None else None
    case, surroundings = _case(config, facts, standing, line, clock, instant)
    verdict = judge(case, instant)
    if as_json:
        out.print_json(_as_json(case, verdict, surroundings))
    else:
        click.echo("\n".join(_lines(case, verdict, surroundings)))
    if facts.halt is not None:
        out.hint(halted_text(facts.halt))
    for text in facts.hints:
        out.hint(text)


@dataclass(frozen=True, slots=True)
class _Around:
    """What is told beside the verdict; ``spent`` today: millionths of a dollar, and tokens."""

    previous: datetime | None = None
    following: datetime | None = None
    coming: datetime | None = None
    spent: tuple[int, int] | None = None


def _case(
    config: Config, facts: Facts, standing: Standing, job: Job | None, clock: Wall, instant: datetime | None
) -> tuple[Case, _Around]:
    about = instant or clock.now
    previous = job.trigger.before(about - timedelta(microseconds=1)) if job else None
    following = job.trigger.next_after(about) if job else None
    coming = job.trigger.next_after(clock.now) if job else None
    history = open_history(config)
    if history is None:
        return Case(standing, job, clock, Absence(clock), known=False), _Around(previous, following, coming)
    with history, history.steady():
        # A catch-up row stands behind the slots that it is for, and rows of other slots may lie between.
        runs = history.runs_around(standing.name, about, limit=20)
        daemons = history.daemons(about - timedelta(days=31), clock.now)
        dead = frozenset(dead_runners(config, daemons))
        jumps = history.jumps(about - timedelta(days=1))
        spent = history.spent_today(standing.name, clock.now, clock.name)
    if instant is None:
        runs = [run for run in runs if run.fire_time <= clock.now]
    live = [run for run in facts.runs if run.job == standing.name]
    absence = Absence(clock, daemons, dead, jumps)
    case = Case(standing, job, clock, absence, runs, live, facts.orphans, facts.daemon)
    return case, _Around(previous, following, coming, spent)


def _as_json(case: Case, verdict: Verdict, around: _Around) -> dict[str, Any]:
    run, job = verdict.run, case.job
    return {
        "job": case.standing.name,
        "verdict": verdict.kind,
        "sentence": verdict.sentence,
        "more": list(verdict.more),
        "when": out.iso(verdict.when),
        "slot": out.iso(verdict.slot),
        "zone": case.clock.name,
        "schedule": case.standing.schedule,
        "state": case.standing.state,
        "run": run
        and {
            "id": run.id,
            "state": run.state.value,
            "fire_time": out.iso(run.fire_time),
            "started_at": out.iso(run.started_at),
            "ended_at": out.iso(run.ended_at),
            "reason": run.reason,
            "reason_code": run.reason_code,
            "missed": run.missed,
            "last_missed": out.iso(run.last_missed),
        },
        "fields": [asdict(match) for match in _matches(case, verdict)],
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
        "previous_fire": out.iso(around.previous),
        "following_fire": out.iso(around.following),
        "next_fire": out.iso(around.coming),
    }


def _matches(case: Case, verdict: Verdict) -> Any:
    """The fields against the instant that was asked about, also where they match."""
    if verdict.matches or verdict.when is None or case.job is None:
        return verdict.matches
    trigger = case.job.trigger
    return field_matches(trigger, verdict.when) if isinstance(trigger, CronTrigger) else ()


def _lines(case: Case, verdict: Verdict, around: _Around) -> list[str]:
    clock, job = case.clock, case.job
    said = [text for text in verdict.more if text.endswith(".")]
    todo = [text for text in verdict.more if not text.endswith(".")]
    if around.coming is not None and case.standing.state == "active" and verdict.kind != "will_run":
        said.append(f"Next: {clock.short(around.coming)} ({clock.away(around.coming)}).")
    lines = fold(verdict.sentence) + (fold(" ".join(said)) if said else [])
    if job is None:
        return lines + todo
    from scheduler.core.crontab.explain import explain

    lines.append("")
    lines += _row("schedule", f"{job.trigger.describe()}: {explain(job.trigger, tz=job.tz)}")
    matches = _matches(case, verdict)
    if verdict.when is not None and matches:
        lines += _row("asked", clock(verdict.when))
        for match in matches:
            value = _WEEKDAYS[match.value] if match.name == "day of week" else f"{match.value:02}"
            verb = "allowed by" if match.matched else "NOT in"
            lines.append(f"  {match.name:13} {value:9}  {verb:10} {match.allowed}")
        if case.job and isinstance(job.trigger, CronTrigger):
            reading = job.trigger.cron.reading
            if reading.day_restricted and reading.weekday_restricted and job.fields == "or":
                lines.append("  one of the two day fields is enough")
    if around.previous is not None:
        lines += _row("previous", clock.both(around.previous) + _what_became(case, around.previous))
    if around.following is not None:
        idle = " (paused)" if case.standing.state == "paused" else ""
        lines += _row("next", clock.both(around.following) + idle)
    if job.made_by:
        lines += _row(
            "made by", f"run {job.made_by} of {root_of(job.name)}, until {clock.short(from_iso(job.ends_at))}"
        )
    lines += _row("policy", f"overlap={job.overlap} catchup={job.catchup} window={span(job.window_seconds)}")
    if around.spent is not None:
        microusd, tokens = around.spent
        spent = f"{usd(microusd)} of ${job.budget.day_usd:.2f}"
        if (cap := job.budget.day_tokens) is not None:
            spent += f" and {tokens:,} of {cap:,} tokens"
        lines += _row("budget", f"{spent} spent since {clock.short(day_start(clock.now, clock.name))}")
    return [*lines, "", *todo] if todo else lines


def _what_became(case: Case, slot: datetime) -> str:
    run = next((run for run in case.runs if run.fire_time == slot), None)
    if run is None:
        return ""
    return f": run {run.id}, {ended_as(run)}" + (f", {run.reason}" if run.reason else "")


def _row(label: str, text: str) -> list[str]:
    return fold(text, first=f"{label:{_LABEL}}", indent=" " * _LABEL)
