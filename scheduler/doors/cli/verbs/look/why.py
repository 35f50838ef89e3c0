"""``agentcron why``: why a job did or did not run, in the past, now and in the future."""

from __future__ import annotations

from datetime import datetime

import click

from scheduler.app.clock import wall
from scheduler.app.home import FileHome
from scheduler.config import Config
from scheduler.core.changes.follow_up import root_of
from scheduler.core.run.budget import day_start
from scheduler.core.run.turn import usd
from scheduler.core.time.instants import from_iso
from scheduler.core.time.trigger import CronTrigger
from scheduler.doors.cli.text import out
from scheduler.doors.cli.text.halted import halted_text
from scheduler.doors.cli.text.params import JOB
from scheduler.doors.cli.text.wrap import fold
from scheduler.views.case import Around, matches_of, read_case, verdict_json
from scheduler.views.clock import span
from scheduler.views.jobs import find_standing, gather, job_reader
from scheduler.views.verdict import Case, Verdict, ended_as, judge

_LABEL = 11
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


@click.command("why", short_help="Explain why a job did or did not run.")
@click.argument("job", type=JOB)
@click.argument("when", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def why_command(config: Config, job: str, when: str | None, as_json: bool) -> None:
    """Explain why JOB did or did not run at WHEN, or whether it will.

    WHEN is an ISO instant, "yesterday 09:00", "sat 09:00", 09:00 or now, in the job's zone.  The default is
    the last slot, or the present state of the job.

    Example:  agentcron why digest "yesterday 09:00"
    """
    home = FileHome(config)
    facts = gather(home, wall().now)
    standing = find_standing(facts, job)
    with job_reader(home, facts) as job_of:
        line = job_of(job) if standing.state != "invalid" else None
    clock = wall(line.tz if line is not None else None)
    instant = clock.read(when) if when is not None else None
    case, surroundings = read_case(home, facts, standing, line, clock, instant)
    verdict = judge(case, instant)
    if as_json:
        out.print_json(verdict_json(case, verdict, surroundings))
    else:
        click.echo("\n".join(_lines(case, verdict, surroundings)))
    if facts.halt is not None:
        out.hint(halted_text(facts.halt))
    for text in facts.hints:
        out.hint(text)


def _lines(case: Case, verdict: Verdict, around: Around) -> list[str]:
    clock, job = case.clock, case.job
    said = [text for text in verdict.more if text.endswith(".")]
    todo = [text for text in verdict.more if not text.endswith(".")]
    if around.coming is not None and case.standing.state == "active" and verdict.kind != "will_run":
        said.append(f"Next: {clock.short(around.coming)} ({clock.away(around.coming)}).")
    lines = fold(verdict.sentence) + (fold(" ".join(said)) if said else [])
    if job is None:
        return lines + todo
    lines.append("")
    lines += _row("schedule", f"{job.trigger.describe()}: {job.trigger.explain(job.tz)}")
    matches = matches_of(case, verdict)
    if verdict.when is not None and matches:
        lines += _row("asked", clock(verdict.when))
        for match in matches:
            value = _WEEKDAYS[match.value] if match.name == "day of week" else f"{match.value:02}"
            verb = "allowed by" if match.matched else "NOT in"
            lines.append(f"  {match.name:13} {value:9}  {verb:10} {match.allowed}")
        if case.job and isinstance(job.trigger, CronTrigger):
            reading = job.trigger.cron.reading
            if reading.day_restricted and reading.weekday_restricted and job.fields == "or":
                lines.append("  one matching day field is enough")
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
