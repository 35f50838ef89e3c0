"""Tool sources by name: entry points of the group ``agentcron.toolsources``, imported when first used."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from scheduler.core.job import tool_names
from scheduler.core.job.job import Job
from scheduler.errors import ConfigError
from scheduler.host.plug_ins import Group, names_in, require_name, require_object
from scheduler.ports.toolset import ToolSource

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

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
    return name in names_in(GROUP)


@cache
def find_source(name: str) -> ToolSource:
    """Return the tool source called ``name``, importing its module on first use.

    Raises:
        ConfigError: it is unknown, provided twice, cannot be imported, or is not a tool source.
    """
    return Group(GROUP, "tool source", _checked).get(name)


def _checked(point: EntryPoint, found: object) -> ToolSource:
    source: ToolSource = require_object(found, "tool source", ("provides", "open"), "name")
    require_name(point, getattr(source, "name", None))
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
