"""What authors of tools work with: the decorator ``@tool``, and the parts of tools that store something.

Everything here is public and keeps its names; it imports no library and opens nothing.  See
``docs/howto/tools.md``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scheduler.core.run.run import Run
from scheduler.core.run.step import Change, Guard
from scheduler.core.text.redact import OURS
from scheduler.core.trust.effect import Effect
from scheduler.core.trust.marks import Marks
from scheduler.core.trust.targets import Targets, no_targets
from scheduler.errors import FactsChangedError, RefusedError, ToolFault
from scheduler.ports.room import Connection, Room, StepContext
from scheduler.ports.tool import (
    Args,
    ControlTool,
    End,
    Outcome,
    Probe,
    Rest,
    StageContext,
    Staged,
    StagedTool,
    Tool,
    ToolAnswer,
    ToolContext,
    ToolSpec,
)

__all__ = [
    "OURS",
    "Args",
    "Change",
    "Connection",
    "ControlTool",
    "Effect",
    "End",
    "FactsChangedError",
    "FunctionTool",
    "Guard",
    "Marks",
    "Outcome",
    "Probe",
    "RefusedError",
    "Rest",
    "Room",
    "Run",
    "StageContext",
    "Staged",
    "StagedTool",
    "StepContext",
    "Targets",
    "Tool",
    "ToolAnswer",
    "ToolContext",
    "ToolFault",
    "ToolSpec",
    "tool",
]


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A tool made of a function."""

    spec: ToolSpec
    function: Callable[[Args, ToolContext], Awaitable[ToolAnswer]]
    prober: Callable[[Args, ToolContext], Awaitable[Probe]] | None = None

    async def call(self, args: Args, context: ToolContext) -> ToolAnswer:
        """Call the function."""
        return await self.function(args, context)

    async def probe(self, args: Args, context: ToolContext) -> Probe:
        """Ask the prober; without one the answer is unknown."""
        return await self.prober(args, context) if self.prober else "unknown"


def tool(
    *,
    name: str,
    description: str,
    schema: Mapping[str, Any],
    effect: Effect | str = Effect.OPAQUE,
    reads_private: bool = True,
    reads_untrusted: bool = True,
    external: bool = True,
    timeout_seconds: float = 120.0,
    targets: Callable[[Args], Targets] = no_targets,
    probe: Callable[[Args, ToolContext], Awaitable[Probe]] | None = None,
) -> Callable[[Callable[[Args, ToolContext], Awaitable[ToolAnswer]]], FunctionTool]:
    """Make a tool of an async function ``f(args, context)``; what is not said is taken as the strictest.

    Register it under the entry point group ``agentcron.tools``.
    """
    spec = ToolSpec(
        name=name,
        description=description,
        schema=schema,
        effect=Effect(effect),
        reads_private=reads_private,
        reads_untrusted=reads_untrusted,
        external=external,
        timeout_seconds=timeout_seconds,
        targets=targets,
    )
    return lambda function: FunctionTool(spec, function, probe)
