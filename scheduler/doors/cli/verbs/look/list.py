"""``agentcron list``: the daemon, what needs attention, the runs that are not over, and the jobs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import click

from scheduler.app.clock import wall
from scheduler.app.home import FileHome
from scheduler.config import Config
from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.job.standing import Standing
from scheduler.core.run import reasons
from scheduler.core.run.run import BLOCKED, RESTING, Run, State
from scheduler.doors.cli.text import out
from scheduler.doors.cli.text.halted import halted_text
from scheduler.doors.cli.text.wrap import WIDTH, cut, fold, pad
from scheduler.host.collecting import no_collecting
from scheduler.views.clock import Wall, span
from scheduler.views.forecast import with_skips
from scheduler.views.jobs import NOBODY, Facts, gather
from scheduler.views.overview import head_json, job_json, read_over, run_json

_MAX_ATTENTION = 20
_MAX_OVER = 50
_NAME_WIDTH = 19
_LAST_WIDTH = 13
_LEFT_WIDTH = WIDTH - len("  Mon 23 Nov 09:00  in 13d 13h  ") - _LAST_WIDTH - 2
_WORDS = {State.SUCCEEDED.value: "done"}


@click.command("list", short_help="Show jobs, and the runs that are not over.")
@click.option("--all", "every", is_flag=True, help=f"Also the newest {_MAX_OVER} runs that are over.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_command(config: Config, every: bool, as_json: bool) -> None:
    """Show jobs, and the runs that are not over.

    What needs a person is at the top.  Times are in the zone of this machine.

    Example:  agentcron list --json
    """
    with no_collecting():
        clock = wall()
        home = FileHome(config)
        facts = with_skips(home, gather(home, clock.now))
        over = read_over(home, _MAX_OVER) if every else []
        text = _json_text(facts, over) if as_json else "\n".join(text_lines(facts, clock, over))
    click.echo(text)
    for hint in facts.hints:
        out.hint(hint)


# -- JSON -----------------------------------------------------------------------------------------
def _json_text(facts: Facts, over: Sequence[Run]) -> str:
    """One job a line: the indenting encoder takes half a second for ten thousand of them."""
    jobs = ",\n    ".join(json.dumps(job_json(facts, standing)) for standing in facts.standings)
    runs = ",\n    ".join(json.dumps(run_json(facts, run)) for run in (*facts.runs, *over))
    head = "".join(f'\n  "{key}": {json.dumps(value)},' for key, value in head_json(facts).items())
    return "{" + head + f'\n  "jobs": [{_block(jobs)}],\n  "runs": [{_block(runs)}]\n' + "}"


def _block(lines: str) -> str:
    return f"\n    {lines}\n  " if lines else ""


# -- text -----------------------------------------------------------------------------------------
def text_lines(facts: Facts, clock: Wall, over: Sequence[Run] = ()) -> list[str]:
    """Return the list as lines of at most 80 cells."""
    lines = [daemon_line(facts, clock)]
    if facts.halt is not None:
        lines += fold(halted_text(facts.halt), indent="  ")
    attention = _attention(facts, clock)
    if attention:
        title = "needs attention"
        lines += ["", click.style(title, fg="red", bold=True) if out.has_colour() else title]
        lines += attention[:_MAX_ATTENTION]
        if len(attention) > _MAX_ATTENTION:
            lines.append(f"  and {len(attention) - _MAX_ATTENTION} more: agentcron list --json")
    if facts.runs:
        lines += ["", *_runs(facts.runs, facts, clock)]
    if over:
        lines += ["", "over", *_runs(over, facts, clock)]
    if facts.standings:
        lines += ["", *_jobs(facts, clock)]
        if facts.follow_ups:
            lines += ["", *_follow_up_lines(facts, clock)]
    else:
        lines += ["", "no jobs yet. Write some: agentcron edit"]
    return lines


def daemon_line(facts: Facts, clock: Wall) -> str:
    """Return the line that says whether a daemon runs."""
    daemon = facts.daemon
    if daemon is None:
        return NOBODY
    return f"daemon up since {clock.short(daemon.started_at)} (pid {daemon.pid})"


def _attention(facts: Facts, clock: Wall) -> list[str]:
    """Return what waits for a person, the most urgent first."""
    lines = [
        _point(facts, call.run_id, f"outcome of {call.name} is unknown ({call.effect}); it was not repeated")
        for call in facts.unknown
    ]
    lines += [
        _point(facts, run_id, f"its report was not sent: {facts.unsent[run_id]}")
        for run_id in facts.unsent.keys() & {run.id for run in facts.runs}
    ]
    for run in facts.runs:
        if run.state is State.PARKED:
            lines.append(_point(facts, run.id, f"parked: {run.reason}"))
        elif run.id in facts.orphans:
            lines.append(_point(facts, run.id, "its runner is dead; to resume it: agentcron up"))
        elif (
            run.state is State.SLEEPING and facts.daemon is None and run.wake_at and run.wake_at <= facts.now
        ):
            late = span((facts.now - run.wake_at).total_seconds())
            lines.append(_point(facts, run.id, f"should have woken {late} ago; no daemon is running"))
    for each in facts.follow_ups:
        if each.state == "pending":
            text = f"{each.name}: made by run {each.run_id}, waits: agentcron confirm {each.name}"
            lines.append(f"  {cut(text, WIDTH - 2)}")
    for standing in facts.standings:
        name = standing.name
        if standing.state == "invalid":
            lines.append(f"  {cut(f'{name}: invalid: {standing.problem}', WIDTH - 2)}")
        elif standing.state == "paused" and standing.failures:
            lines.append(f"  {cut(f'{name}: paused: {standing.paused_reason}', WIDTH - 2)}")
        elif facts.is_overdue(standing) and standing.next_fire is not None:
            late = span((facts.now - standing.next_fire).total_seconds())
            text = f"{name}: overdue by {late}; no daemon is running"
            if name in facts.skips:
                text = f"{name}: missed {late} ago, will be skipped: {facts.skips[name]}"
            lines.append(f"  {cut(text, WIDTH - 2)}")
        end = facts.ends.get(name)
        if end is not None and end.failed:
            text = f"{name}: run {end.id} failed {clock.away(end.ended_at)}: {end.reason}"
            lines.append(f"  {cut(text, WIDTH - 2)}")
        if end is not None and end.reason_code == ReasonCode.RESTORED and standing.schedule.startswith("@at"):
            text = f"{name}: skipped after a restore, will not fire again: agentcron why {name}"
            lines.append(f"  {cut(text, WIDTH - 2)}")
        if end is not None and end.id in facts.unsent:
            lines.append(_point(facts, end.id, f"its report was not sent: {facts.unsent[end.id]}"))
    return lines


def _point(facts: Facts, run_id: str, text: str) -> str:
    job = next((run.job for run in facts.runs if run.id == run_id), "")
    if not job:
        job = next((name for name, end in facts.ends.items() if end.id == run_id), "")
    return f"  {cut(f'{job}: run {run_id}: {text}', WIDTH - 2)}"


def _runs(runs: Sequence[Run], facts: Facts, clock: Wall) -> list[str]:
    lines = [f"{'RUN':8}  {'JOB':16}  {'STATE':9}  WHAT"]
    for run in runs:
        job = pad(cut(run.job, 16), 16)
        lines.append(
            f"{cut(run.id, 8):8}  {job}  {_state(run):9}  {cut(_what(run, facts, clock), 41)}".rstrip()
        )
    return lines


def _state(run: Run) -> str:
    return _WORDS.get(run.state.value, run.state.value)


def _what(run: Run, facts: Facts, clock: Wall) -> str:
    because = run.waiting_for or run.reason
    resting = run.state in RESTING - {State.PARKED}
    if resting and run.wake_at is not None and run.wake_at <= facts.now:
        return f"overdue since {clock.short(run.wake_at)}" + (f": {because}" if because else "")
    if run.state is State.SLEEPING and run.wake_at is not None:
        return f"{clock.away(run.wake_at)}, {clock.short(run.wake_at)}" + (f": {because}" if because else "")
    if reasons.of(run).is_question:
        return because
    if run.state in BLOCKED and run.wake_at is not None:
        return f"until {clock.short(run.wake_at)}: {because}"
    if run.state is State.RUNNING:
        since = (
            f"step {run.steps + 1}, {clock.away(run.started_at)}"
            if run.started_at
            else f"step {run.steps + 1}"
        )
        return "its runner is dead" if run.id in facts.orphans else since
    if run.state is State.QUEUED:
        later = run.not_before is not None and run.not_before > facts.now
        return (
            f"starts {clock.away(run.not_before)}"
            if later and run.not_before
            else f"fired {clock.away(run.fire_time)}"
        )
    ended = clock.away(run.ended_at) if run.ended_at else ""
    return ": ".join(part for part in (ended, run.reason or run.summary) if part)


def _jobs(facts: Facts, clock: Wall) -> list[str]:
    standings = facts.standings
    name_width = min(max(3, *(len(standing.name) for standing in standings)), _NAME_WIDTH)
    schedule_width = min(
        max(8, *(len(standing.schedule) for standing in standings)), _LEFT_WIDTH - name_width
    )
    lines = [f"{'JOB':{name_width}}  {'SCHEDULE':{schedule_width}}  {f'NEXT ({clock.name})':28.28}  LAST RUN"]
    seen: dict[datetime, str] = {}
    now_us = round(facts.now.timestamp() * 1e6)
    for standing in standings:
        due = standing.next_fire
        if standing.name in facts.skips:
            following = f"{'missed, will be skipped':28}"
        elif standing.state == "active" and due is not None:
            if due not in seen:
                seen[due] = f"{clock(due):16}  {clock.away(due):10}" if due > facts.now else f"{'overdue':28}"
            following = seen[due]
        else:
            following = f"{_standing_word(standing):28}"
        end = facts.ends.get(standing.name)
        last = "-" if end is None else _last(end.state, (now_us - end.ended_us) / 1e6)
        name = pad(cut(standing.name, name_width), name_width)
        schedule = pad(cut(standing.schedule or "-", schedule_width), schedule_width)
        lines.append(f"{name}  {schedule}  {following}  {last}")
    return lines


def _follow_up_lines(facts: Facts, clock: Wall) -> list[str]:
    width = min(max(9, *(len(each.name) for each in facts.follow_ups)), 32)
    lines = [f"{'FOLLOW-UP':{width}}  MADE BY"]
    for each in facts.follow_ups:
        text = f"run {each.run_id}, until {clock.short(each.expires_at)}, at most {each.fires_left} more"
        lines.append(f"{pad(cut(each.name, width), width)}  {cut(text, WIDTH - width - 2)}")
    return lines


def _standing_word(standing: Standing) -> str:
    if standing.state == "active":
        return "-" if standing.schedule in ("@manual", "@reboot") else "never"
    return standing.state


def _last(state: str, seconds: float) -> str:
    return cut(f"{_WORDS.get(state, state)} {span(seconds).partition(' ')[0]}", _LAST_WIDTH)
