"""Compute the marks that a step adds to its run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Call
from scheduler.core.run.step import Step
from scheduler.core.trust.effect import Declared
from scheduler.core.trust.marks import NO_MARKS, Marks


def marks_of_step(step: Step, calls: Iterable[Call], tools: Mapping[str, Declared]) -> Marks:
    """Return the marks that a step adds: of messages, of results, and of calls that it starts."""
    marks = Marks()
    for label in [m.provenance for m in step.messages] + [r.provenance for r in step.results]:
        marks |= Marks.of_label(label)
    started = set(step.started)
    begun = [call for call in (*calls, *step.planned) if call.id in started]
    return marks | Marks.of_calls(begun, tools)


def with_marks(step: Step, checkpoint: Checkpoint, tools: Mapping[str, Declared]) -> Step:
    """Return the step with the marks that it adds."""
    before = checkpoint.run.marks
    now = before | (step.marks or NO_MARKS) | marks_of_step(step, checkpoint.calls, tools)
    # A step with marks of its own, even none, must keep the marks of its run.
    marks = None if now == before else now
    return step if step.marks == marks else replace(step, marks=marks)
