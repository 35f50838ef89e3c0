"""The marks that a step adds to its run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from scheduler.core.run.conversation import Call
from scheduler.core.run.step import Step
from scheduler.core.trust.effect import Declared
from scheduler.core.trust.marks import Marks


def marks_of_step(step: Step, calls: Iterable[Call], tools: Mapping[str, Declared]) -> Marks:
    """Return the marks that a step adds: of messages, of results, and of calls that it begins."""
    marks = Marks()
    for label in [m.provenance for m in step.messages] + [r.provenance for r in step.results]:
        marks |= Marks.of_label(label)
    started = set(step.started)
    begun = [call for call in (*calls, *step.planned) if call.id in started]
    return marks | Marks.of_calls(begun, tools)
