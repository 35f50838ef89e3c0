"""The composition root: the only place that picks adapters and puts them together."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from scheduler.adapters.crontab_file import CrontabFile
from scheduler.adapters.daylog import FileDayLog
from scheduler.adapters.halt_file import HaltFile
from scheduler.adapters.presence import FilePresence
from scheduler.adapters.rehearsal import RehearsalModel, is_rehearsal
from scheduler.adapters.secrets import Hiding, SystemSecrets
from scheduler.adapters.sql.errors import BUSY_SECONDS
from scheduler.adapters.sql.history.history import SqlHistory
from scheduler.adapters.sql.read_connection import connect_to
from scheduler.adapters.sql.store import SqlStore
from scheduler.adapters.system import SystemClock, SystemEntropy, boot_id
from scheduler.adapters.trust_file import TrustFile
from scheduler.app.senders import find_sender
from scheduler.config import Config
from scheduler.core.job.job import Job
from scheduler.core.job.standing import LoadReport, RunnerInfo, StandingOrders
from scheduler.core.run.conversation import Usage
from scheduler.duties.logkeeper import keep_logged
from scheduler.duties.pruner import keep_pruned
from scheduler.engine.daemon.restored import take_note
from scheduler.engine.daemon.runner import Runner
from scheduler.engine.move_log import Witness
from scheduler.engine.services import Kit, Toolbox
from scheduler.engine.settings import Settings
from scheduler.errors import CannotWorkError, DayLogError, StoreError
from scheduler.ports.history import History
from scheduler.ports.model import Model
from scheduler.tools.registry import tools_for

log = logging.getLogger("agentcron")

KEY_VARIABLE = "ANTHROPIC_API_KEY"


class Models:
    """The models of this process, made when first asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Model] = {}

    def __call__(self, name: str) -> Model:
        """Return the model that answers to ``name``.

        Raises:
            CannotWorkError: there is no key for it.
            ConfigError: a rehearsal's script is wrong.
        """
        provider = "rehearsal" if is_rehearsal(name) else "anthropic"
        if provider not in self._made:
            self._made[provider] = self._make(name)
        return self._made[provider]

    def _make(self, name: str) -> Model:
        if is_rehearsal(name):
            return RehearsalModel()
        from scheduler.adapters.anthropic.model import AnthropicModel

        return AnthropicModel()

    async def close(self) -> None:
        """Close what was opened."""
        for model in self._made.values():
            await model.close()


def without_key(jobs: Iterable[Job]) -> list[str]:
    """Return the names of the enabled jobs that need a key of the API, when there is none."""
    if os.environ.get(KEY_VARIABLE):
        return []
    return [job.name for job in jobs if job.enabled and not is_rehearsal(job.model)]


def require_key(jobs: Iterable[Job]) -> None:
    """Refuse to begin work that would stop at its first request.

    Raises:
        CannotWorkError: there is no key, and jobs need one.
    """
    names = without_key(jobs)
    if names:
        need = "1 job needs" if len(names) == 1 else f"{len(names)} jobs need"
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise CannotWorkError(
            f"ANTHROPIC_API_KEY is not set; {need} it ({shown})",
            help="export ANTHROPIC_API_KEY=..., or try without a key: agentcron demo",
        )


def price_of(model: str, usage: Usage) -> int | None:
    """Return what so many tokens of a model cost in millionths of a dollar; None: nobody knows."""
    if is_rehearsal(model):
        return 0
    from scheduler.adapters.anthropic.prices import price_microusd

    return price_microusd(model, usage)


def job_tools(job: Job) -> Toolbox:
    """Return the tools of a job."""
    return tools_for(job.tools)


@dataclass(frozen=True, slots=True)
class App:
    """One process at work on one home; ``commits`` counts the transactions that it wrote."""

    config: Config
    kit: Kit
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
        known = await self.kit.store.runners()
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
        now = self.kit.clock.now()
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
            kit=self.kit,
            info=info,
            presence=self.presence,
            orders=CrontabFile(self.config) if with_crontab else None,
            only=only,
            on_load=on_load or (lambda *_: None),
            boot_id=self.kit.boot_id if kind == "daemon" else "",
            duties=(keep_pruned, keep_logged) if kind == "daemon" else (),
        )


@asynccontextmanager
async def open_app(
    config: Config,
    settings: Settings | None = None,
    *,
    busy_seconds: float = BUSY_SECONDS,
    witness: Witness | None = None,
) -> AsyncIterator[App]:
    """Open the database (creating or refusing it) and yield the parts, closed at the end.

    Args:
        busy_seconds: how long to wait for another process that holds the database.
        witness: who is told what happens here.

    Raises:
        CannotWorkError: the home cannot be made.
        StoreError: the database cannot be used.
    """
    config.make_home()
    store = SqlStore.open(config.database, new_id=SystemEntropy().new_id, busy_seconds=busy_seconds)
    models, secrets = Models(), SystemSecrets()
    hiding = Hiding(secrets)
    kit = Kit(
        store=store,
        clock=SystemClock(),
        model_for=models,
        tools_for=job_tools,
        profile_for=TrustFile(config),
        sender_for=find_sender,
        folder=str(config.crontab.parent),
        daylog=FileDayLog(config.log, connect_to(config.database)),
        settings=settings or Settings(),
        witness=witness or Witness(),
        boot_id=boot_id(),
        price=price_of,
        halted=HaltFile(config.halt).reason,
        secrets=secrets,
    )
    log.addFilter(hiding)
    try:
        await take_note(kit)
        yield App(config, kit, FilePresence(config.runners), store.commits)
    finally:
        try:
            await kit.daylog.sync()
        except (DayLogError, StoreError) as error:
            # What was done is on record in the database; whoever can write the log next copies it.
            log.warning("%s", error)
        log.removeFilter(hiding)
        await models.close()
        await store.close()
