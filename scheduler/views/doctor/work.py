"""Check the work: the crontab, keys, the daemon, runs, jobs and reports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from scheduler.core.run import reasons
from scheduler.core.run.run import Run, State
from scheduler.errors import CannotWorkError
from scheduler.views.clock import Wall, span
from scheduler.views.doctor.finding import Finding, Findings, counted, named
from scheduler.views.home import Home
from scheduler.views.jobs import Facts, gather

if TYPE_CHECKING:
    from scheduler.core.job.job import Job

_LATE = timedelta(minutes=2)
"""A live daemon fires and wakes within seconds; it does not handle what is overdue for this long."""

_RECENT = timedelta(days=3)


def check_work(home: Home, clock: Wall) -> Findings:
    """Whether a daemon does what is due, and what needs a person."""
    halt = home.halt()
    if halt is not None:
        since = f" since {clock.short(halt.since)}" if halt.since else ""
        yield Finding("problem", "halt", f"the home is halted{since}: {halt.reason}", "agentcron unhalt")
    if not home.has_database():
        return
    facts = gather(home, clock.now)
    with home.audit() as audit:
        late = set(audit.late_leases(clock.now - _LATE)) - facts.orphans
        unsent, stuck = audit.unsent(clock.now - _RECENT), audit.stuck()
        runners = audit.runners()
    yield from _runs(facts, late)
    yield from _daemon(facts, clock)
    dead = set(home.dead(runners))
    if gone := [str(info.pid) for info in runners if info.id in dead]:
        text = f"{counted(gone, 'runner')} ended without a clean stop: pid {named(gone)}"
        yield Finding("note", "runners", text)
    yield from _jobs(facts)
    if unsent:
        first = unsent[0]
        text = (
            f"{counted(unsent, 'report')} given up; the last, of {first.job or 'the daemon'}: {first.error}"
        )
        yield Finding("problem", "reports", text, "fix its report command: agentcron edit")
    elif stuck:
        first = stuck[0]
        text = f"{counted(stuck, 'report')} cannot be sent yet; of {first.job or 'the daemon'}: {first.error}"
        yield Finding("problem", "reports", text, "fix its report command: agentcron edit")


def _runs(facts: Facts, late: set[str]) -> Findings:
    if facts.orphans:
        shown = named(sorted(facts.orphans))
        fix = "agentcron up" if facts.daemon is None else "the daemon resumes them by itself"
        yield Finding("problem", "runs", f"{len(facts.orphans)} running with a dead runner: {shown}", fix)
    if late:
        text = f"the lease of {counted(late, 'run')} ran out and no daemon took over: {named(sorted(late))}"
        yield Finding("problem", "leases", text, "restart the daemon: agentcron up")
    if facts.unknown:
        ids = list(dict.fromkeys(call.run_id for call in facts.unknown))
        text = f"it is unknown whether a call happened, in {counted(ids, 'run')}: {named(ids)}"
        fix = f"agentcron show {ids[0]}, then: agentcron resume {ids[0]}"
        # An agent that continues was told and handles it; one that stopped was not.
        going = {run.id for run in facts.runs if run.state is not State.PARKED}
        yield Finding("warning" if set(ids) <= going else "problem", "unknown", text, fix)
    parked = [run for run in facts.runs if run.state is State.PARKED]
    if patient := [run for run in parked if reasons.of(run).is_daily]:
        yield Finding("note", "parked", f"until tomorrow, by their day's budget: {_ids(patient)}")
    if stuck := [run for run in parked if not reasons.of(run).is_daily]:
        text = f"{counted(stuck, 'run')} parked for a person: {_ids(stuck)}: {stuck[0].reason}"
        fix = f"agentcron show {stuck[0].id}, then: {reasons.of(stuck[0]).command(stuck[0])}"
        yield Finding("problem", "parked", text, fix)


def _daemon(facts: Facts, clock: Wall) -> Findings:
    overdue = {
        standing.name: standing.next_fire
        for standing in facts.standings
        if standing.state == "active" and standing.next_fire is not None and standing.next_fire <= facts.now
    }
    waiting = {run.id: run.wake_at for run in facts.runs if run.wake_at and run.wake_at <= facts.now}
    what = [f"{counted(overdue, 'job')} due ({named(overdue)})"] if overdue else []
    what += [f"{counted(waiting, 'run')} to be woken"] if waiting else []
    if facts.daemon is None:
        if what:
            yield Finding("problem", "daemon", f"no daemon is running; {', '.join(what)}", "agentcron up")
        else:
            yield Finding("note", "daemon", "no daemon is running; start: agentcron up")
        return
    pid = facts.daemon.pid
    yield Finding("ok", "daemon", f"up since {clock.short(facts.daemon.started_at)} (pid {pid})")
    late = facts.now - min([*overdue.values(), *waiting.values()], default=facts.now)
    if late > _LATE and facts.halt is None:
        text = f"the daemon (pid {pid}) hangs: {', '.join(what)} for {span(late.total_seconds())}"
        yield Finding("problem", "hang", text, f"kill -9 {pid}, then: agentcron up")


def _jobs(facts: Facts) -> Findings:
    failing = [standing for standing in facts.standings if "failure" in standing.paused_reason]
    if failing:
        first = failing[0]
        text = f"paused after {first.paused_reason}: {named(standing.name for standing in failing)}"
        fix = f"agentcron why {first.name}, then: agentcron unpause {first.name}"
        yield Finding("problem", "jobs", text, fix)
    known = {standing.name for standing in facts.standings}
    if left := sorted({run.job for run in facts.runs} - known):
        text = f"removed from the crontab, with runs that are not over: {named(left)}"
        yield Finding("note", "jobs", text)


def _ids(runs: Sequence[Run]) -> str:
    return named(f"{run.id} ({run.job})" for run in runs)


def check_crontab(home: Home, clock: Wall) -> Findings:
    """Whether the crontab can be read and its jobs can run."""
    config = home.config
    if not config.crontab.exists():
        yield Finding("problem", "crontab", f"no crontab at {config.crontab}", "agentcron init")
        return
    from scheduler.views.lint.linting import lint_crontab

    linted = lint_crontab(home, clock.now)
    if linted.errors:
        first = next(problem for problem in linted.problems if problem.severity == "error")
        more = f" and {linted.errors - 1} more" if linted.errors > 1 else ""
        text = f"line {first.line}: {first.headline}{more}"
        yield Finding("problem", "crontab", text, "agentcron check")
    else:
        warned = f", warnings: {linted.warnings} (agentcron check)" if linted.warnings else ""
        yield Finding("ok", "crontab", f"{counted(linted.table.jobs, 'job')}{warned}")
    for each in linted.unready:
        whose = f"{counted(each.jobs, 'job')} ({named(each.jobs)})"
        yield Finding("problem", "key", f"{each.problem.message}; needed by {whose}", each.problem.help)
    if linted.table.jobs and not linted.unready:
        yield Finding("ok", "key", "set, or not needed by any job")
    yield from _commands(home, linted.table.jobs)
    yield from _sandbox(linted.table.jobs)


def _sandbox(jobs: Sequence[Job]) -> Findings:
    """Whether a sandbox works here; without one the shell tool is off."""
    from scheduler.host.sandbox_proof import proven_program

    wanting = [job.name for job in jobs if job.tools and "shell" in job.tools]
    try:
        program = proven_program()
    except CannotWorkError as error:
        text = f"the shell tool is off: {error.message}"
        if wanting:
            text += f"; needed by {counted(wanting, 'job')} ({named(wanting)})"
        yield Finding("problem" if wanting else "note", "sandbox", text, error.help)
    else:
        yield Finding("ok", "sandbox", f"{program} passed its test; the shell tool works")


def _commands(home: Home, jobs: Sequence[Job]) -> Findings:
    """Gates are errors of the crontab; a report command is used only when a run has ended."""
    for job in jobs:
        if job.report and (wrong := home.command_problem(job.report)):
            yield Finding("problem", "report", f"{job.name}: {wrong}", "agentcron edit")
