"""The judge: whether a call may act, needs a person, or is refused; decided before it acts, from facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from scheduler.core.trust.effect import Declared, Effect, acts
from scheduler.core.trust.grant import Grant
from scheduler.core.trust.marks import EXTERNAL, PRIVATE, UNTRUSTED, Marks
from scheduler.core.trust.policy import Profile
from scheduler.core.trust.targets import NO_TARGETS, Targets

RULE_OF_TWO = "rule-of-two"
WORKDIR = "workdir"
"""The rule of a call that stays in the job's workdir."""


@dataclass(frozen=True, slots=True)
class Allow:
    """It may act, under ``rule``.

    Args:
        grant: the one that covers it, or None.
    """

    rule: str
    grant: Grant | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A person must consent first; ``reason`` is what they read."""

    rule: str
    reason: str
    grant: Grant | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """It does not happen; ``reason`` is what the agent reads."""

    rule: str
    reason: str


Verdict: TypeAlias = Allow | Ask | Refuse


@dataclass(frozen=True, slots=True)
class Facts:
    """What the judge knows of the run.

    Args:
        marks: what it has met and done so far.
        always: grants that came of approvals given "always".
        used_today: calls of each tool that the job has begun on this local day.
        outside_today: how many effects outside it has begun on that day.
        also: profiles that must allow a call too: the one that the job's line names by now.
    """

    profile: Profile
    marks: Marks
    always: Sequence[Grant]
    used_today: Mapping[str, int]
    now: datetime
    outside_today: int = 0
    also: tuple[Profile, ...] = ()

    @property
    def version(self) -> str:
        """What every change of the profiles changes, too."""
        return "+".join(profile.version for profile in (self.profile, *self.also))


def judge(tool: Declared, args: Mapping[str, Any], facts: Facts, targets: Targets = NO_TARGETS) -> Verdict:
    """Return what becomes of a call of ``tool``; control tools never come here, they only steer their run.

    Of several profiles the strictest decides, and of those that agree the last, whose grants hold.

    Args:
        targets: what the call reaches, as the tool says.
    """
    verdict = _judge(tool, args, targets, facts, facts.profile)
    for profile in facts.also:
        other = _judge(tool, args, targets, facts, profile)
        if _STRICTNESS[type(other)] >= _STRICTNESS[type(verdict)]:
            verdict = other
    return verdict


_STRICTNESS: Mapping[type[Verdict], int] = {Allow: 0, Ask: 1, Refuse: 2}


def _judge(
    tool: Declared, args: Mapping[str, Any], targets: Targets, facts: Facts, profile: Profile
) -> Verdict:
    if profile.base == "observe" and acts(tool):
        return Refuse("observe", f"{tool.name} is not a pure tool, and this job may only observe")
    grants = (*profile.grants, *facts.always)
    covering = [g for g in grants if g.covers(tool.name, args, facts.now, targets)]
    used = facts.used_today.get(tool.name, 0)
    # The first that has room left today; where none has, the first, so that its number can be told.
    grant = next((g for g in covering if g.per_day is None or used < g.per_day), next(iter(covering), None))
    external = tool.external or (grant is not None and grant.network)
    third = _rule_of_two(tool, facts.marks, external=external)
    if not external:
        return Ask(RULE_OF_TWO, third, grant) if third else Allow(WORKDIR, grant)
    if grant is None:
        return _with_third(_uncovered(tool, grants, facts, profile), third)
    if grant.per_day is not None and used >= grant.per_day:
        why = f"{tool.name} was used {used} times today, and the grant allows {grant.per_day}"
        return _with_third(_beyond(profile, why), third)
    if third:
        return Ask(RULE_OF_TWO, third, grant)
    return Allow("grant", grant)


def is_outside(planned: Effect, rule: str) -> bool:
    """Whether a call that ``rule`` lets begin counts as an effect of the day: it may act outside the workdir.

    The store counts in the same way what has begun (``Store.used_today``).
    """
    return planned is not Effect.PURE and rule != WORKDIR


def _with_third(verdict: Verdict, third: str) -> Verdict:
    """Let a person who is asked know of the third thing too, and be asked again the next time."""
    if not third or not isinstance(verdict, Ask):
        return verdict
    return Ask(RULE_OF_TWO, f"{verdict.reason}; and {third}", verdict.grant)


def _rule_of_two(tool: Declared, marks: Marks, *, external: bool) -> str:
    """Return why this call would be the third of three things, or an empty text."""
    now = set()
    if tool.reads_private:
        now.add(PRIVATE)
    if external:
        now.add(EXTERNAL)
    if not now:
        return ""  # it reads what it may, and acts nowhere: whatever it brings is judged at the next effect
    if tool.reads_untrusted:
        now.add(UNTRUSTED)
    have = marks.kinds & {UNTRUSTED, PRIVATE, EXTERNAL}
    if have | now != {UNTRUSTED, PRIVATE, EXTERNAL}:
        return ""
    sources = set(marks.sources(UNTRUSTED))
    sources |= {tool.name} if tool.reads_untrusted else set()
    return (
        f"{tool.name} would bring together untrusted input ({', '.join(sorted(sources))}), private data and "
        "an effect outside; an unattended run may have two of the three"
    )


def _uncovered(tool: Declared, grants: Sequence[Grant], facts: Facts, profile: Profile) -> Verdict:
    over = [g for g in grants if g.tool == tool.name and g.is_over(facts.now)]
    others = [g for g in grants if g.tool == tool.name and not g.is_over(facts.now)]
    why = f"{tool.name} acts outside the job's workdir, and no grant covers this call"
    if others:
        why += f"; granted: {'; '.join(g.in_words() for g in others)}"
    elif over:
        why += "; its grant has expired"
    return _beyond(profile, why)


def _beyond(profile: Profile, why: str) -> Verdict:
    return Ask("no-grant", why) if profile.base == "propose" else Refuse("no-grant", why)
