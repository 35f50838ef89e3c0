"""Reasons: the meaning of each reason code, whether it ends by itself, and the command to continue.

This table is the only place: the engine takes wake-ups from it, views and doors take commands.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple, TypeAlias

from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.budget import write_tokens
from scheduler.core.run.run import Run, State
from scheduler.errors import Unit

CapUnit: TypeAlias = Unit | Literal["effects"]


class Ends(StrEnum):
    """How a reason ends without a person; the text is for the docs."""

    NEVER = "no"
    SOON = "checked again within about a minute"
    SLOW = "checked again within about an hour"
    JOB_DAY = "the next day of the job's zone"
    FLEET_DAY = "the next day of UTC"
    TIME = "its wake-up"
    ANSWER = "an answer, or the expiry of the question"


class Way(NamedTuple):
    """How a person can continue the run: in words, and as a command template."""

    words: str
    command: str


RESUME = Way("continue", "agentcron resume {run}")
GIVE_MORE = Way("raise its cap", "agentcron resume {run} --budget {more}")
SEE_QUESTIONS = Way("see its question", "agentcron approvals")
START_AFRESH = Way("start a new run", "agentcron run {job}")
UNPAUSE = Way("let it fire again", "agentcron unpause {job}")


@dataclass(frozen=True, slots=True)
class Reason:
    """One line of the table.

    Args:
        code: as it is stored.
        meaning: one sentence.
        ends: what ends it without a person; a parked run fails after some days in any case.
        way: what a person can do.
        unit: what the exhausted cap counts, or None if ``--budget`` does not raise it.
    """

    code: str
    meaning: str
    ends: Ends = Ends.NEVER
    way: Way = RESUME
    unit: CapUnit | None = None

    @property
    def is_daily(self) -> bool:
        """Whether the next day ends it."""
        return self.ends in (Ends.JOB_DAY, Ends.FLEET_DAY)

    @property
    def is_question(self) -> bool:
        """Whether the run waits for the answer to a question."""
        return self.ends is Ends.ANSWER

    def command(self, run: Run) -> str:
        """Return the command that continues this run, which has this reason."""
        way = self.way
        if run.state is State.RETRYING:
            way = RESUME  # at a cap it waits for requests in flight, and may continue without a new cap
        elif run.state is State.SKIPPED and way is RESUME:
            way = START_AFRESH  # a gate and a restore also skip slots: there is nothing to resume
        return way.command.format(run=run.id, job=run.job, more=more(run, self.unit))


_C = ReasonCode
_LINES = (
    Reason(
        _C.MISFIRE,
        "The slot was missed, and `window` or `catchup` did not allow it to be caught up.",
        way=START_AFRESH,
    ),
    Reason(_C.OVERLAP, "An earlier run of the job was not over.", way=START_AFRESH),
    Reason(_C.PAUSED, "The job was paused.", way=UNPAUSE),
    Reason(_C.RESTORED, "The database was restored from a backup: what was done since then is unknown."),
    Reason(_C.GATE, "The gate said no (skipped), or failed itself (failed)."),
    Reason(_C.BUDGET, "The run has spent its cap in dollars.", way=GIVE_MORE, unit="usd"),
    Reason(_C.BUDGET_TOKENS, "The run has spent its cap in tokens.", way=GIVE_MORE, unit="tokens"),
    Reason(_C.BUDGET_DAY, "The job has spent its day's cap in dollars.", Ends.JOB_DAY, GIVE_MORE, unit="usd"),
    Reason(
        _C.BUDGET_DAY_TOKENS,
        "The job has spent its day's cap in tokens.",
        Ends.JOB_DAY,
        GIVE_MORE,
        unit="tokens",
    ),
    Reason(_C.BUDGET_FLEET, "All jobs together have spent `FLEET_BUDGET` in dollars.", Ends.FLEET_DAY),
    Reason(_C.BUDGET_FLEET_TOKENS, "All jobs together have spent `FLEET_BUDGET` in tokens.", Ends.FLEET_DAY),
    Reason(_C.EFFECTS_DAY, "The job has used up `effects/day`.", Ends.JOB_DAY, GIVE_MORE, unit="effects"),
    Reason(_C.WAKES_HOUR, "The job has used up `wakes/hour`.", Ends.TIME),
    Reason(_C.MAX_STEPS, "The attempt has reached `max-steps`."),
    Reason(
        _C.NO_PROGRESS,
        "The same calls had the same results several times in a row, or the same text was cut off.",
    ),
    Reason(_C.TIMEOUT, "The attempt took longer than `timeout`."),
    Reason(_C.APPROVAL, "A call needs an approval.", Ends.ANSWER, SEE_QUESTIONS),
    Reason(_C.KEY, "The model cannot be used: its key or other requirements are missing.", Ends.SLOW),
    Reason(_C.LOG, "The daily log cannot be written.", Ends.SOON),
    Reason(_C.TOOL, "A tool of the job is missing or unusable, or its source cannot be opened.", Ends.SOON),
    Reason(_C.TRUST, "The trust file cannot be read, or the profile is not known.", Ends.SOON),
    Reason(_C.VERSION, "A newer agentcron pinned options that this one does not know.", Ends.SOON),
    Reason(_C.WORKDIR, "The workdir is missing, or not the one that was loaded.", Ends.SOON),
    Reason(_C.AUTH, "The API refuses the key.", Ends.SLOW),
    Reason(_C.BILLING, "The API requires payment.", Ends.SLOW),
    Reason(_C.CONTEXT, "The conversation no longer fits into the model's context window.", way=START_AFRESH),
    Reason(_C.INVALID, "The API refuses this conversation."),
    Reason(_C.REFUSAL, "The model refused to continue."),
    Reason(_C.SILENT, "The model gave an empty answer twice in a row."),
    Reason(_C.UNKNOWN_ANSWER, "The API or the model gave an answer of an unknown kind."),
    Reason(_C.CUT, "The connection to the API broke.", Ends.TIME),
    Reason(_C.OVERLOADED, "The API is overloaded or has an error of its own.", Ends.TIME),
    Reason(_C.RATE_LIMITED, "The API limits the rate of requests.", Ends.TIME),
    Reason(_C.MODEL, "The API failed more times in a row than `retries` allows."),
    Reason(_C.AGENT, "The agent reported failure."),
    Reason(_C.CANCELLED, "A person cancelled the run, or a newer run replaced it."),
    Reason(_C.CRASHED, "Its runners died too often."),
    Reason(_C.DEADLINE, "It was parked, and nobody resumed it before the deadline."),
    Reason(_C.ANSWER, "An answer of the model or a tool is nested too deeply to be stored."),
    Reason(_C.CONFIG, "The configuration is wrong."),
    Reason(_C.SYSTEM, "The operating system reported an error."),
    Reason(_C.INTERNAL, "An internal error: please report it."),
)

REASONS: dict[str, Reason] = {reason.code: reason for reason in _LINES}


def find(code: str) -> Reason:
    """Return the reason of a stored code; an unknown one needs a person."""
    return REASONS.get(code) or Reason(code, "A code that this version does not know.")


def of(run: Run) -> Reason:
    """Return the reason why a run waits, ended or was skipped."""
    return find(run.reason_code)


def more(run: Run, unit: CapUnit | None = "usd") -> str:
    """Return a sufficient new cap for a run at its cap, as ``--budget`` accepts it.

    One dollar more than it has spent, or a hundred thousand tokens more, in whole thousands.
    """
    if unit == "effects":
        return "+10effects"
    if unit == "tokens":
        return write_tokens(-(-run.tokens // 1_000) * 1_000 + 100_000)
    return f"{run.cost_microusd / 1_000_000 + 1:.2f}"
