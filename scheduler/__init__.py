"""agentcron: a cron for LLM agents that can sleep.

The public names are loaded when first used, so that ``import scheduler`` stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scheduler import errors as errors
    from scheduler.core.job.job import Job as Job
    from scheduler.core.time.cron import Cron as Cron
    from scheduler.core.time.trigger import At as At
    from scheduler.core.time.trigger import Every as Every
    from scheduler.core.time.when import parse_when as parse_when
    from scheduler.core.trust.targets import Targets as Targets
    from scheduler.toolkit import tool as tool

_HOMES = {
    "At": "scheduler.core.time.trigger",
    "Cron": "scheduler.core.time.cron",
    "Every": "scheduler.core.time.trigger",
    "Job": "scheduler.core.job.job",
    "Targets": "scheduler.core.trust.targets",
    "parse_when": "scheduler.core.time.when",
    "tool": "scheduler.toolkit",
}

__all__ = ["At", "Cron", "Every", "Job", "Targets", "errors", "parse_when", "tool"]


def __getattr__(name: str) -> Any:
    if name == "errors":
        return import_module("scheduler.errors")
    if name not in _HOMES:
        raise AttributeError(f"module 'scheduler' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
