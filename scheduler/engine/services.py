"""What the engine works with, handed over by the composition root."""

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
        model_for: the model that answers to a name; may raise CannotWorkError (no key).
        sources_for: where the tools of a job come from, in a stable order; may raise ConfigError.
        backend_for: what takes the runs of a job forward; may raise ConfigError.
        profile_for: what a job may do, asked before each effect; may raise ConfigError.
        sender_for: who sends notices of a kind, or None; may raise ConfigError.
        folder: the crontab's, absolute: where gates run.
        daylog: where what was recorded must stand before anything acts.
        move_log: sees every move, and tells the log and whoever else wants to know.
        price: what so many tokens of a model cost in millionths of a dollar, or None when nobody knows.
        halted: why nothing may start now, or None; asked right before every effect and every request.
        secrets: gives them to tools, and takes them out of whatever is stored or shown.
        boot_id: names the time since the machine came up, where the platform tells one.
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
