"""Follow-ups: jobs that an agent makes for later, with at most the authority of its run.

A follow-up is called ``JOB/NAME``, where JOB is the line of the crontab that it descends from.  No line can
have such a name, so a follow-up never collides with one, nor inherits its grants.  It is never wider than its
maker: in tools, trust profile, budget, folder and end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import ClassVar, Literal

from scheduler.core.job.job import DEFAULT_TOOLS, Job
from scheduler.core.job.stored import job_to_json
from scheduler.core.record import canonical, digest
from scheduler.core.run.run import Run
from scheduler.core.text.redact import OURS
from scheduler.core.time.dst import Dst
from scheduler.core.time.instants import describe_seconds, from_iso, to_iso, zone
from scheduler.core.time.trigger import At, CronTrigger, Every, Trigger
from scheduler.core.time.when import parse_when
from scheduler.core.trust.marks import UNTRUSTED, Marks
from scheduler.errors import ConfigError, RefusedError, WhenError

KIND = "follow_up"
"""The part of the checkpoint of this kind is a Family, loaded when a call needs it."""

SEPARATOR = "/"

MIN_INTERVAL_SECONDS = 5 * 60
"""The minimum between two fires, and before the first one at an instant: a follow-up must not spin."""

TTL = timedelta(days=7)
"""How long a follow-up may fire; a follow-up of a follow-up ends with it at the latest."""

MAX_FIRES = 20
MAX_OPEN = 10
"""The maximum of one run."""

MAX_A_DAY = 50
"""The maximum per day of one job with all its descendants, by its own clock."""

MAX_DEPTH = 3
"""A follow-up of this depth cannot make follow-ups."""

MAX_PROMPT_CHARS = 20_000

CODE_CHARS = 12
"""How many characters of the digest a person types."""

State = Literal["pending", "open", "over"]

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}\Z")
_CRON_FIELD = re.compile(r"[0-9A-Za-z*/,\-#?()]+\Z")
_CRON_FIELDS = 5


def root_of(name: str) -> str:
    """Return the job of the crontab that a job descends from, or itself."""
    return name.partition(SEPARATOR)[0]


def is_follow_up(name: str) -> bool:
    """Whether the name is that of a follow-up."""
    return SEPARATOR in name


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One follow-up.

    Args:
        run_id: the run that made it; with ``call_id`` it is unique, also after a crash.
        state: ``pending`` waits for a person; ``open`` fires; ``over`` does not fire again.
        marks: the marks of its maker; each of its runs begins with these.
        fires_left: how often it may still fire.
        next_fire: its next slot, when it is open.
    """

    job: Job
    run_id: str = field(metadata=OURS)
    call_id: str = field(metadata=OURS)
    state: State = field(metadata=OURS)
    marks: Marks
    made_at: datetime
    expires_at: datetime
    fires_left: int
    next_fire: datetime | None = None

    @property
    def name(self) -> str:
        """Its name, with the job's before it."""
        return self.job.name

    @property
    def code(self) -> str:
        """The values that a person's consent is bound to: schedule, prompt, and all rights."""
        told = [job_to_json(self.job), self.run_id, self.call_id, str(self.marks)]
        return digest(canonical(told))[:CODE_CHARS]


@dataclass(frozen=True, slots=True)
class Family:
    """The follow-ups of one job that are not over, and how many were made today."""

    members: tuple[FollowUp, ...] = ()
    made_today: int = 0

    def find(self, name: str) -> FollowUp | None:
        """Return the follow-up of this full name that is not over."""
        return next((each for each in self.members if each.name == name), None)


@dataclass(frozen=True, slots=True)
class MakeFollowUp:
    """Make a follow-up; if another run of the job did so meanwhile, nothing is written."""

    follow_up: FollowUp
    kind: ClassVar[str] = KIND

    def fold(self, part: Family | None) -> Family | None:
        """Return the family with the new member."""
        if part is None:
            return None
        return Family((*part.members, self.follow_up), part.made_today + 1)


@dataclass(frozen=True, slots=True)
class CancelFollowUp:
    """End a follow-up."""

    name: str
    kind: ClassVar[str] = KIND

    def fold(self, part: Family | None) -> Family | None:
        """Return the family without it."""
        if part is None:
            return None
        return replace(part, members=tuple(each for each in part.members if each.name != self.name))


@dataclass(frozen=True, slots=True)
class Wish:
    """A follow-up as an agent requests it: its own name, a schedule in words, and the prompt."""

    name: str
    when: str
    prompt: str


def draft(maker: Job, run: Run, call_id: str, wish: Wish, family: Family, now: datetime) -> FollowUp:
    """Return the follow-up that a run may make.

    Raises:
        RefusedError: it is not allowed; the message is for the agent.
    """
    _require_room(maker, run, family)
    if not _NAME.match(wish.name):
        raise RefusedError(
            f'"{wish.name}" cannot be its name',
            help="lower-case letters, digits and -, at most 40; e.g. check-ci",
        )
    name = f"{root_of(maker.name)}{SEPARATOR}{wish.name}"
    if family.find(name) is not None:
        raise RefusedError(
            f"a follow-up {wish.name} already exists", help="cancel it first, or choose another"
        )
    if not wish.prompt.strip():
        raise RefusedError(
            "the prompt is empty", help="say what the run should do; it has no other information"
        )
    if len(wish.prompt) > MAX_PROMPT_CHARS:
        raise RefusedError(f"the prompt has more than {MAX_PROMPT_CHARS} characters")
    expires_at = now + TTL
    if is_follow_up(maker.name):
        expires_at = min(expires_at, from_iso(maker.ends_at))
    trigger = read_schedule(wish.when, name, maker, now)
    first = _check_slots(trigger, now, expires_at)
    left = maker.budget.run_usd - run.cost_microusd / 1_000_000
    tokens = None if maker.budget.run_tokens is None else maker.budget.run_tokens - run.tokens
    if left <= 0 or (tokens is not None and tokens <= 0):
        raise RefusedError("nothing is left of this run's budget for a follow-up")
    fires = 1 if isinstance(trigger, At) else MAX_FIRES
    job = replace(
        maker,
        name=name,
        trigger=trigger,
        prompt=wish.prompt,
        prompt_file=None,
        budget=replace(maker.budget, run_usd=round(left, 6), run_tokens=tokens, default=False),
        made_by=run.id,
        depth=maker.depth + 1,
        ends_at=to_iso(expires_at),
        line=0,
    )
    tainted = UNTRUSTED in run.marks.kinds
    state: State = "pending" if tainted else "open"
    return FollowUp(
        job, run.id, call_id, state, run.marks, now, expires_at, fires, None if tainted else first
    )


def within(job: Job, root: Job) -> Job:
    """Return a follow-up with the rights that its job still allows."""
    own = DEFAULT_TOOLS if job.tools is None else job.tools
    allowed = DEFAULT_TOOLS if root.tools is None else root.tools
    return replace(
        job,
        tools=tuple(name for name in own if name in allowed),
        budget=job.budget.within(root.budget),
        workdir=root.workdir,
        gate=root.gate,
        report=root.report,
        env=tuple(pair for pair in job.env if pair in root.env),
        secrets=tuple(pair for pair in job.secrets if pair in root.secrets),
        timeout_seconds=min(job.timeout_seconds, root.timeout_seconds),
        max_steps=min(job.max_steps, root.max_steps),
        enabled=job.enabled and root.enabled,
    )


def read_schedule(text: str, name: str, maker: Job, now: datetime) -> Trigger:
    """Return the trigger of a text: a schedule of the crontab, or an instant as for ``sleep``.

    Raises:
        RefusedError: it is neither.
    """
    words = text.split()
    dst: Dst | None = maker.dst
    try:
        if words[:1] in (["@every"], ["every"]):
            return Every(" ".join(words[1:]), name)
        if text.startswith("@at "):
            return At.parse(" ".join(words[1:]), maker.tz)
        if text.startswith("@") or (len(words) == _CRON_FIELDS and all(map(_CRON_FIELD.match, words))):
            return CronTrigger(" ".join(words), maker.tz, name, dst, maker.fields)
        when = parse_when(text, now=now, tz=maker.tz)
    except ConfigError as error:
        raise RefusedError(f"{error.message}", help=error.help) from None
    except WhenError as error:
        raise RefusedError(f"{error.message} ({error.code})", help=error.help) from None
    if when.microsecond:  # a slot is a whole second, and never earlier than requested
        when = when.replace(microsecond=0) + timedelta(seconds=1)
    return At(when, when.astimezone(zone(maker.tz)).isoformat(timespec="seconds"))


def slot_within(next_fire: datetime | None, expires_at: datetime, fires_left: int) -> datetime | None:
    """Return the next slot of a follow-up, or None if it may not fire again."""
    if next_fire is None or fires_left <= 0 or next_fire > expires_at:
        return None
    return next_fire


def _require_room(maker: Job, run: Run, family: Family) -> None:
    if maker.depth >= MAX_DEPTH:
        raise RefusedError(f"a follow-up in the {MAX_DEPTH}rd generation cannot make follow-ups")
    if sum(each.run_id == run.id for each in family.members) >= MAX_OPEN:
        raise RefusedError(f"this run has {MAX_OPEN} open follow-ups, the maximum")
    if family.made_today >= MAX_A_DAY:
        raise RefusedError(f"{root_of(maker.name)} has made {MAX_A_DAY} follow-ups today, the maximum")


def _check_slots(trigger: Trigger, now: datetime, expires_at: datetime) -> datetime:
    """Return the first slot, if there is one in time and slots are not too close."""
    slots: Sequence[datetime] = _slots(trigger, now, expires_at)
    if not slots:
        left = describe_seconds((expires_at - now).total_seconds())
        raise RefusedError(f"it does not fire within {left}, before the follow-up ends")
    gaps = [(after - before).total_seconds() for before, after in pairwise(slots)]
    if isinstance(trigger, At):
        gaps.append((slots[0] - now).total_seconds())
    if gaps and min(gaps) < MIN_INTERVAL_SECONDS:
        least = describe_seconds(MIN_INTERVAL_SECONDS)
        raise RefusedError(f"{describe_seconds(min(gaps))} is too short; the minimum is {least}")
    return slots[0]


def _slots(trigger: Trigger, now: datetime, expires_at: datetime) -> list[datetime]:
    found: list[datetime] = []
    at: datetime | None = now
    while at is not None and len(found) <= MAX_FIRES:
        at = trigger.next_after(at)
        if at is None or at > expires_at:
            break
        found.append(at)
    return found
