"""Going on: what a person types so that a run that rests goes on, said alike by every verb."""

from __future__ import annotations

from scheduler.core.run.budget import write_tokens
from scheduler.core.run.run import Run
from scheduler.core.run.turn import wants_tokens


def asks(run: Run) -> bool:
    """Whether the run waits for the answer to a question."""
    return run.reason_code == "approval"


def go_on(run: Run) -> str:
    """Return the command that lets a resting run go on."""
    return "agentcron approvals" if asks(run) else f"agentcron resume {run.id}"


def more(run: Run) -> str:
    """Return the cap that lets a run which has met one go on for a while."""
    if run.reason_code == "effects-day":
        return "+10effects"
    return more_tokens(run) if wants_tokens(run.reason) else f"{run.cost_microusd / 1_000_000 + 1:.2f}"


def more_tokens(run: Run) -> str:
    """Return the same in tokens: a hundred thousand more than it has used, in round thousands."""
    return write_tokens(-(-run.tokens // 1_000) * 1_000 + 100_000)
