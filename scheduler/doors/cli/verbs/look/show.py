"""``agentcron show``: one run with its messages, calls and cost."""

from __future__ import annotations

import click

from scheduler.app.clock import wall
from scheduler.app.home import FileHome
from scheduler.config import Config
from scheduler.core.run import reasons
from scheduler.core.run.budget import ASSUMED_USD_PER_MILLION_TOKENS
from scheduler.core.run.cause import EVENT, PERSON, REBOOT, SCHEDULE
from scheduler.core.run.conversation import CallState
from scheduler.core.run.reasons import START_AFRESH
from scheduler.core.run.run import Run, State
from scheduler.core.run.turn import usd
from scheduler.core.trust.marks import Marks
from scheduler.doors.cli.text import out
from scheduler.doors.cli.text.chat import DOUBT, chat_lines
from scheduler.doors.cli.text.params import RUN
from scheduler.doors.cli.text.wrap import fold
from scheduler.views.clock import Wall, span
from scheduler.views.jobs import NOBODY
from scheduler.views.story import Story, doubtful, read_story, story_json, usage_of


@click.command("show", short_help="Show a run: messages, tool calls and cost.")
@click.argument("run", type=RUN)
@click.option("--full", is_flag=True, help="Shorten nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def show_command(config: Config, run: str, full: bool, as_json: bool) -> None:
    """Show a run: its messages, tool calls and cost.

    RUN is its id or a unique prefix of it.

    Example:  agentcron show k7q2
    """
    clock = wall()
    story = read_story(FileHome(config), run, clock.now)
    if as_json:
        out.print_json(story_json(story))
        return
    lines = [
        *_head(story, clock),
        *chat_lines(story, clock, full=full),
        *_foot(story, clock, nobody=story.without_daemon),
    ]
    click.echo("\n".join(lines))


_HOW = {SCHEDULE: "by schedule", PERSON: "by hand", REBOOT: "after a boot", EVENT: "by an event"}


def _head(story: Story, clock: Wall) -> list[str]:
    run = story.run
    state = "running, but its runner is dead" if story.orphan else run.state.value
    lines = fold(
        f"run {run.id} of {run.job}: {state}" + (f", {run.reason}" if run.reason else ""), indent="  "
    )
    how = _HOW.get(run.cause.kind, f"by {run.cause.kind}")
    lines.append(f"  fired {how} for {clock(run.fire_time)} ({clock.name})")
    if run.missed:
        last = f", the last one {clock(run.last_missed)}" if run.last_missed else ""
        lines.append(f"  also covers {run.missed} missed fires{last}")
    if run.started_at is not None:
        ended = f", ended {clock(run.ended_at)}" if run.ended_at and run.is_final else ""
        lines.append(f"  started {clock(run.started_at)}{ended}; {_attempts(story)}")
    elif run.not_before is not None and not run.is_final:
        lines.append(f"  starts {clock.both(run.not_before)}")
    return lines


def _attempts(story: Story) -> str:
    sleeps = sum(attempt.ended_as == "suspend" for attempt in story.attempts)
    worked = sum(
        (attempt.released_at - attempt.claimed_at).total_seconds()
        for attempt in story.attempts
        if attempt.released_at is not None
    )
    parts = [f"worked {span(worked)}", _counted(story.run.steps, "step")]
    if sleeps:
        parts.append(_counted(sleeps, "sleep"))
    if story.run.attempts > 1:
        parts.append(_counted(story.run.attempts, "attempt"))
    return ", ".join(parts)


def _foot(story: Story, clock: Wall, *, nobody: bool) -> list[str]:
    run, lines = story.run, [""]
    if run.summary:
        lines += fold(f"{'failed' if run.outcome == 'failed' else 'summary'}: {run.summary}", indent="  ")
    for call in doubtful(story):
        if call.state is CallState.UNKNOWN:
            text = f"unknown: whether {call.name} ({call.effect}) happened; it was not repeated"
        else:
            text = f"open call: {call.name} ({call.effect}); {DOUBT[call.effect]}"
        lines += fold(text, indent="  ")
    if run.marks:
        lines += fold(_marks(run.marks), indent="  ")
    lines += fold(_spent(story), indent="  ")
    for line in _next(run, story, clock, nobody=nobody):
        lines += fold(line, indent="  ")
    return lines


def _marks(marks: Marks) -> str:
    """Return the marks of the rule of two: untrusted input, private data, effects outside."""
    words = {"untrusted": "untrusted input", "private": "private data", "external": "effects outside"}
    parts = [f"{words.get(kind, kind)} ({', '.join(marks.sources(kind))})" for kind in sorted(marks.kinds)]
    return f"marks: {'; '.join(parts)}"


def _spent(story: Story) -> str:
    run, usage = story.run, usage_of(story.requests)
    tokens_in = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    text = f"spent {usd(run.cost_microusd)}: {_counted(len(story.requests), 'request')}"
    text += f", {tokens_in:,} tokens in"
    if usage.cache_read_tokens:
        text += f" ({usage.cache_read_tokens:,} from the cache)"
    text += f", {usage.output_tokens:,} out"
    if lost := sum(request.tokens for request in story.requests if request.state == "lost"):
        text += f", and at most {lost:,} of lost requests"
    if assumed := sorted({request.model for request in story.requests if request.cost_assumed}):
        text += (
            f"; the price of {' and '.join(assumed)} is unknown, "
            f"${ASSUMED_USD_PER_MILLION_TOKENS} per million tokens is assumed"
        )
    if run.unknown_cost_requests:
        text += f"; {_counted(run.unknown_cost_requests, 'request')} of unknown cost"
    return text


def _next(run: Run, story: Story, clock: Wall, *, nobody: bool) -> list[str]:
    """Return what happens next by itself, then the command to type."""
    reason, resume = reasons.of(run), f"agentcron resume {run.id}"
    what = run.waiting_for or "what it waits for"
    wakes = clock.both(run.wake_at) if run.wake_at else f"when this happens, or when it is resumed: {what}"
    waits = [NOBODY] if nobody else []
    match run.state:
        case State.SLEEPING | State.RETRYING:
            verb = "wakes" if run.state is State.SLEEPING else "tries again"
            return [f"{verb} {wakes}", *waits, f"sooner: {resume}"]
        case State.PARKED if reason.way is START_AFRESH:
            return [f"it cannot continue; start a new run: {reason.command(run)}"]
        case State.PARKED if reason.is_question:
            return [f"see its question and answer it: {reason.command(run)}"]
        case State.PARKED:
            return [*([f"by itself: {wakes}"] if run.wake_at else []), f"continue: {reason.command(run)}"]
        case State.QUEUED:
            return waits or ["it starts next", f"cancel: agentcron cancel {run.id}"]
        case State.RUNNING if story.orphan:
            return [f"{'a' if nobody else 'the'} daemon resumes it" + (": agentcron up" if nobody else "")]
        case State.RUNNING:
            return [f"cancel: agentcron cancel {run.id}"]
        case State.FAILED | State.CANCELLED:
            return [f"continue from the last step: {resume}"]
        case State.SKIPPED:
            return [f"why: agentcron why {run.job}"]
        case _:
            return [f"run it again: agentcron run {run.job}"]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
