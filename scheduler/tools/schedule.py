"""``schedule``: the agent makes, lists and cancels follow-up jobs, never wider than its own job."""

from __future__ import annotations

from scheduler.core.changes.follow_up import (
    KIND,
    MAX_PROMPT_CHARS,
    SEPARATOR,
    CancelFollowUp,
    Family,
    FollowUp,
    MakeFollowUp,
    Wish,
    draft,
    root_of,
)
from scheduler.core.run.wake_note import local
from scheduler.core.trust.effect import Effect
from scheduler.core.trust.marks import NO_MARKS, UNTRUSTED
from scheduler.errors import RefusedError, ToolFault
from scheduler.ports.tool import Args, StageContext, Staged, StagedTool, ToolSpec

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
                "maxLength": MAX_PROMPT_CHARS,
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

PENDING = "pending"
"""The rule of a follow-up that waits for a person."""


def _stage(args: Args, context: StageContext) -> Staged:
    action = args["action"]
    needs = _NEEDS[action]
    for name in needs:
        if name not in args:
            raise ToolFault(f'schedule: "{action}" needs {name}')
    for name in args:
        if name != "action" and name not in needs:
            raise ToolFault(f'schedule: "{action}" takes no {name}')
    family: Family = context.parts[KIND]
    if action == "make":
        return _make(Wish(args["name"], args["when"].strip(), args["prompt"]), family, context)
    return _cancel(args["name"], family, context) if action == "cancel" else _list(family, context)


def _make(wish: Wish, family: Family, context: StageContext) -> Staged:
    made = draft(context.job, context.run, context.call_id, wish, family, context.spoken)
    changes = (MakeFollowUp(made),)
    if made.state == "pending":
        told = (
            f"{made.name} is made, and waits: this run has read untrusted input, so a person must confirm "
            "it before it fires. You cannot do that, and need not wait for it."
        )
        return Staged(told, changes, rule=PENDING)
    assert made.next_fire is not None
    times = "once" if made.fires_left == 1 else f"at most {made.fires_left} times"
    tz = context.job.tz
    return Staged(
        f"{made.name} is made. It fires {times}, first at {local(made.next_fire, tz)}, "
        f"and ends at {local(made.expires_at, tz)}.",
        changes,
    )


def _cancel(name: str, family: Family, context: StageContext) -> Staged:
    full = name if SEPARATOR in name else f"{root_of(context.job.name)}{SEPARATOR}{name}"
    if family.find(full) is None:
        raise RefusedError(f"no follow-up of this job is called {name}", help="list them")
    return Staged(f"{full} is cancelled; it will not fire again.", (CancelFollowUp(full),))


def _list(family: Family, context: StageContext) -> Staged:
    lines = [_line(each, context) for each in family.members]
    # Their names and times are an agent's words: who reads them has met all that their makers had met.
    marks = NO_MARKS
    for each in family.members:
        marks |= each.marks
    told = "\n".join(lines) or "There are no follow-ups of this job."
    return Staged(told, marks=marks, provenance="+".join(["own", *marks.of_kind(UNTRUSTED)]))


def _line(each: FollowUp, context: StageContext) -> str:
    tz = context.job.tz
    if each.state == "pending":
        when = "waits for a person to confirm it"
    elif each.next_fire is None:
        when = "fires no more"
    else:
        when = f"fires next at {local(each.next_fire, tz)}"
    by = "this run" if each.run_id == context.run.id else f"run {each.run_id}"
    end = local(each.expires_at, tz)
    return f"{each.name}: {each.job.trigger.describe()}; {when}; made by {by}; ends {end}"


SCHEDULE = StagedTool(_SPEC, _stage, changes=frozenset({KIND}), reads=(KIND,))
