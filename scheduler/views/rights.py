"""Rights: the judge's verdicts on the calls of a tool, before there is a run.

Nothing is derived here from profiles, grants or declarations.  The judge decides about sample calls that
represent all others: one for each grant, and one that no grant covers; each in a run without marks, and in
one with all three marks of the rule of two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from scheduler.core.trust.grant import Grant
from scheduler.core.trust.judge import WORKDIR, Allow, Ask, Facts, Verdict, judge
from scheduler.core.trust.marks import EXTERNAL, NO_MARKS, PRIVATE, UNTRUSTED, Marks
from scheduler.core.trust.policy import Profile
from scheduler.core.trust.targets import NO_TARGETS
from scheduler.ports.tool import ToolSpec

_OTHER = {"any other argument": ""}
"""The arguments of a call that only an unrestricted grant covers."""

_ALL_MARKS = Marks.of(*(f"{kind}:{kind}" for kind in (UNTRUSTED, PRIVATE, EXTERNAL)))


@dataclass(frozen=True, slots=True)
class Rights:
    """The verdicts on the calls of a tool.

    Args:
        granted: the verdicts on a call of each grant, in a run without marks.
        other: the verdict on a call that no grant covers.
        late: the verdicts on all of these in a run with all three marks.
    """

    granted: tuple[Verdict, ...]
    other: Verdict
    late: tuple[Verdict, ...]

    @property
    def needs_a_person(self) -> bool:
        """Whether every call stops and waits, whatever its arguments."""
        return all(isinstance(verdict, Ask) for verdict in (*self.granted, self.other))

    def in_words(self, *, is_staged: bool = False) -> str:
        """Return it in words.

        Args:
            is_staged: the tool does not act itself: its changes are written with the results of its calls.
        """
        why = "it is written with the result of its call" if is_staged else "it stays in the workdir"
        text = self._from_the_start(why)
        before = (*self.granted, self.other)
        if any(isinstance(v, Allow) and isinstance(w, Ask) for v, w in zip(before, self.late, strict=True)):
            text += "; waits for a person after untrusted input and private data"
        return text

    def _from_the_start(self, why: str) -> str:
        allowed = [verdict for verdict in self.granted if isinstance(verdict, Allow)]
        match self.other:
            case Allow(rule, _) if rule == WORKDIR:
                freely = f"freely: {why}"
                return (
                    f"{freely}; more as granted below" if any(v.rule != WORKDIR for v in allowed) else freely
                )
            case Allow():
                return "as granted below"
            case Ask():
                rest = "stops and waits for a person"
                alone = "only after an approval: the run stops and waits"
            case _:
                rest = "is refused"
                alone = f"never: {_NEVER.get(self.other.rule, self.other.reason)}"
        return f"as granted below; anything else {rest}" if allowed else alone


_NEVER = {"observe": "it is not a pure tool", "no-grant": "no grant covers it"}


def rights(tool: ToolSpec, profile: Profile, always: Sequence[Grant], now: datetime) -> Rights:
    """Return what a job under ``profile`` may do with a tool that acts.

    Args:
        always: the grants that came from approvals given "always".
    """
    grants = [grant for grant in (*profile.grants, *always) if grant.tool == tool.name]
    samples = [(each.sample(), each.sample_targets() if tool.has_targets else NO_TARGETS) for each in grants]
    early, late = (
        [
            judge(tool, args, Facts(profile, marks, always, {}, now), targets)
            for args, targets in (*samples, (_OTHER, NO_TARGETS))
        ]
        for marks in (NO_MARKS, _ALL_MARKS)
    )
    return Rights(tuple(early[:-1]), early[-1], tuple(late))
