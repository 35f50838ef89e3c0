"""``schedule``: the agent makes, lists and cancels follow-up jobs, never wider than its own job."""

from __future__ import annotations

from datetime import datetime

from scheduler.core.run.follow_up import MOST_PROMPT_CHARS, Wish
from scheduler.core.trust.effect import Effect
from scheduler.errors import ToolFault
from scheduler.ports.tool import (
    Args,
    CancelFollowUp,
    ControlTool,
    Directive,
    ListFollowUps,
    MakeFollowUp,
    ToolSpec,
)

_DESCRIPTION = """\
Make, list or cancel follow-up jobs: runs of their own that begin later, with the prompt that you give them \
and no memory of this conversation. To go on with this same conversation later, use `sleep` instead.

- action "make" needs name, when and prompt. `when` is a crontab schedule ("0 9 * * 1-5", "@hourly", \
"@every 30m") or one instant as `sleep` takes it ("in 2h", "tomorrow 09:00", "2026-12-01T09:00Z").
- action "cancel" needs name. action "list" needs nothing.

A follow-up has your tools and rights, or fewer, and what is left of your budget. It fires at most 20 times, \
at least 5 minutes apart, within 7 days. When this run has read anything untrusted, the follow-up waits \
until a person has confirmed it."""

_SPEC = ToolSpec(
    name="schedule",
    description=_DESCRIPTION,
    schema={
        "type": "object",
        "properties": {
            "action": {"type": "string", "enum": ["make", "list", "cancel"], "description": "What to do."},
            "name": {
                "type": "string",
                "description": "Its name: small letters, digits and -, such as check-ci.",
                "minLength": 1,
                "maxLength": 80,
            },
            "when": {"type": "string", "description": "When it fires.", "minLength": 1, "maxLength": 200},
            "prompt": {
                "type": "string",
                "description": "What its runs are told; they know nothing else.",
                "minLength": 1,
                "maxLength": MOST_PROMPT_CHARS,
            },
        },
        "required": ["action"],
        "additionalProperties": False,
    },
    effect=Effect.KEYED,
    reads_private=False,
    reads_untrusted=False,
    external=False,
)

_NEEDS = {"make": ("name", "when", "prompt"), "cancel": ("name",), "list": ()}


def _decide(args: Args, now: datetime, tz: str) -> Directive:  # noqa: ARG001  (the signature of the port)
    action = args["action"]
    needs = _NEEDS[action]
    for name in needs:
        if name not in args:
            raise ToolFault(f'schedule: "{action}" needs {name}')
    for name in args:
        if name != "action" and name not in needs:
            raise ToolFault(f'schedule: "{action}" takes no {name}')
    if action == "make":
        return MakeFollowUp(Wish(args["name"], args["when"].strip(), args["prompt"]))
    return CancelFollowUp(args["name"]) if action == "cancel" else ListFollowUps()


SCHEDULE = ControlTool(_SPEC, _decide)
