"""Reason codes: one word for why a slot became no run, or why a run waits or ended."""

from __future__ import annotations

from enum import StrEnum


class ReasonCode(StrEnum):
    """The codes of this version; their meaning is in ``core.run.reasons``.

    The vocabulary is open: a database may contain codes of a newer version, so plain text is stored.
    """

    MISFIRE = "misfire"
    OVERLAP = "overlap"
    PAUSED = "paused"
    RESTORED = "restored"
    GATE = "gate"

    BUDGET = "budget"
    BUDGET_TOKENS = "budget-tokens"
    BUDGET_DAY = "budget-day"
    BUDGET_DAY_TOKENS = "budget-day-tokens"
    BUDGET_FLEET = "budget-fleet"
    BUDGET_FLEET_TOKENS = "budget-fleet-tokens"
    EFFECTS_DAY = "effects-day"
    WAKES_HOUR = "wakes-hour"
    MAX_STEPS = "max-steps"
    NO_PROGRESS = "no-progress"
    TIMEOUT = "timeout"

    APPROVAL = "approval"

    KEY = "key"
    LOG = "log"
    TOOL = "tool"
    TRUST = "trust"
    VERSION = "version"
    WORKDIR = "workdir"

    AUTH = "auth"
    BILLING = "billing"
    CONTEXT = "context"
    INVALID = "invalid"
    REFUSAL = "refusal"
    SILENT = "silent"
    UNKNOWN_ANSWER = "unknown-answer"
    CUT = "cut"
    OVERLOADED = "overloaded"
    RATE_LIMITED = "rate_limited"
    MODEL = "model"

    AGENT = "agent"
    CANCELLED = "cancelled"
    CRASHED = "crashed"
    DEADLINE = "deadline"
    ANSWER = "answer"
    CONFIG = "config"
    SYSTEM = "system"
    INTERNAL = "internal"
