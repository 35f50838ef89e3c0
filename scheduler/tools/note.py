"""``note``: the agent adds a line to its run's notes, for people."""

from __future__ import annotations

from datetime import datetime

from scheduler.core.trust.effect import Effect
from scheduler.ports.tool import Args, ControlTool, Outcome, ToolSpec

_SPEC = ToolSpec(
    name="note",
    description=(
        "Write one line into the notes of this run. People read the notes to follow what you did and why; "
        "use it for a decision, a finding or a doubt, not for every step."
    ),
    schema={
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "The line.", "minLength": 1, "maxLength": 4000}
        },
        "required": ["text"],
        "additionalProperties": False,
    },
    effect=Effect.KEYED,
    reads_private=False,
    reads_untrusted=False,
    external=False,
)


def _decide(args: Args, now: datetime, tz: str) -> Outcome:  # noqa: ARG001  (the signature of the port)
    return Outcome("Noted.")


NOTE = ControlTool(_SPEC, _decide)
