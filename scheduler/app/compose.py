"""The composition root: the only place that picks adapters and puts them together."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from scheduler.adapters.crontab_file import CrontabFile
from scheduler.adapters.daylog import FileDayLog
from scheduler.adapters.halt_file import HaltFile
from scheduler.adapters.presence import FilePresence
from scheduler.adapters.secrets import Hiding, SystemSecrets
from scheduler.adapters.sql.errors import BUSY_SECONDS
from scheduler.adapters.sql.history.history import SqlHistory
from scheduler.adapters.sql.read_connection import connect_to
from scheduler.adapters.sql.store import SqlStore
from scheduler.adapters.system import SystemClock, SystemEntropy, boot_id
from scheduler.adapters.trust_file import TrustFile
from scheduler.app.backends import backend_for
from scheduler.app.providers import Models, find_provider
from scheduler.app.senders import find_sender
from scheduler.config import Config
from scheduler.core.job.job import Job
from scheduler.core.job.standing import LoadReport, RunnerInfo, StandingOrders
from scheduler.duties.logkeeper import keep_logged
from scheduler.duties.preloader import Preloader
from scheduler.duties.pruner import keep_pruned
from scheduler.engine.daemon.restored import take_note
from scheduler.engine.daemon.runner import Runner
from scheduler.engine.move_log import MoveLog
from scheduler.engine.services import Services
from scheduler.engine.settings import Settings
from scheduler.errors import DayLogError, StoreError
from scheduler.ports.history import History
from scheduler.ports.toolset import ToolSource
from scheduler.tools.registry import INSTALLED
from scheduler.tools.sources import NOTHING, named_sources

log = logging.getLogger("agentcron")


def sources_for(job: Job, known: Mapping[str, ToolSource] = NOTHING) -> Sequence[ToolSource]:
    """Return where the tools of a job come from.

    Args:
        known: by name, tool sources that need not be installed.

    Raises:
        ConfigError: a tool source that it names is not installed, or has nothing for it.
    """
    return (INSTALLED, *named_sources(job, known))


@dataclass(frozen=True, slots=True)
class App:
    """One process at work on one home; ``commits`` counts the transactions that it wrote."""

    config: Config
    services: Services
    presence: FilePresence
    commits: Callable[[], int]

    def history(self) -> History:
        """Open the database to look at it.

        Raises:
            StoreError: it cannot be read.
        """
        return SqlHistory.open(self.config.database)

    async def has_daemon(self) -> bool:
        """Whether a daemon lives that would take up what is queued."""
        known = await self.services.store.runners()
        dead = self.presence.dead(known)
        return any(info.kind == "daemon" and info.id not in dead for info in known)

    def runner(
        self,
        kind: Literal["daemon", "tick", "wait"],
        *,
        with_crontab: bool = True,
        only: list[str] | None = None,
        on_load: Callable[[StandingOrders, LoadReport], None] | None = None,
    ) -> Runner:
        """Return a runner whose presence is known from now on; ``release`` ends that."""
        preloader = Preloader(find_provider)

        def loaded(orders: StandingOrders, report: LoadReport) -> None:
            preloader.loaded(orders.jobs)
            if on_load is not None:
                on_load(orders, report)

        name = SystemEntropy().new_id()
        now = self.services.clock.now()
        info = RunnerInfo(
            id=name,
            kind=kind,
            host=self.presence.host,
            pid=os.getpid(),
            started_at=now,
            seen_at=now,
            crontab=str(self.config.crontab),
            lock_path=self.presence.hold(name),
        )
        return Runner(
            services=self.services,
            info=info,
            presence=self.presence,
            orders=CrontabFile(self.config) if with_crontab else None,
            only=only,
            on_load=loaded,
            boot_id=self.services.boot_id if kind == "daemon" else "",
            duties=(keep_pruned, keep_logged, preloader.keep_preloaded) if kind == "daemon" else (),
        )


@asynccontextmanager
async def open_app(
    config: Config,
    settings: Settings | None = None,
    *,
    busy_seconds: float = BUSY_SECONDS,
    move_log: MoveLog | None = None,
) -> AsyncIterator[App]:
    """Open the database (creating or refusing it) and yield the parts, closed at the end.

    Args:
        busy_seconds: how long to wait for another process that holds the database.
        move_log: who is told what happens here.

    Raises:
        CannotWorkError: the home cannot be made.
        StoreError: the database cannot be used.
    """
    config.make_home()
    store = SqlStore.open(config.database, new_id=SystemEntropy().new_id, busy_seconds=busy_seconds)
    models, secrets = Models(), SystemSecrets()
    hiding = Hiding(secrets)
    services = Services(
        store=store,
        clock=SystemClock(),
        model_for=models,
        sources_for=sources_for,
        backend_for=backend_for,
        profile_for=TrustFile(config),
        sender_for=find_sender,
        folder=str(config.crontab.parent),
        daylog=FileDayLog(config.log, connect_to(config.database)),
        settings=settings or Settings(),
        move_log=move_log or MoveLog(),
        boot_id=boot_id(),
        price=models.price,
        halted=HaltFile(config.halt).reason,
        secrets=secrets,
    )
    log.addFilter(hiding)
    try:
        await take_note(services)
        yield App(config, services, FilePresence(config.runners), store.commits)
    finally:
        try:
            await services.daylog.sync()
        except (DayLogError, StoreError) as error:
            # What was done is on record in the database; whoever can write the log next copies it.
            log.warning("%s", error)
        log.removeFilter(hiding)
        await models.close()
        await store.close()
