"""Judge each call by the job's profile before it may begin."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from scheduler.core.changes import question, stain
from scheduler.core.changes.follow_up import root_of
from scheduler.core.changes.limits import GrantStands, ShareFree
from scheduler.core.changes.question import PutQuestion, Questions, SettleQuestion
from scheduler.core.changes.stain import FolderClean, Stain
from scheduler.core.run.budget import day_start
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Call, CallState
from scheduler.core.run.step import CallResult, Change, Guard
from scheduler.core.trust.approval import ALWAYS, OUTSIDE, Approval, ApprovalState, Share, Used, digest
from scheduler.core.trust.effect import Effect, acts
from scheduler.core.trust.grant import Grant
from scheduler.core.trust.judge import RULE_OF_TWO, Allow, Ask, Facts, Refuse, is_outside, judge
from scheduler.core.trust.marks import EXTERNAL, NO_MARKS, PRIVATE, WORKDIR, Marks
from scheduler.core.trust.policy import Profile
from scheduler.core.trust.targets import NO_TARGETS, Targets
from scheduler.engine.attempt.pins import is_changed, refusal_text
from scheduler.engine.services import Services
from scheduler.ports.tool import ControlTool, InsideTool, ToolSpec
from scheduler.ports.toolset import Toolbox

log = logging.getLogger("agentcron")

STAINED = Marks.of(f"{PRIVATE}:{WORKDIR}")

MAX_QUESTIONS = 10
"""Questions of one run that are open at a time; further calls wait, and ask when these are answered."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What an allowed call may contact: hosts by name or pattern, and whether it has a network."""

    hosts: tuple[str, ...] = ()
    network: bool = False


@dataclass(slots=True)
class Decisions:
    """The verdicts on the calls of one message.

    Args:
        allowed: they may begin.
        rules: by call id, the rule that allows it.
        reach: by call id, what it may contact.
        shares: uses of tools that a grant limits by the day.
        refused: the results of those that may not.
        asks: the questions that are not asked yet.
        open_asks: the questions that are asked already and have no answer.
        settled: approvals that are used up, or void, with this.
        marks: marks of the allowed calls in addition to those of their tools.
        outside: how many of the allowed ones act outside the workdir.
        over: why some calls wait for another day; empty if none does.
        is_stained: whether the workdir may contain private data.
    """

    allowed: list[Call] = field(default_factory=list)
    rules: dict[str, str] = field(default_factory=dict)
    reach: dict[str, Reach] = field(default_factory=dict)
    shares: list[Share] = field(default_factory=list)
    refused: list[CallResult] = field(default_factory=list)
    asks: list[Approval] = field(default_factory=list)
    open_asks: list[Approval] = field(default_factory=list)
    settled: dict[str, ApprovalState] = field(default_factory=dict)
    marks: Marks = NO_MARKS
    outside: int = 0
    over: str = ""
    is_stained: bool = False

    @property
    def waits(self) -> bool:
        """Whether a call waits for a person's answer, or for another day."""
        return bool(self.asks or self.open_asks or self.over)

    @property
    def is_waiting(self) -> bool:
        """Whether nothing can be done before a person answers, or another day comes."""
        return self.waits and not self.allowed and not self.refused

    def guards(self, workdir: str | None) -> tuple[Guard, ...]:
        """Return the guards that must hold when the allowed calls begin; see why #58.

        Args:
            workdir: the job's, if a call that may leave it acts; None otherwise.
        """
        always = [rule.partition(":")[2] for rule in self.rules.values() if rule.startswith(f"{ALWAYS}:")]
        guards: list[Guard] = [GrantStands(grant_id) for grant_id in always]
        guards += [ShareFree(share) for share in self.shares]
        if workdir and not self.is_stained:
            guards.append(FolderClean(workdir))
        return tuple(guards)

    def changes(self) -> tuple[Change, ...]:
        """Return the questions that are asked and settled with this."""
        settled = (SettleQuestion(approval_id, state) for approval_id, state in self.settled.items())
        return (*settled, *map(PutQuestion, self.asks))

    def allow(self, call: Call, rule: str, reach: Reach) -> None:
        """Allow a call to begin."""
        self.allowed.append(call)
        self.rules[call.id] = rule
        self.reach[call.id] = reach
        if reach.network:
            self.marks |= Marks.of(f"{EXTERNAL}:{call.name}")

    def refuse(self, call: Call, rule: str, text: str, label: str = "own") -> None:
        """Answer a call that must not begin."""
        self.refused.append(CallResult(call.id, CallState.FAILED, text, label, rule))


async def facts(services: Services, checkpoint: Checkpoint) -> Facts:
    """Return the facts about a run for the judge.

    Raises:
        ConfigError: the trust file or the job's profile is wrong, so nothing may act.
    """
    profile, *also = profiles_of(services, checkpoint)
    now = services.clock.now()
    used = Used()
    grants = [grant for each in (profile, *also) for grant in each.grants]
    if checkpoint.job.budget.day_effects is not None or any(grant.per_day is not None for grant in grants):
        used = await services.store.used_today(
            root_of(checkpoint.job.name), day_start(now, checkpoint.job.tz)
        )
    return Facts(profile, checkpoint.run.marks, checkpoint.always, used.calls, now, used.outside, tuple(also))


def profiles_of(services: Services, checkpoint: Checkpoint) -> list[Profile]:
    """Return the profiles of a run: the one it began with, and the one on its present line.

    Raises:
        ConfigError: the trust file or one of the profiles is wrong.
    """
    now = [
        replace(checkpoint.job, trust=name) for name in checkpoint.trust_now if name != checkpoint.job.trust
    ]
    return [services.profile_for(job) for job in (checkpoint.job, *now)]


def decide_calls(
    services: Services, checkpoint: Checkpoint, tools: Toolbox, calls: Sequence[Call], known: Facts
) -> Decisions:
    """Judge calls that have not started, or are in doubt; nothing is written, and nothing happens."""
    decisions = Decisions(is_stained=bool(checkpoint.parts.get(stain.KIND)))
    used = dict(known.used_today)
    specs = {name: tool.spec for name, tool in tools.items()}
    for call in calls:
        tool = tools.get(call.name)
        if tool is None or isinstance(tool, ControlTool):
            text = f"There is no tool named {call.name!r}. There are: {', '.join(tools)}."
            decisions.refuse(call, "no-tool", text)
            continue
        if is_changed(checkpoint.frame, tool):
            decisions.refuse(call, "tool-changed", refusal_text(checkpoint.run.id, call.name))
            continue
        if call.effect is not (Effect.PURE if isinstance(tool, InsideTool) else tool.spec.effect):
            # It was planned and recorded as something else: a plug-in was installed or changed since.
            decisions.refuse(
                call, "tool-changed", f"{call.name} has changed since you asked for it. Ask again."
            )
            continue
        # Siblings count too: the data that one of them reads could leave with another through the workdir.
        met = known.marks | decisions.marks | Marks.of_siblings(decisions.allowed, specs)
        if decisions.is_stained:
            met |= STAINED
        targets = _targets(checkpoint, tool.spec, call)
        verdict = judge(tool.spec, call.args, replace(known, used_today=used, marks=met), targets)
        match verdict:
            case Allow(rule, grant):
                if is_outside(call.effect, rule) and not _has_room(checkpoint, known, decisions):
                    continue
                used[call.name] = used.get(call.name, 0) + 1
                name = rule if grant is None or not grant.id else f"{ALWAYS}:{grant.id}"
                decisions.allow(call, name, _reach(targets, grant))
                if grant is not None and grant.per_day is not None:
                    since = day_start(known.now, checkpoint.job.tz)
                    decisions.shares.append(Share(call.name, grant.per_day, since))
            case Refuse(rule, reason):
                decisions.refuse(call, rule, f"Refused: {reason}.")
            case Ask():
                _ask(services, checkpoint, call, tool.spec, targets, verdict, known, decisions)
    if decisions.allowed and decisions.is_stained:
        decisions.marks |= STAINED
    return decisions


def stains(checkpoint: Checkpoint, decisions: Decisions, tools: Toolbox) -> tuple[Stain, ...]:
    """Return the mark of the workdir if a call that begins could leave private data there."""
    marks = checkpoint.run.marks | decisions.marks
    specs = {call.name: tools[call.name].spec for call in decisions.allowed}
    marks |= Marks.of_calls(decisions.allowed, specs)
    acting = any(acts(spec) for spec in specs.values())
    return (
        (Stain(checkpoint.job.workdir),)
        if checkpoint.job.workdir and acting and PRIVATE in marks.kinds
        else ()
    )


def recounted(known: Facts, doubtful: Sequence[Call]) -> Facts:
    """Return the facts for judging started calls again: they do not count against themselves."""
    used = dict(known.used_today)
    for call in doubtful:
        used[call.name] = max(0, used.get(call.name, 0) - 1)
    outside = sum(is_outside(call.effect, call.rule) for call in doubtful)
    return replace(known, used_today=used, outside_today=max(0, known.outside_today - outside))


def _has_room(checkpoint: Checkpoint, known: Facts, decisions: Decisions) -> bool:
    """Take one of the day's effects for a call, or record why it must wait."""
    most = checkpoint.job.budget.day_effects
    if most is None:
        return True
    if known.outside_today + decisions.outside >= most:
        decisions.over = f"the job has acted outside its workdir {most} of {most} times today"
        return False
    decisions.outside += 1
    decisions.shares.append(Share(OUTSIDE, most, day_start(known.now, checkpoint.job.tz)))
    return True


def _targets(checkpoint: Checkpoint, spec: ToolSpec, call: Call) -> Targets:
    """Return the targets of a call; none if the tool fails, so that no grant with hosts covers it."""
    try:
        targets = spec.targets(call.args)
        if not isinstance(targets, Targets):
            raise TypeError(f"it returned {type(targets).__name__}, no Targets")
    except Exception:  # a plug-in may raise anything
        log.exception("run %s: the targets of %s cannot be told", checkpoint.run.id, call.name)
        return NO_TARGETS
    return targets


def _ask(
    services: Services,
    checkpoint: Checkpoint,
    call: Call,
    spec: ToolSpec,
    targets: Targets,
    ask: Ask,
    known: Facts,
    decisions: Decisions,
) -> None:
    mark = digest(checkpoint.run.id, call.name, call.args, f"{known.version} {spec.fingerprint}")
    questions: Questions = checkpoint.parts.get(question.KIND) or ()
    of_call = [each for each in questions if each.call_id == call.id]
    put = next((each for each in reversed(of_call) if each.digest == mark), None)
    if put is None or (ask.rule == RULE_OF_TWO and put.rule != RULE_OF_TWO and put.state != "denied"):
        put = None
        for old in of_call:
            # Asked under another policy, about another tool or other arguments, or before the run had all
            # three marks: an answer would be void.
            if old.state in ("asked", "approved"):
                decisions.settled[old.id] = "expired"
        if len(decisions.asks) + len(decisions.open_asks) < MAX_QUESTIONS:
            decisions.asks.append(_question(services, checkpoint, call, ask, known, mark, len(questions)))
    elif known.now < put.expires_at and put.state in ("approved", "used"):
        # "used" by this very call, which was taken back before it acted, or is in doubt.
        if is_outside(call.effect, f"approved:{put.id}") and not _has_room(checkpoint, known, decisions):
            return
        decisions.allow(call, f"approved:{put.id}", _reach(targets, ask.grant, approved=True))
        if put.state == "approved":
            decisions.settled[put.id] = "used"
    elif known.now < put.expires_at and put.state == "asked":
        decisions.open_asks.append(put)
    elif put.state == "denied":
        text = "A person denied this call" + (f" and says: {put.answer}" if put.answer else ".")
        decisions.refuse(call, f"denied:{put.id}", text, "owner")
    else:
        if put.state in ("asked", "approved"):
            decisions.settled[put.id] = "expired"
        text = "This call was not approved and used in time, so it is denied. It did not happen."
        decisions.refuse(call, f"expired:{put.id}", text)


def _question(
    services: Services, checkpoint: Checkpoint, call: Call, ask: Ask, known: Facts, mark: str, number: int
) -> Approval:
    return Approval(
        # Unique and the same after a crash: a question is not asked twice.
        id=digest(checkpoint.run.id, call.id, {}, f"{mark}.{number}")[:12],
        run_id=checkpoint.run.id,
        call_id=call.id,
        job=checkpoint.job.name,
        tool=call.name,
        args=call.args,
        digest=mark,
        rule=ask.rule,
        reason=ask.reason,
        state="asked",
        asked_at=known.now,
        expires_at=known.now + timedelta(seconds=services.settings.approval_seconds),
    )


def _reach(targets: Targets, grant: Grant | None, *, approved: bool = False) -> Reach:
    """Return what a call may contact: the hosts of its grant; without hosts there, its own targets."""
    if grant is not None and grant.hosts:
        return Reach(grant.hosts, grant.network)
    if grant is None and not approved:
        return Reach()
    return Reach(targets.hosts, grant is not None and grant.network)
