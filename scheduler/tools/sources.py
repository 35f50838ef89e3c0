"""Tool sources by name: entry points of the group ``agentcron.toolsources``, imported when first used."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType

from scheduler.core.job import tool_names
from scheduler.core.job.job import Job
from scheduler.core.text.suggest import did_you_mean
from scheduler.errors import ConfigError
from scheduler.ports.toolset import ToolSource

GROUP = "agentcron.toolsources"

NOTHING: Mapping[str, ToolSource] = MappingProxyType({})


def named_sources(job: Job, known: Mapping[str, ToolSource] = NOTHING) -> tuple[ToolSource, ...]:
    """Return the tool sources that a job names, in a stable order.

    Args:
        known: by name, those that need not be installed.

    Raises:
        ConfigError: one is not installed, cannot be used, or has no tools for this job.
    """
    found = tuple(known.get(name) or find_source(name) for name in tool_names.sources(job.tools or ()))
    for source in found:
        _require(source, job)
    return found


def source_problem(job: Job, name: str) -> ConfigError | None:
    """Return why a job cannot have tools of a source, or None; nothing is opened."""
    try:
        _require(find_source(name), job)
    except ConfigError as error:
        return error
    return None


def is_source(name: str) -> bool:
    """Whether an installed distribution provides a tool source of this name; nothing is imported."""
    return name in entry_points(group=GROUP).names


@cache
def find_source(name: str) -> ToolSource:
    """Return the tool source called ``name``, importing its module on first use.

    Raises:
        ConfigError: it is unknown, provided twice, cannot be imported, or is not a tool source.
    """
    points = [point for point in entry_points(group=GROUP) if point.name == name]
    if not points:
        known = sorted(entry_points(group=GROUP).names)
        listed = f"known tool sources: {', '.join(known)}" if known else "none is installed"
        raise ConfigError(f"no tool source is called {name}", help=did_you_mean(name, known) or listed)
    owners = sorted({point.dist.name if point.dist else "an unnamed distribution" for point in points})
    if len(owners) > 1:
        raise ConfigError(
            f"the tool source {name} is provided by {' and by '.join(owners)}", help="uninstall one of them"
        )
    what = f"the tool source {name} ({points[0].value})"
    try:
        found = points[0].load()
    except Exception as error:  # whatever a stranger's module does at import
        raise ConfigError(f"{what} cannot be loaded: {type(error).__name__}: {error}") from error
    methods = (getattr(found, "open", None), getattr(found, "provides", None))
    if isinstance(found, type) or not all(map(callable, methods)):
        raise ConfigError(
            f"{what} is not a tool source but {found!r}",
            help="name an object with `name`, `provides(job)` and `open(job, run_id)`",
        )
    if getattr(found, "name", None) != name:
        raise ConfigError(f"{what} calls itself {getattr(found, 'name', None)!r}")
    source: ToolSource = found
    return source


def _require(source: ToolSource, job: Job) -> None:
    try:
        provides = source.provides(job)
    except ConfigError:
        raise
    except Exception as error:  # a plug-in may raise anything
        problem = f"{type(error).__name__}: {error}"
        raise ConfigError(f"the tool source {source.name} cannot be asked: {problem}") from error
    if not provides:
        raise ConfigError(
            f"the tool source {source.name} has no tools for {job.name}",
            help=f"set it up for this job, or take {source.name}: out of its tools=",
        )
