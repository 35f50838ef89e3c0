"""A plug-in for tests: a tool that lets a run wait for an event."""

from __future__ import annotations

from datetime import datetime, timedelta

from scheduler.core.run.wakeup import WakeUp
from scheduler.core.trust.effect import Effect
from scheduler.ports.tool import Args, ControlTool, Outcome, Rest, ToolSpec


def _decide(args: Args, now: datetime, _: str) -> Outcome:
    hours = args.get("hours")
    deadline = None if hours is None else now + timedelta(hours=hours)
    return Outcome(rest=Rest((WakeUp(args["kind"], args.get("key", ""), deadline=deadline),), "an event"))


WAIT = ControlTool(
    ToolSpec(
        name="await",
        description="Wait for an event.",
        schema={
            "type": "object",
            "properties": {
                "kind": {"type": "string"},
                "key": {"type": "string"},
                "hours": {"type": "number"},
            },
            "required": ["kind"],
        },
        effect=Effect.KEYED,
        reads_private=False,
        reads_untrusted=False,
        external=False,
    ),
    _decide,
)
"""``await(kind, key?, hours?)``."""
