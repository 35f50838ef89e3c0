"""The one place where a tool's name becomes a tool: entry points of the group ``agentcron.tools``.

Built-in tools use the same door as plug-ins.  A tool's module is imported when its name is first used.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from scheduler.core.job.job import DEFAULT_TOOLS
from scheduler.core.job.tool_names import installed
from scheduler.core.text.suggest import did_you_mean
from scheduler.engine.schema import check_schema
from scheduler.errors import ConfigError
from scheduler.ports.tool import AnyTool, StagedTool, is_tool
from scheduler.ports.toolset import FixedTools

GROUP = "agentcron.tools"
CHANGES = "agentcron.changes"

ALWAYS = ("sleep", "note", "finish")
"""Tools that every job has: without them a run could neither wait nor end."""

BUILT_IN = (*ALWAYS, *DEFAULT_TOOLS)
"""What a job gets that names no tools."""


def known_names() -> tuple[str, ...]:
    """Return every name that may stand in ``tools=``: first the built-in ones, then plug-ins by name.

    No tool is imported.
    """
    return ordered(_points())


def ordered(names: Sequence[str] | dict[str, EntryPoint]) -> tuple[str, ...]:
    """Return names without repetition, always in the same order: the prompt cache wants the same prefix."""
    wanted = set(names)
    return (*(n for n in BUILT_IN if n in wanted), *sorted(wanted - set(BUILT_IN)))


@cache
def tool(name: str) -> AnyTool:
    """Return the tool called ``name``, importing its module on first use.

    Raises:
        ConfigError: it is unknown, provided twice, cannot be imported, is not a tool, or has a wrong schema.
    """
    point = _point(name)
    try:
        found = point.load()
    except Exception as error:  # whatever a stranger's module does at import
        problem = f"{type(error).__name__}: {error}"
        raise ConfigError(f"the tool {name} ({point.value}) cannot be loaded: {problem}") from error
    if not is_tool(found):
        raise ConfigError(
            f"the tool {name} ({point.value}) is not a tool but a {type(found).__name__}",
            help="make one with `from scheduler import tool`",
        )
    declared = found
    if declared.spec.name != name:
        raise ConfigError(f"the tool {name} ({point.value}) calls itself {declared.spec.name}")
    if isinstance(declared, StagedTool):
        _require_rooms(declared)
    if point.value.startswith("scheduler."):
        return declared  # the tests check ours, and a reader of the crontab need not wait for a library
    try:
        check_schema(declared.spec.schema)
    except ConfigError as error:
        raise ConfigError(
            f"the tool {name} ({point.value}) cannot be used: {error.message}", help=error.help
        ) from error
    return declared


def tools_for(names: Sequence[str] | None) -> dict[str, AnyTool]:
    """Return the installed tools of a job by name; ``None`` means the built-in ones.

    Sleep, note and finish are always there; tools of sources are not.

    Raises:
        ConfigError: as ``tool`` does.
    """
    wanted = BUILT_IN if names is None else (*ALWAYS, *installed(names))
    return {name: tool(name) for name in ordered(wanted)}


INSTALLED = FixedTools(lambda job: tools_for(job.tools))
"""The installed tools, as a tool source."""


def _require_rooms(staged: StagedTool) -> None:
    """Refuse a tool whose changes could not be stored: at start-up, and not in the middle of a night."""
    rooms = {point.name for point in entry_points(group=CHANGES)}
    if unknown := sorted({*staged.changes, *staged.reads} - rooms):
        raise ConfigError(
            f"the tool {staged.spec.name} needs changes that are not installed: {', '.join(unknown)}",
            help=f"install what provides them as entry points {CHANGES}",
        )


def _point(name: str) -> EntryPoint:
    points = _points()
    if name not in points:
        raise ConfigError(
            f"no tool is called {name}",
            help=did_you_mean(name, points) or f"known tools: {', '.join(ordered(points))}",
        )
    rivals = _rivals()[name]
    if len(rivals) > 1:
        raise ConfigError(
            f"the tool {name} is provided twice, by {' and '.join(rivals)}", help="uninstall one of them"
        )
    return points[name]


def _points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _rivals() -> dict[str, list[str]]:
    rivals: dict[str, list[str]] = {}
    for point in entry_points(group=GROUP):
        owner = point.dist.name if point.dist else "an unnamed distribution"
        owners = rivals.setdefault(point.name, [])
        if owner not in owners:
            owners.append(owner)
    return rivals
