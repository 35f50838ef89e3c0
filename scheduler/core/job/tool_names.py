"""Names in ``tools=``: ``NAME`` is an installed tool, ``SOURCE:NAME`` one of a tool source.

``SOURCE:PREFIX*`` stands for all tools of a source with this prefix, and ``SOURCE:*`` for all of them.
Agents, grants and records use the name ``SOURCE__NAME`` for a tool of a source: model APIs allow no colon.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_INSTALLED = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}\Z")
_SOURCED = re.compile(r"[a-z][a-z0-9-]{0,31}:(?:[A-Za-z0-9_-]{1,64}|[A-Za-z0-9_-]{0,63}\*)\Z")


def is_tool_name(text: str) -> bool:
    """Whether a text is allowed in ``tools=``."""
    return bool(_INSTALLED.match(text) or _SOURCED.match(text))


def installed(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of installed tools in ``tools=``."""
    return tuple(name for name in names if ":" not in name)


def sources(names: Sequence[str]) -> tuple[str, ...]:
    """Return the tool sources in ``tools=``, each once, sorted."""
    return tuple(sorted({name.partition(":")[0] for name in names if ":" in name}))


def full_name(source: str, name: str) -> str:
    """Return the name of a source's tool for agents, grants and records."""
    return f"{source}__{name}"


def source_of(tool: str) -> str:
    """Return the source in the full name of a tool, or an empty text for an installed one."""
    source, separator, _ = tool.partition("__")
    return source if separator else ""


def is_named(names: Sequence[str], source: str, tool: str) -> bool:
    """Whether ``tools=`` selects a tool of a source.

    Args:
        tool: its full name.
    """
    patterns = [name.partition(":")[2] for name in names if name.partition(":")[0] == source]
    return any(
        tool.startswith(full_name(source, pattern[:-1]))
        if pattern.endswith("*")
        else tool == full_name(source, pattern)
        for pattern in patterns
        if pattern
    )


def missing(names: Sequence[str], source: str, tools: Sequence[str]) -> tuple[str, ...]:
    """Return the names in ``tools=`` of a source, without a star, that are not among its tools.

    Args:
        tools: their full names.
    """
    wanted = [name.partition(":")[2] for name in names if name.partition(":")[0] == source]
    return tuple(
        name for name in wanted if name and not name.endswith("*") and full_name(source, name) not in tools
    )
