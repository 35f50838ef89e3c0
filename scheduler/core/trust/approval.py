"""An approval: a person's consent to one call, with exactly these arguments, used once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from scheduler.core.text.redact import OURS

ApprovalState = Literal["asked", "approved", "denied", "expired", "used"]


@dataclass(frozen=True, slots=True)
class Approval:
    """One question to a person, and its answer.

    Args:
        digest: of tool, arguments, run and policy; see ``digest``.
        rule: which rule asks: ``no-grant`` or ``rule-of-two``.
        reason: why, in one sentence.
        answer: the person's text with a denial.
    """

    id: str = field(metadata=OURS)
    run_id: str = field(metadata=OURS)
    call_id: str = field(metadata=OURS)
    job: str
    tool: str
    args: Mapping[str, Any]
    digest: str = field(metadata=OURS)
    rule: str = field(metadata=OURS)
    reason: str
    state: ApprovalState = field(metadata=OURS)
    asked_at: datetime
    expires_at: datetime
    answered_at: datetime | None = None
    answer: str = ""


OUTSIDE = ""
ALWAYS = "always"
"""The prefix of the rule of a call that is allowed by a grant from a person's "always"."""


@dataclass(frozen=True, slots=True)
class Used:
    """The calls that the runs of a job and of its follow-ups have started: by tool, and effects outside."""

    calls: Mapping[str, int] = field(default_factory=dict)
    outside: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """One call of a tool that starts now, where a grant allows ``most`` of them since ``since``.

    With `OUTSIDE` as the tool: of all effects outside, which the job's budget counts.
    """

    tool: str
    most: int
    since: datetime


def digest(run_id: str, tool: str, args: Mapping[str, Any], policy_version: str) -> str:
    """Return the digest that an approval is bound to: after any change the run asks again.

    The arguments are in canonical form: keys sorted, no blanks, only JSON's own escapes (RFC 8785 without its
    rule for numbers, which Python writes in one way only).
    """
    canonical = json.dumps(
        [run_id, tool, dict(args), policy_version], sort_keys=True, separators=(",", ":"), ensure_ascii=True
    )
    return hashlib.sha256(canonical.encode()).hexdigest()
