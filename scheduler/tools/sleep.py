"""``sleep``: the agent ends its turn until an instant, and uses no memory meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime

from scheduler.core.run.wakeup import WakeUp, Waking
from scheduler.core.time.when import parse_when
from scheduler.core.trust.effect import Effect
from scheduler.errors import ToolFault, WhenError
from scheduler.ports.tool import Args, ControlTool, Outcome, Rest, ToolSpec

_DESCRIPTION = """\
Sleep until a time, then continue in this same conversation. Use it whenever there is nothing to do before \
then: sleeping costs nothing, survives restarts, and other tool calls of the same message finish first. \
You are woken by a message that says what time it is and how long you slept. \
The result gives the exact instant that was understood. If it is not the one you meant, sleep again.

How to say when, best first:
- an instant with its offset: "2026-12-01T09:00:00+01:00", "2026-12-01T08:00:00Z"
- a duration: "45m", "2h30m", "in 3 days", "PT15M"
- a day and a clock in the job's zone: "tomorrow 09:00", "friday 17:00", "next business day 9am", \
"in 3 days at 9am", "2026-12-01 09:00 Asia/Tokyo"
- a clock, its next occurrence: "17:30", "9am", "noon"
A text with several meanings ("tomorrow", "9", "1M", "03/04") is refused with its readings."""

_SPEC = ToolSpec(
    name="sleep",
    description=_DESCRIPTION,
    schema={
        "type": "object",
        "properties": {
            "until": {
                "type": "string",
                "description": 'When to wake: "2026-12-01T09:00:00+01:00" or "45m".',
                "minLength": 1,
                "maxLength": 200,
            },
            "reason": {
                "type": "string",
                "description": "What you are waiting for, in a few words; people see it next to the run.",
                "maxLength": 500,
            },
        },
        "required": ["until"],
        "additionalProperties": False,
    },
    effect=Effect.KEYED,
    reads_private=False,
    reads_untrusted=False,
    external=False,
)


def _decide(args: Args, now: datetime, tz: str) -> Outcome:
    try:
        when = parse_when(args["until"], now=now, tz=tz)
    except WhenError as error:
        hint = f"; {error.help}" if error.help else ""
        raise ToolFault(f"sleep: {error.message} ({error.code}){hint}") from error
    return Outcome(rest=Rest((WakeUp(Waking.TIME, due=when.astimezone(UTC)),), args.get("reason", "")))


SLEEP = ControlTool(_SPEC, _decide)
