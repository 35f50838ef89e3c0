"""A job: the definition of a crontab line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal

from scheduler.core.time.trigger import Trigger

Overlap = Literal["skip", "queue", "replace", "allow"]
CatchUp = Literal["skip", "latest", "all"]
Dst = Literal["once", "elapsed", "skip"]
DayFields = Literal["or", "and"]

DEFAULT_BACKEND = "turns"
"""The built-in loop over a model."""

DEFAULT_MODEL = "claude-sonnet-5-5"
DEFAULT_BUDGET_RUN_USD = 0.50
DEFAULT_BUDGET_DAY_USD = 5.00
DEFAULT_WINDOW_SECONDS = 24 * 3600
"""With ``catchup=latest`` this is "until the next slot, at most 24h": the newest missed slot is the one whose
next slot has not come."""
DEFAULT_WINDOW = "until the next slot, at most 24h"
DEFAULT_TIMEOUT_SECONDS = 30 * 60
DEFAULT_RETRIES = 3
DEFAULT_PAUSE_AFTER = 5
DEFAULT_MAX_STEPS = 50
DEFAULT_COMPACT_TOKENS = 150_000
DEFAULT_TOOLS = ("read", "write", "edit", "glob", "grep")
"""The tools of a job without ``tools=``, besides sleep, note and finish."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Caps of a job: in US dollars; in tokens, effects and wake-ups if they are set (None: no cap).

    ``default`` is true if the job has no budget of its own, so that ``check`` can say that a default applies.
    ``day_effects`` counts calls of tools that act outside the workdir, on the job's local day; ``hour_wakes``
    counts the ends of sleeps within any hour.
    """

    run_usd: float = DEFAULT_BUDGET_RUN_USD
    day_usd: float = DEFAULT_BUDGET_DAY_USD
    default: bool = True
    run_tokens: int | None = None
    day_tokens: int | None = None
    day_effects: int | None = None
    hour_wakes: int | None = None

    def within(self, other: Budget) -> Budget:
        """Return the minimum of two budgets, cap by cap."""
        least: dict[str, Any] = {}
        for cap in (each.name for each in fields(Budget) if each.name != "default"):
            written = [n for n in (getattr(self, cap), getattr(other, cap)) if n is not None]
            least[cap] = min(written, default=None)
        return Budget(**least, default=False)


_NOTHING: Mapping[str, Any] = MappingProxyType({})


def _nothing() -> Mapping[str, Any]:
    """Return one shared mapping: ten thousand empty ones would slow down the garbage collector."""
    return _NOTHING


@dataclass(frozen=True, slots=True)
class Job:
    """One complete job: during a run nothing of it is looked up again, except restrictions.

    Paths (``prompt_file``, ``gate``, ``workdir``) are absolute texts, or None.
    ``prompt`` is the text itself, also if it came from a file.
    ``tools`` is None for "the built-in tools"; sleep, note and finish are always there.
    ``trust`` names a profile; None is the default profile of the trust file.
    ``secrets`` are names and references (``env:NAME``), never values.
    ``keep_seconds`` is how long ended runs are kept; 0 is forever.
    ``made_by`` is the run of the agent that made it (empty: a person wrote it), ``depth`` the number of such
    runs between it and the crontab; ``ends_at`` is when it stops firing (an ISO instant; empty: never).
    ``extra`` contains the options without a field here, by name; their values are JSON values.
    ``unknown`` contains what only a newer version or a missing plug-in understands: dotted names
    (``budget.month_usd``, ``extra.colour``) and JSON texts.  It is kept unchanged, and no attempt begins
    while there is any: it may be a limit.
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
    extra: Mapping[str, Any] = field(default_factory=_nothing, hash=False)
    unknown: tuple[tuple[str, str], ...] = ()
    line: int = field(default=0, compare=False)

    @property
    def backend(self) -> str:
        """The name of the backend that executes its runs."""
        return str(self.extra.get("backend", DEFAULT_BACKEND))

    @property
    def asks_a_model(self) -> bool:
        """Whether its requests go through a provider of ours; other backends have their own access."""
        return self.backend == DEFAULT_BACKEND
