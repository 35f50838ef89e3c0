"""Going on: what a person types so that a run that rests goes on, said alike by every verb."""

from __future__ import annotations

from scheduler.core.run import Run


def asks(run: Run) -> bool:
    """Whether the run waits for the answer to a question."""
    return run.reason_code == "approval"


def go_on(run: Run) -> str:
    """Return the command that lets a resting run go on."""
    return "agentcron approvals" if asks(run) else f"agentcron resume {run.id}"
