"""What an agent says at this moment, as the end of one line of a terminal."""

from __future__ import annotations

from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.run import Run
from scheduler.core.run.step import Step
from scheduler.ports.observer import Observer

MAX_CHARS = 48


class Live(Observer):
    """Keeps the end of the text that the run of this process produces."""

    def __init__(self) -> None:
        self._text = ""

    def line(self) -> str:
        """Return the end of the text, in one line; empty when nothing is being said."""
        return " ".join(self._text.split())[-MAX_CHARS:]

    def said(self, run: Run, delta: str) -> None:
        """Add a piece."""
        del run
        self._text = (self._text + delta)[-4 * MAX_CHARS :]

    def stepped(self, before: Checkpoint, step: Step, now: Checkpoint) -> None:
        """Begin again: what was said is a message now, or its request has failed."""
        del before, step, now
        self._text = ""
