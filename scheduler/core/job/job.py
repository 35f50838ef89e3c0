"""A job: the standing order that a crontab line gives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from scheduler.core.time.trigger import Trigger, trigger_from_json

Overlap = Literal["skip", "queue", "replace", "allow"]
CatchUp = Literal["skip", "latest", "all"]
Dst = Literal["once", "elapsed", "skip"]
DayFields = Literal["or", "and"]

DEFAULT_MODEL = "claude-sonnet-5-5"
DEFAULT_BUDGET_RUN_USD = 0.50
DEFAULT_BUDGET_DAY_USD = 5.00
DEFAULT_WINDOW_SECONDS = 6 * 3600
DEFAULT_TIMEOUT_SECONDS = 30 * 60
DEFAULT_RETRIES = 3
DEFAULT_PAUSE_AFTER = 5
DEFAULT_MAX_STEPS = 50
DEFAULT_COMPACT_TOKENS = 150_000
DEFAULT_TOOLS = ("read", "write", "edit", "glob", "grep")
"""What a job gets that names no tools, beside sleep, note and finish."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Caps of a job: in US dollars; in tokens, effects and wake-ups where somebody wrote one (None: none).

    ``default`` is true when nobody wrote a budget, so that ``check`` can say that a default applies.
    ``day_effects`` counts calls of tools that act outside the workdir, on the job's local day; ``hour_wakes``
    the ends of sleeps within any hour.
    """

    run_usd: float = DEFAULT_BUDGET_RUN_USD
    day_usd: float = DEFAULT_BUDGET_DAY_USD
    default: bool = True
    run_tokens: int | None = None
    day_tokens: int | None = None
    day_effects: int | None = None
    hour_wakes: int | None = None

    def within(self, other: Budget) -> Budget:
        """Return the narrower of two budgets, cap by cap."""
        least: dict[str, Any] = {}
        for cap in (each.name for each in fields(Budget) if each.name != "default"):
            written = [n for n in (getattr(self, cap), getattr(other, cap)) if n is not None]
            least[cap] = min(written, default=None)
        return Budget(**least, default=False)


@dataclass(frozen=True, slots=True)
class Job:
    """One job, complete: nothing of it is looked up again while a run lives, but what restricts it.

    Paths (``prompt_file``, ``gate``, ``workdir``) are absolute texts, or None.
    ``prompt`` is the text itself, also when it came from a file.
    ``tools`` is None for "the built-in tools"; sleep, note and finish are always there.
    ``trust`` names a profile; None is the default one of the trust file.
    ``secrets`` are names and references (``env:NAME``), never values.
    ``keep_seconds`` is how long runs that are over are kept; 0 is for ever.
    ``made_by`` is the run of the agent that made it (empty: a person wrote it), ``depth`` how many such lie
    between it and the crontab; ``ends_at`` is when it may fire no more (an ISO instant; empty: never).
    ``unknown`` is what only a newer version knows of it: dotted names (``budget.month_usd``) and JSON texts.
    It is kept for that version, and no attempt begins while there is any: it may be a limit.
    """

    name: str
    trigger: Trigger
    prompt: str
    tz: str = "UTC"
    model: str = DEFAULT_MODEL
    prompt_file: str | None = None
    dst: Dst | None = None
    fields: DayFields = "or"
    overlap: Overlap = "skip"
    catchup: CatchUp = "latest"
    window_seconds: int = DEFAULT_WINDOW_SECONDS
    jitter_seconds: int = 0
    timeout_seconds: int = DEFAULT_TIMEOUT_SECONDS
    retries: int = DEFAULT_RETRIES
    budget: Budget = Budget()
    pause_after: int = DEFAULT_PAUSE_AFTER
    enabled: bool = True
    gate: str | None = None
    tools: tuple[str, ...] | None = None
    workdir: str | None = None
    max_steps: int = DEFAULT_MAX_STEPS
    compact_tokens: int = DEFAULT_COMPACT_TOKENS
    report: str | None = None
    keep_seconds: int = 0
    trust: str | None = None
    env: tuple[tuple[str, str], ...] = ()
    secrets: tuple[tuple[str, str], ...] = ()
    made_by: str = ""
    depth: int = 0
    ends_at: str = ""
    unknown: tuple[tuple[str, str], ...] = ()
    line: int = field(default=0, compare=False)


_OWN = frozenset(f.name for f in fields(Job)) - {"unknown"}
_CAPS = frozenset(f.name for f in fields(Budget))


def job_to_json(job: Job) -> dict[str, Any]:
    """Return the job as JSON values, to be pinned with a run; ``job_from_json`` reads it back."""
    values = {name: getattr(job, name) for name in (f.name for f in fields(job)) if name in _OWN}
    values["trigger"] = job.trigger.to_json()
    values["budget"] = {f.name: getattr(job.budget, f.name) for f in fields(Budget)}
    values["tools"] = None if job.tools is None else list(job.tools)
    values["env"] = [list(pair) for pair in job.env]
    values["secrets"] = [list(pair) for pair in job.secrets]
    for name, text in job.unknown:
        cap = name.removeprefix("budget.")
        (values if cap == name else values["budget"])[cap] = json.loads(text)
    return values


def job_from_json(values: Mapping[str, Any]) -> Job:
    """Return the job that ``job_to_json`` wrote; what only a newer version knows becomes its ``unknown``."""
    given = {name: value for name, value in values.items() if name in _OWN}
    caps = values["budget"]
    given["trigger"] = trigger_from_json(values["trigger"])
    given["budget"] = Budget(**{name: value for name, value in caps.items() if name in _CAPS})
    given["tools"] = None if values["tools"] is None else tuple(values["tools"])
    given["env"] = tuple((name, value) for name, value in values["env"])
    given["secrets"] = tuple((name, where) for name, where in values.get("secrets", ()))
    strange = {name: value for name, value in values.items() if name not in _OWN}
    strange |= {f"budget.{name}": value for name, value in caps.items() if name not in _CAPS}
    given["unknown"] = tuple((name, json.dumps(value)) for name, value in strange.items())
    return Job(**given)
