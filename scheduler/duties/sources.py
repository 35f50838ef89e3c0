"""The keeper of sources: runs the installed sources of events for as long as the daemon works.

All of them run, wanted or not: what happens between the claim of a run and its wait must be on record, and a
source that needs to know where to look is told what is wanted.  # why #72
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from scheduler.core.job.job import Job
from scheduler.core.run.event import Event, Wanted
from scheduler.engine.intake import take
from scheduler.engine.services import Services
from scheduler.errors import BadRowError, RefusedError, StoreError, described
from scheduler.host.sources import note_failure
from scheduler.ports.secrets import Secrets
from scheduler.ports.source import Source, SourceContext

log = logging.getLogger("agentcron")

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0
"""How long a source that fails waits before it is run again: at first, and at last."""

STEADY_SECONDS = 60.0
"""A source that has run for so long, or has reported something, works: its next failure is another one."""

CLOSE_SECONDS = 2.0
"""How long a source may take to end."""

FindSources: TypeAlias = Callable[[], tuple[Mapping[str, Source], Sequence[str]]]
"""Gives the sources by their names, and why others cannot be loaded."""


async def keep_sources(
    services: Services,
    *,
    find: FindSources,
    folder: Path,
    moved: Callable[[], None],
    jobs: Callable[[], Mapping[str, Job]],
) -> None:
    """Run the sources until cancelled, each on its own: one that fails is run again after a pause.

    Args:
        folder: where each source gets a folder of its own.
        moved: called when an event has queued a run.
        jobs: gives the jobs as they are now, whose secrets are taken out of what is reported.
    """
    # In a thread: a plug-in may import for seconds, and leases are renewed meanwhile.
    sources, faults = await asyncio.to_thread(find)
    for fault in faults:
        log.error("%s; its events are not seen", fault, extra={"event": "source.failed"})
    learner = _Learner(services.secrets, jobs)
    async with asyncio.TaskGroup() as group:
        for name, source in sources.items():
            keeper = _Keeper(services, name, source, folder / name, learner.learn, moved)
            group.create_task(keeper.keep())


class _Learner:
    """Has the secrets of all jobs looked up, so that they are known before the first run that needs them."""

    def __init__(self, secrets: Secrets, jobs: Callable[[], Mapping[str, Job]]) -> None:
        self._secrets = secrets
        self._jobs = jobs
        self._seen: Mapping[str, Job] = {}

    async def learn(self) -> None:
        """Look up the secrets of jobs that are new or have changed; a load of the crontab gives new jobs."""
        jobs = self._jobs()
        if jobs is self._seen:
            return
        for name, job in jobs.items():
            before = self._seen.get(name)
            if job.secrets and (before is None or job.secrets != before.secrets):
                # In a thread: a keyring may take its time.
                await asyncio.to_thread(self._secrets.learn, job)
        self._seen = jobs


class _Keeper:
    """Runs one source."""

    def __init__(
        self,
        services: Services,
        name: str,
        source: Source,
        folder: Path,
        learn: Callable[[], Awaitable[None]],
        moved: Callable[[], None],
    ) -> None:
        self._services = services
        self._name = name
        self._source = source
        self._folder = folder
        self._learn = learn
        self._moved = moved
        self._kinds: tuple[str, ...] = ()
        self._has_worked = False
        self._problem = ""

    async def keep(self) -> None:
        """Run it until it returns."""
        clock = self._services.clock
        pause = FIRST_PAUSE_SECONDS
        self._note("")
        while True:
            self._has_worked = False
            error = await self._run()
            if error is None:
                log.info("the source %s has nothing to watch", self._name, extra={"event": "source.ended"})
                return
            if isinstance(error, StoreError) and not isinstance(error, BadRowError):
                # The runner says what is wrong with the database; that is no fault of the source.
                await clock.sleep(self._services.settings.poll_seconds * 4)
                continue
            if self._has_worked:
                pause = FIRST_PAUSE_SECONDS
            self._say(error)
            await clock.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _run(self) -> BaseException | None:
        """Run it once; return why it has ended, or None when it returned.

        It runs in a task of its own: a library that cancels the task in which it works ends the source alone,
        and one that refuses to end is left behind.
        """
        task = asyncio.create_task(_without_exit(self._watch()), name=f"source {self._name}")
        try:
            await asyncio.wait({task}, timeout=STEADY_SECONDS)
            if not task.done():
                self._works()
                await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task}, timeout=CLOSE_SECONDS)
            if not task.done():
                log.warning("the source %s has not ended within %g s", self._name, CLOSE_SECONDS)
            elif not task.cancelled() and (error := task.exception()) is not None:
                log.warning("the source %s ended with an error: %s", self._name, described(error))
            raise
        return asyncio.CancelledError("it was cancelled") if task.cancelled() else task.exception()

    async def _watch(self) -> None:
        self._kinds = tuple(each.name for each in self._source.declares())
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._source.watch(SourceContext(self._folder, self._emit, self._wanted))

    async def _emit(
        self, kind: str, *, key: str, subject: str = "", payload: str = "", expires: datetime | None = None
    ) -> bool:
        if kind not in self._kinds:
            raise RefusedError(f"the source {self._name} does not declare events of the kind {kind!r}")
        if not key:
            raise RefusedError(f"an event of the source {self._name} has no key")
        await self._learn()
        now = self._services.clock.now()
        label = f"untrusted:{self._name}"
        taken = await take(
            self._services, Event(kind, now, key, subject, payload, label, self._name, expires)
        )
        if taken.roused or taken.fired:
            self._moved()
        self._works()
        return taken.recorded

    async def _wanted(self) -> Sequence[Wanted]:
        return await self._services.store.wanted_events(self._kinds)

    def _works(self) -> None:
        """Take note that it works; the end of a failure is logged."""
        self._has_worked = True
        if self._problem:
            self._problem = ""
            self._note("")
            log.info("the source %s works again", self._name, extra={"event": "source.works"})

    def _say(self, error: BaseException) -> None:
        """Log a failure, and note it for the doctor, unless it is the same as before."""
        text = described(error)
        if text != self._problem:
            log.error(
                "the source %s failed: %s; it is run again",
                self._name,
                text,
                extra={"event": "source.failed"},
            )
            self._note(self._services.secrets.hidden(text))
        self._problem = text

    def _note(self, text: str) -> None:
        # A disk that takes no note is a trouble of its own, and told elsewhere.
        with suppress(OSError):
            note_failure(self._folder.parent, self._name, text, self._services.clock.now())


async def _without_exit(work: Coroutine[None, None, None]) -> None:
    """Do the work; an end of the process that it asks for is an error."""
    try:
        await work
    except SystemExit as error:
        raise RuntimeError(f"it would have ended the daemon: sys.exit({error.code!r})") from error
