"""agentcron: a cron for LLM agents that can sleep.

The public names are loaded when first used, so that ``import scheduler`` stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scheduler import errors as errors
    from scheduler.core.cron import Cron as Cron
    from scheduler.core.job import Job as Job
    from scheduler.core.trigger import At as At
    from scheduler.core.trigger import Every as Every
    from scheduler.core.when import parse_when as parse_when
    from scheduler.ports.tool import tool as tool

_HOMES = {
    "At": "scheduler.core.trigger",
    "Cron": "scheduler.core.cron",
    "Every": "scheduler.core.trigger",
    "Job": "scheduler.core.job",
    "parse_when": "scheduler.core.when",
    "tool": "scheduler.ports.tool",
}

__all__ = ["At", "Cron", "Every", "Job", "errors", "parse_when", "tool"]


def __getattr__(name: str) -> Any:
    if name == "errors":
        return import_module("scheduler.errors")
    if name not in _HOMES:
        raise AttributeError(f"module 'scheduler' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
