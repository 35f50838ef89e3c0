"""What takes the runs of a job forward: our own loop over a model, or what an installed package provides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from scheduler.core.job.job import DEFAULT_BACKEND, Job
from scheduler.engine.attempt.turns import Turns
from scheduler.errors import ConfigError
from scheduler.host.plug_ins import Group, require_object
from scheduler.ports.backend import Backend

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "agentcron.backends"


def backend_for(job: Job) -> Backend:
    """Return the backend of a job.

    Raises:
        ConfigError: no installed package provides it, or it cannot be loaded.
    """
    return backend(job.backend)


@cache
def backend(name: str) -> Backend:
    """Return the backend called ``name``, importing its module on first use.

    Raises:
        ConfigError: as ``backend_for``.
    """
    if name == DEFAULT_BACKEND:
        return Turns()
    return Group(GROUP, "backend", _checked).get(name, _with_our_own)


def _with_our_own(names: Iterable[str]) -> list[str]:
    return sorted({DEFAULT_BACKEND, *names})


def _checked(_point: EntryPoint, found: object) -> Backend:
    backend: Backend = require_object(found, "backend", ("advance",), "tools")
    if not isinstance(getattr(backend, "tools", None), Mapping):
        raise ConfigError("has no mapping `tools` of what its tools declare")
    return backend
