"""The services of the engine, passed in by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scheduler.core.job.job import Job
from scheduler.core.run.conversation import Usage
from scheduler.core.trust.policy import Profile
from scheduler.engine.move_log import MoveLog
from scheduler.engine.settings import Settings
from scheduler.ports.backend import Backend
from scheduler.ports.clock import Clock
from scheduler.ports.daylog import DayLog
from scheduler.ports.model import Model
from scheduler.ports.secrets import NoSecrets, Secrets
from scheduler.ports.sender import Sender
from scheduler.ports.store.store import Store
from scheduler.ports.toolset import ToolSource


@dataclass(frozen=True, slots=True)
class Services:
    """The adapters of one process.

    Args:
        model_for: returns the model of a name; may raise CannotWorkError (no key).
        sources_for: returns the tool sources of a job, in a stable order; may raise ConfigError.
        backend_for: returns the backend of a job; may raise ConfigError.
        profile_for: returns the profile of a job, before each effect; may raise ConfigError.
        sender_for: returns the sender of a kind of notices, or None; may raise ConfigError.
        folder: the crontab's, absolute: where gates run.
        daylog: records must be synced to it before anything acts.
        move_log: logs every move, and notifies the observers.
        price: returns the cost of tokens of a model in millionths of a dollar, or None if it is unknown.
        halted: returns why nothing may start now, or None; called right before every effect and every
            request.
        secrets: gives them to tools, and removes them from all text that is stored or shown.
        boot_id: identifies the boot of the machine, if the platform has such an id.
    """

    store: Store
    clock: Clock
    model_for: Callable[[str], Model]
    sources_for: Callable[[Job], Sequence[ToolSource]]
    backend_for: Callable[[Job], Backend]
    profile_for: Callable[[Job], Profile]
    sender_for: Callable[[str], Sender | None]
    folder: str
    daylog: DayLog
    settings: Settings = field(default_factory=Settings)
    move_log: MoveLog = field(default_factory=MoveLog)
    boot_id: str = ""
    price: Callable[[str, Usage], int | None] = lambda _, __: None
    halted: Callable[[], str | None] = lambda: None
    secrets: Secrets = field(default_factory=NoSecrets)
