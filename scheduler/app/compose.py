"""The composition root: the only place that selects and connects adapters."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, Protocol

from scheduler.adapters.halt_file import HaltFile
from scheduler.adapters.presence import FilePresence
from scheduler.adapters.secrets import Hiding, SystemSecrets
from scheduler.adapters.system import SystemClock, SystemEntropy, boot_id
from scheduler.adapters.trust_file import TrustFile
from scheduler.app.backends import backend_for
from scheduler.app.crontab import crontab_file
from scheduler.app.database import database_of
from scheduler.app.day_log import open_log
from scheduler.app.providers import Models
from scheduler.app.senders import find_sender
from scheduler.config import Config
from scheduler.core.job.job import Job
from scheduler.core.job.standing import LoadReport, RunnerInfo, StandingOrders
from scheduler.core.run.conversation import Usage
from scheduler.duties.logkeeper import keep_logged
from scheduler.duties.pruner import keep_pruned
from scheduler.duties.sources import keep_sources
from scheduler.engine.daemon.restored import take_note
from scheduler.engine.daemon.runner import Runner
from scheduler.engine.move_log import MoveLog
from scheduler.engine.services import Services
from scheduler.engine.settings import Settings
from scheduler.errors import DayLogError, StoreError
from scheduler.host.sources import installed_sources
from scheduler.ports.backend import Backend
from scheduler.ports.clock import Clock
from scheduler.ports.model import Model
from scheduler.ports.sender import Sender
from scheduler.ports.store.history import History
from scheduler.ports.store.store import Store
from scheduler.ports.tool import AnyTool
from scheduler.ports.toolset import FixedTools, ToolSource
from scheduler.tools.registry import INSTALLED
from scheduler.tools.sources import named_sources

log = logging.getLogger("agentcron")


class ModelSource(Protocol):
    """Where models come from, and what they cost."""

    def __call__(self, name: str) -> Model:
        """Return the model that answers to ``name``; raise CannotWorkError or ConfigError."""
        ...

    def price(self, name: str, usage: Usage) -> int | None:
        """Return what so many tokens cost in millionths of a dollar; None: the price is not known."""
        ...

    async def close(self) -> None:
        """Close what was opened."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a process is given in place of what this machine has, or in addition to it.

    Args:
        clock: the clock; None: that of this machine.
        models: None: those of the installed providers.
        tools: more tools for every job, by name.
        tool_sources: by name, tool sources that need not be installed.
        senders: by kind, senders that need not be installed.
        backends: by job, what takes its runs forward, whatever the job says.
        boot_id: names the time since the machine came up; None: as the machine says.
    """

    clock: Clock | None = None
    models: ModelSource | None = None
    tools: Mapping[str, AnyTool] = field(default_factory=dict)
    tool_sources: Mapping[str, ToolSource] = field(default_factory=dict)
    senders: Mapping[str, Sender] = field(default_factory=dict)
    backends: Mapping[str, Backend] = field(default_factory=dict)
    boot_id: str | None = None

    def sources_for(self, job: Job) -> Sequence[ToolSource]:
        """Return where the tools of a job come from.

        Raises:
            ConfigError: a tool source that it names is not installed, or has nothing for it.
        """
        more = (FixedTools(lambda _: self.tools),) if self.tools else ()
        return (INSTALLED, *named_sources(job, self.tool_sources), *more)

    def backend_for(self, job: Job) -> Backend:
        """Return what takes the runs of a job forward; raise ConfigError when it is not installed."""
        return self.backends.get(job.name) or backend_for(job)

    def sender_for(self, kind: str) -> Sender | None:
        """Return the sender of a kind, or None; raise ConfigError when it cannot be used."""
        return self.senders.get(kind) or find_sender(kind)


OF_THIS_MACHINE = Parts()


@dataclass(frozen=True, slots=True)
class App:
    """One process at work on one home."""

    config: Config
    store: Store
    services: Services
    presence: FilePresence

    def history(self) -> History:
        """Open the database to look at it.

        Raises:
            StoreError: it cannot be read.
        """
        return database_of(self.config).history()

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
        runner = Runner(
            services=self.services,
            info=info,
            presence=self.presence,
            orders=crontab_file(self.config) if with_crontab else None,
            only=only,
            on_load=on_load or (lambda *_: None),
            boot_id=self.services.boot_id if kind == "daemon" else "",
        )
        if kind == "daemon":
            sources = partial(
                keep_sources,
                find=installed_sources,
                folder=self.config.sources,
                moved=runner.look_again,
                jobs=lambda: runner.jobs,
            )
            runner.duties = (keep_pruned, keep_logged, sources)
        return runner


@asynccontextmanager
async def open_app(
    config: Config,
    settings: Settings | None = None,
    *,
    busy_seconds: float | None = None,
    move_log: MoveLog | None = None,
    parts: Parts = OF_THIS_MACHINE,
) -> AsyncIterator[App]:
    """Open the database (creating or refusing it) and yield the parts, closed at the end.

    Args:
        busy_seconds: how long to wait for another process that holds the database; None: as long as is usual.
        move_log: is told of every move in this process.
        parts: what is not taken from this machine; a world of the tests gives a clock and a model.

    Raises:
        CannotWorkError: the home cannot be made.
        StoreError: the database cannot be used.
        ConfigError: a plug-in that stores changes cannot be used.
    """
    config.make_home()
    store = database_of(config).open_store(SystemEntropy().new_id, busy_seconds=busy_seconds)
    models, secrets = parts.models or Models(), SystemSecrets()
    hiding = Hiding(secrets)
    services = Services(
        store=store,
        clock=parts.clock or SystemClock(),
        model_for=models,
        sources_for=parts.sources_for,
        backend_for=parts.backend_for,
        profile_for=TrustFile(config),
        sender_for=parts.sender_for,
        folder=str(config.crontab.parent),
        daylog=open_log(config),
        settings=settings or Settings(),
        move_log=move_log or MoveLog(),
        boot_id=boot_id() if parts.boot_id is None else parts.boot_id,
        price=models.price,
        halted=HaltFile(config.halt).reason,
        secrets=secrets,
    )
    log.addFilter(hiding)
    try:
        await take_note(services)
        yield App(config, store, services, FilePresence(config.runners))
    finally:
        try:
            await services.daylog.sync()
        except (DayLogError, StoreError) as error:
            # What was done is on record in the database; the next process that can write the log copies it.
            log.warning("%s", error)
        log.removeFilter(hiding)
        await models.close()
        await store.close()
