"""Tools by name: entry points of the group ``agentcron.tools``, the built-in ones too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from scheduler.core.job.job import DEFAULT_TOOLS
from scheduler.core.job.tool_names import installed
from scheduler.engine.schema import check_schema
from scheduler.errors import ConfigError
from scheduler.host.plug_ins import Group, names_in, require_name
from scheduler.ports.tool import AnyTool, StagedTool, is_tool
from scheduler.ports.toolset import FixedTools

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

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
    return ordered(names_in(GROUP))


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Return names without repetition, always in the same order: the prompt cache wants the same prefix."""
    wanted = set(names)
    return (*(n for n in BUILT_IN if n in wanted), *sorted(wanted - set(BUILT_IN)))


@cache
def tool(name: str) -> AnyTool:
    """Return the tool called ``name``, importing its module on first use.

    Raises:
        ConfigError: it is unknown, provided twice, cannot be imported, is not a tool, or has a wrong schema.
    """
    return Group(GROUP, "tool", _checked).get(name, ordered)


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


def _checked(point: EntryPoint, found: object) -> AnyTool:
    if not is_tool(found):
        raise ConfigError(
            f"is not a tool but a {type(found).__name__}", help="make one with `from scheduler import tool`"
        )
    require_name(point, found.spec.name)
    if isinstance(found, StagedTool):
        _require_rooms(found)
    if not point.value.startswith("scheduler."):
        # The tests check ours, so that reading a crontab imports no library for it.
        _require_schema(found)
    return found


def _require_schema(found: AnyTool) -> None:
    try:
        check_schema(found.spec.schema)
    except ConfigError as error:
        raise ConfigError(f"cannot be used: {error.message}", help=error.help) from error


def _require_rooms(staged: StagedTool) -> None:
    """Refuse a tool whose changes could not be stored: when it is loaded, and not in the middle of a run."""
    if unknown := sorted({*staged.changes, *staged.reads} - names_in(CHANGES)):
        raise ConfigError(
            f"needs changes that are not installed: {', '.join(unknown)}",
            help=f"install what provides them as entry points {CHANGES}",
        )
