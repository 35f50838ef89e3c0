"""What takes the runs of a job forward: our own loop over a model, or what an installed package provides."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

from scheduler.core.job.job import DEFAULT_BACKEND, Job
from scheduler.core.text.suggest import did_you_mean
from scheduler.engine.attempt.turns import Turns
from scheduler.errors import ConfigError
from scheduler.ports.backend import Backend

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
    points = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        known = ", ".join(sorted({DEFAULT_BACKEND, *points}))
        raise ConfigError(
            f"no backend is called {name}", help=did_you_mean(name, points) or f"known backends: {known}"
        )
    try:
        found = points[name].load()
    except Exception as error:  # whatever a stranger's module does at import
        problem = f"{type(error).__name__}: {error}"
        raise ConfigError(f"the backend {name} ({points[name].value}) cannot be loaded: {problem}") from error
    tools = getattr(found, "tools", None)
    if not callable(getattr(found, "advance", None)) or not isinstance(tools, Mapping):
        raise ConfigError(
            f"the backend {name} ({points[name].value}) is no backend", help="it needs `advance` and `tools`"
        )
    loaded: Backend = found
    return loaded
