"""Facts of the database and the crontab as plain values, for list, next, why and doctor.

The database is read as it is.  If there is none, or the crontab has changed since it was loaded, the crontab
is parsed, and ``hints`` say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from scheduler.core.changes.follow_up import is_follow_up, root_of
from scheduler.core.job.standing import RunnerInfo, Standing, StandingOrders
from scheduler.core.run.run import Run, State
from scheduler.core.time.instants import from_iso
from scheduler.errors import AgentcronError, NotFoundError, StoreError

if TYPE_CHECKING:
    from scheduler.core.changes.follow_up import FollowUp
    from scheduler.core.job.job import Job
    from scheduler.ports.halt import Halt
    from scheduler.ports.store.history import History, LastEnd, UnknownCall
    from scheduler.views.home import Home

NOBODY = "no daemon is running; due jobs wait. Start: agentcron up"

# A daemon on another host has no lock here; it counts as alive while its heartbeat is recent.
_SILENT_FOR = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Facts:
    """The state of a home at one moment.

    Args:
        standings: the jobs, by name; from the crontab if it has changed since it was loaded.
        runs: those that are not final.
        unsent: runs whose report was given up, each with the error.
        daemon: the live daemon that started last.
        orphans: ids of runs that are recorded as running and whose runner is dead.
        halt: why nothing starts, when the home is halted.
        follow_ups: the follow-ups that are not over.
        orders: the crontab, when it had to be parsed.
        skips: overdue jobs of which no slot will run, each with the reason.
        hints: remarks for a person, besides the answer.
    """

    now: datetime
    standings: Sequence[Standing]
    runs: Sequence[Run] = ()
    ends: dict[str, LastEnd] = field(default_factory=dict)
    unknown: Sequence[UnknownCall] = ()
    unsent: dict[str, str] = field(default_factory=dict)
    daemon: RunnerInfo | None = None
    orphans: frozenset[str] = frozenset()
    orders: StandingOrders | None = None
    from_database: bool = False
    halt: Halt | None = None
    follow_ups: Sequence[FollowUp] = ()
    skips: dict[str, str] = field(default_factory=dict)
    hints: tuple[str, ...] = ()

    def is_overdue(self, standing: Standing) -> bool:
        """Whether a job's slot has come while no daemon is there to fire it."""
        due = standing.next_fire
        return due is not None and due <= self.now and standing.state == "active" and self.daemon is None


def gather(home: Home, now: datetime) -> Facts:
    """Read the database, the crontab where it is newer, and whether the home is halted.

    Raises:
        StoreError: the database is there and cannot be read.
        NotFoundError, CannotWorkError, ConfigError: there is no database, and the crontab cannot be read.
    """
    facts, halt = _gather(home, now), home.halt()
    return facts if halt is None else replace(facts, halt=halt)


def _gather(home: Home, now: datetime) -> Facts:
    history = home.history()
    if history is None:
        orders = home.read_orders(now)
        return Facts(now, standings_of(orders, now), orders=orders, hints=(_NO_DATABASE,))
    with history, history.steady():
        ends, meta = history.last_ends(), history.meta()
        standings, runs = history.standings(), history.live_runs()
        unknown = history.unknown_calls([end.id for end in ends.values() if end.failed])
        unsent = history.unsent()
        daemon, orphans = _processes(home, history, runs, now)
        follow_ups = (
            history.follow_ups() if any(is_follow_up(standing.name) for standing in standings) else ()
        )
    facts = Facts(
        now,
        standings,
        runs,
        ends,
        unknown,
        unsent,
        daemon,
        orphans,
        from_database=True,
        follow_ups=follow_ups,
    )
    facts = _with_crontab(facts, home, meta)
    facts = replace(facts, hints=(*facts.hints, *_zone_change(meta, now)))
    if "copy" in meta:
        facts = replace(facts, hints=(*facts.hints, _COPY))
    return facts


_SHOW_ZONE_CHANGE = timedelta(days=7)


def _zone_change(meta: dict[str, str], now: datetime) -> Iterator[str]:
    """Yield a remark if the machine's zone has changed within the last days."""
    if change := meta.get("zone_change"):
        before, zone, at = change.split()
        if now - from_iso(at) < _SHOW_ZONE_CHANGE:
            yield f"the machine's zone changed from {before} to {zone} at {at}; jobs without tz= follow it"


_COPY = "this database is a restored backup; the next start records the restore: agentcron up"
_NO_DATABASE = "nothing has run yet: there is no database; these are the jobs of the crontab"


def standings_of(orders: StandingOrders, now: datetime) -> list[Standing]:
    """Return the standings of a crontab's jobs as if it were loaded now."""
    from scheduler.core.job.firing import first_fire

    found = [
        Standing(
            job.name,
            job.trigger.describe(),
            job.tz,
            "active" if job.enabled else "paused",
            now,
            first_fire(job.trigger, now) if job.enabled else None,
            paused_reason="" if job.enabled else "enabled=no in the crontab",
        )
        for job in orders.jobs
    ]
    found += [Standing(bad.name, "", "UTC", "invalid", now, problem=bad.problem) for bad in orders.broken]
    return sorted(found, key=lambda standing: standing.name)


def live_daemon(runners: Iterable[RunnerInfo], dead: Iterable[str], now: datetime) -> RunnerInfo | None:
    """Return the live daemon that started last, as far as this host can tell."""
    fallen = set(dead)
    living = [
        info
        for info in runners
        if info.kind == "daemon" and info.id not in fallen and _is_heard_of(info, now)
    ]
    return max(living, key=lambda info: info.started_at, default=None)


def living_runners(home: Home, now: datetime) -> list[str]:
    """Return who works on this home: runners that hold a lock here, or have a recent heartbeat elsewhere."""
    known: list[RunnerInfo] = []
    live = home.live_runners()
    try:
        history = home.history()
        if history is not None:
            with history:
                known = history.runners()
    except StoreError:
        pass  # a damaged database is a reason to restore one, and the locks are enough on this host
    pids = {info.id: f"pid {info.pid}" for info in known}
    far = [
        f"pid {info.pid} on {info.host}"
        for info in known
        if not _is_here(info.host) and now - info.seen_at < _SILENT_FOR
    ]
    return sorted(pids.get(runner, f"runner {runner}") for runner in live) + far


def _is_heard_of(info: RunnerInfo, now: datetime) -> bool:
    if info.lock_path and _is_here(info.host):
        return True
    return now - info.seen_at < _SILENT_FOR


def _is_here(host: str) -> bool:
    import socket

    return host == socket.gethostname()


def _processes(
    home: Home, history: History, runs: Sequence[Run], now: datetime
) -> tuple[RunnerInfo | None, frozenset[str]]:
    runners = history.runners()
    dead = home.dead(runners)
    daemon = live_daemon(runners, dead, now)
    if not any(run.state is State.RUNNING for run in runs):
        return daemon, frozenset()
    living = {info.id for info in runners} - set(dead)
    return daemon, frozenset(run for run, runner in history.runners_of().items() if runner not in living)


def _with_crontab(facts: Facts, home: Home, meta: dict[str, str]) -> Facts:
    """Return the facts with the jobs of the crontab, where it has changed since it was loaded."""
    loaded = meta.get("digest", "")
    try:
        if loaded and home.crontab_digest() == loaded:
            return facts
        orders = home.read_orders(facts.now)
    except AgentcronError as error:
        return replace(facts, hints=(f"{error.message}; this shows the version loaded last",))
    if loaded == orders.digest:
        return facts
    known = {standing.name: standing for standing in facts.standings}
    standings = [_merged(new, known.get(new.name)) for new in standings_of(orders, facts.now)]
    if not loaded:
        hint = "the crontab was not loaded yet; this shows its jobs as they are in the file"
    else:
        who = "the daemon loads it within seconds" if facts.daemon else "load it: agentcron up"
        hint = f"the crontab has changed since it was loaded; this shows the file ({who})"
    # Follow-ups are not in the crontab: they exist as long as their job does.
    jobs = {standing.name for standing in standings}
    standings += [old for name, old in known.items() if is_follow_up(name) and root_of(name) in jobs]
    gone = sorted(known.keys() - {standing.name for standing in standings})
    if gone:
        hint += f"; no longer in it: {', '.join(gone[:5])}" + (", ..." if len(gone) > 5 else "")
    standings.sort(key=lambda standing: standing.name)
    return replace(facts, standings=standings, orders=orders, hints=(hint,))


def _merged(new: Standing, old: Standing | None) -> Standing:
    """Keep what the database has about an unchanged job: its slot, its pause, its failures."""
    if old is None or new.state == "invalid" or old.state == "invalid":
        return new
    if (old.schedule, old.zone) == (new.schedule, new.zone) and new.state == "active":
        return old
    return replace(new, failures=old.failures, state=old.state if old.state == "paused" else new.state)


@contextmanager
def job_reader(home: Home, facts: Facts) -> Iterator[Callable[[str], Job | None]]:
    """Return a function that finds a valid job by name, in the crontab or else in the database."""
    if facts.orders is not None:
        given = {job.name: job for job in facts.orders.jobs}
        if any(is_follow_up(standing.name) for standing in facts.standings) and (history := home.history()):
            with history:
                made = {s.name: history.job(s.name) for s in facts.standings if is_follow_up(s.name)}
            given |= {name: job for name, job in made.items() if job is not None}
        yield given.get
        return
    history = home.history()
    assert history is not None, "without a database the crontab was parsed"
    with history:
        yield history.job


def find_standing(facts: Facts, name: str) -> Standing:
    """Return a job by its name.

    Raises:
        NotFoundError: there is none.
    """
    for standing in facts.standings:
        if standing.name == name:
            return standing
    from scheduler.core.text.suggest import did_you_mean

    near = did_you_mean(name, [standing.name for standing in facts.standings])
    count = len(facts.standings)
    shown = f"`agentcron list` shows {'all ' if count > 1 else ''}{count}" if count else "there are no jobs"
    raise NotFoundError(f'no job named "{name}"', help=f"{near} {shown}".strip())
