"""``finish``: the agent ends its run, with a summary and an outcome."""

from __future__ import annotations

from datetime import datetime

from scheduler.core.trust.effect import Effect
from scheduler.ports.tool import Args, ControlTool, End, Outcome, ToolSpec

_SPEC = ToolSpec(
    name="finish",
    description=(
        "End this run. Call it once, when the work is done, when there was nothing to do, or when you "
        "cannot do it. The owner reads the summary, perhaps only the summary: put the result into it, "
        "not the way to it. After this the run is over."
    ),
    schema={
        "type": "object",
        "properties": {
            "summary": {
                "type": "string",
                "description": "What the owner should know, complete in itself.",
                "minLength": 1,
                "maxLength": 20000,
            },
            "outcome": {
                "type": "string",
                "enum": ["done", "nothing_to_do", "failed"],
                "description": "done when left out.",
            },
        },
        "required": ["summary"],
        "additionalProperties": False,
    },
    effect=Effect.KEYED,
    reads_private=False,
    reads_untrusted=False,
    external=False,
)


def _decide(args: Args, now: datetime, tz: str) -> Outcome:  # noqa: ARG001  (the signature of the port)
    return Outcome("The run is finished.", end=End(args["summary"], args.get("outcome", "done")))


FINISH = ControlTool(_SPEC, _decide)
