"""Dispatch: the only way to an effect.  Each call is judged by the job's profile before it may begin."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from scheduler.core.budget import day_start
from scheduler.core.checkpoint import CallResult, Checkpoint, Step
from scheduler.core.conversation import Call, CallState
from scheduler.core.follow_up import root_of
from scheduler.core.run import Move
from scheduler.core.trust import seen
from scheduler.core.trust.approval import Approval, ApprovalState, digest
from scheduler.core.trust.grant import Grant
from scheduler.core.trust.judge import Allow, Ask, Facts, Refuse, judge
from scheduler.core.trust.policy import Profile
from scheduler.core.wakeup import WakeUp, Waking
from scheduler.engine.answers import notices
from scheduler.engine.kit import Kit, Toolbox
from scheduler.ports.tool import ControlTool

log = logging.getLogger("agentcron")


@dataclass(frozen=True, slots=True)
class Docket:
    """What the judge said of the calls of one message.

    Args:
        allowed: they may begin; ``rules`` says by call id under which rule.
        refused: the results of those that may not.
        asks: calls that wait for a person: the questions that are not put yet.
        open_asks: the questions that are put already and have no answer.
        settled: approvals that are used up or expired with this.
        marks: what the allowed calls leave beyond what their tools declare: a network is an effect outside.
    """

    allowed: tuple[Call, ...]
    rules: dict[str, str]
    refused: tuple[CallResult, ...]
    asks: tuple[Approval, ...]
    open_asks: tuple[Approval, ...]
    settled: dict[str, ApprovalState]
    marks: set[str]

    @property
    def is_waiting(self) -> bool:
        """Whether nothing can be done before a person answers."""
        return bool(self.asks or self.open_asks) and not self.allowed and not self.refused


async def facts(kit: Kit, at: Checkpoint) -> Facts:
    """Return what the judge must know of a run.

    Raises:
        ConfigError: the trust file or the job's profile is wrong, so nothing may act.
    """
    profile = kit.profile_for(at.job)
    now = kit.clock.now()
    used: dict[str, int] = {}
    if any(grant.per_day is not None for grant in profile.grants):
        used = await kit.store.used_today(root_of(at.job.name), day_start(now, at.job.tz))
    return Facts(profile, seen.read(at.run.marks), at.always, used, now)


def hear(kit: Kit, at: Checkpoint, tools: Toolbox, calls: Sequence[Call], known: Facts) -> Docket:
    """Judge calls that have not begun; nothing is written here, and nothing happens."""
    allowed: list[Call] = []
    docket = Docket((), {}, (), (), (), {}, set())
    refused: list[CallResult] = []
    asks: list[Approval] = []
    open_asks: list[Approval] = []
    used = dict(known.used_today)
    specs = {name: tool.spec for name, tool in tools.items()}
    for call in calls:
        tool = tools.get(call.name)
        if tool is None or isinstance(tool, ControlTool):
            allowed.append(call)  # it is answered that there is no such tool, which needs no authority
            docket.rules[call.id] = "no-tool"
            continue
        # Siblings count too: what one of them reads could leave with another by way of the workdir.
        met = known.marks | docket.marks | seen.marks_of_calls(allowed, specs)
        match judge(tool.spec, call.args, replace(known, used_today=used, marks=met)):
            case Allow(rule, grant):
                allowed.append(call)
                used[call.name] = used.get(call.name, 0) + 1
                if grant is not None and grant.network:
                    docket.marks.add(f"{seen.EXTERNAL}:{call.name}")
                docket.rules[call.id] = rule if grant is None or not grant.id else f"always:{grant.id}"
            case Refuse(rule, reason):
                refused.append(CallResult(call.id, CallState.FAILED, f"Refused: {reason}.", rule=rule))
            case Ask() as ask:
                put = _put(at, call, known)
                if put is None:
                    asks.append(_question(kit, at, call, ask, known))
                elif put.state == "used":
                    # By this very call, which was taken back before it acted: the consent is still its own.
                    allowed.append(call)
                    docket.rules[call.id] = f"approved:{put.id}"
                elif put.allows(_digest(at, call, known.profile), known.now):
                    allowed.append(call)
                    docket.rules[call.id] = f"approved:{put.id}"
                    docket.settled[put.id] = "used"
                elif put.state == "asked" and known.now < put.expires_at:
                    open_asks.append(put)
                else:
                    refused.append(_denied(call, put, docket))
    return replace(
        docket,
        allowed=tuple(allowed),
        refused=tuple(refused),
        asks=tuple(asks),
        open_asks=tuple(open_asks),
    )


def parked(at: Checkpoint, docket: Docket, now: datetime) -> Step:
    """Return the step in which a run rests until its questions are answered, or the first one has expired.

    Halfway to its end it is woken once: it comes to the same question, and the owner is reminded.
    """
    waiting = (*docket.open_asks, *docket.asks)
    first = waiting[0]
    more = f", and {len(waiting) - 1} more" if len(waiting) > 1 else ""
    reason = f"{first.tool} needs an approval{more}: {first.rule}"
    soonest = min(waiting, key=lambda each: each.expires_at)
    halfway = soonest.asked_at + (soonest.expires_at - soonest.asked_at) / 2
    reminder = "" if docket.asks else "Reminder: "
    return Step(
        at=now,
        move=Move.PARK,
        reason=reason,
        reason_code="approval",
        waiting_for=f"an answer: agentcron approve {first.id}",
        wakeups=(WakeUp(Waking.APPROVAL, halfway if now < halfway else soonest.expires_at),),
        asks=docket.asks,
        notices=notices(at, f"{reminder}{reason}. Answer: agentcron approve {first.id}"),
    )


def grant_of(call: Call, known: Facts) -> Grant | None:
    """Return the grant that a call acts under; an approved call has what it asked for, and no more."""
    for grant in (*known.profile.grants, *known.always):
        if grant.covers(call.name, call.args, known.now):
            return grant
    return None


def hosts_of(call: Call, known: Facts) -> tuple[str, ...]:
    """Return the hosts that an allowed call may reach."""
    grant = grant_of(call, known)
    if grant is not None and grant.hosts:
        return grant.hosts
    if grant is None and not call.rule.startswith("approved:"):
        return ()
    try:
        host = urlsplit(str(call.args.get("url", ""))).hostname
    except ValueError:
        return ()
    return (host,) if host else ()


def _put(at: Checkpoint, call: Call, known: Facts) -> Approval | None:
    """Return the question that was put about exactly this call under this policy, the latest one."""
    mark = _digest(at, call, known.profile)
    for approval in reversed(at.approvals):
        if approval.call_id == call.id and approval.digest == mark:
            return approval
    return None


def _digest(at: Checkpoint, call: Call, profile: Profile) -> str:
    return digest(at.run.id, call.name, call.args, profile.version)


def _question(kit: Kit, at: Checkpoint, call: Call, ask: Ask, known: Facts) -> Approval:
    mark = _digest(at, call, known.profile)
    return Approval(
        # Unique and the same after a crash: a question that was being written is not put twice.
        id=digest(at.run.id, call.id, {}, f"{mark}.{len(at.approvals)}")[:12],
        run_id=at.run.id,
        call_id=call.id,
        job=at.job.name,
        tool=call.name,
        args=call.args,
        digest=mark,
        rule=ask.reason,
        state="asked",
        asked_at=known.now,
        expires_at=known.now + timedelta(seconds=kit.settings.approval_seconds),
    )


def _denied(call: Call, put: Approval, docket: Docket) -> CallResult:
    if put.state == "denied":
        text = "A person denied this call" + (f" and says: {put.answer}" if put.answer else ".")
        return CallResult(call.id, CallState.FAILED, text, "owner", rule=f"denied:{put.id}")
    if put.state in ("asked", "approved"):
        docket.settled[put.id] = "expired"
    text = "This call was not approved, and used, in time, so it counts as denied. It did not happen."
    return CallResult(call.id, CallState.FAILED, text, rule=f"expired:{put.id}")
