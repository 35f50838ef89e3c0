"""What a run has seen and done so far, as marks: the three things of which an unattended run may have two.

The rule of two (Meta, "Agents Rule of Two", 2025): untrusted input, private data, and effects outside; who
has all three can be talked into carrying one man's secrets to another.  Marks are only ever added, and are
stored with the run, so that neither sleep nor a summary launders it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from scheduler.core.trust.effect import Declared

WORKDIR = "workdir"
"""The source of what is read in a folder where an earlier run may have left private data."""

UNTRUSTED, PRIVATE, EXTERNAL = "untrusted", "private", "external"

TRUSTED_LABELS = frozenset({"owner", "own"})


class Named(Protocol):
    """What a call says of itself here: the name of its tool."""

    @property
    def name(self) -> str: ...


def marks_of_label(label: str) -> frozenset[str]:
    """Return the marks that words of this provenance leave; a label that nobody knows is a stranger's."""
    parts = label.split("+") if label else ["untrusted:unlabelled"]
    strange = [part for part in parts if part not in TRUSTED_LABELS]
    return frozenset(
        part if part.startswith(f"{UNTRUSTED}:") else f"{UNTRUSTED}:unlabelled" for part in strange
    )


def marks_of_call(tool: Declared) -> frozenset[str]:
    """Return the marks that a call leaves when it begins; what it brings is marked by its label."""
    marks = set()
    if tool.reads_private:
        marks.add(f"{PRIVATE}:{tool.name}")
    if tool.external:
        marks.add(f"{EXTERNAL}:{tool.name}")
    return frozenset(marks)


def marks_beside(calls: Iterable[Named], tools: Mapping[str, Declared]) -> frozenset[str]:
    """Return the marks that calls of a message leave for those beside them: also what they may bring."""
    brought = {tools[c.name].name for c in calls if c.name in tools and tools[c.name].reads_untrusted}
    return marks_of_calls(calls, tools) | {f"{UNTRUSTED}:{name}" for name in brought}


def marks_of_calls(calls: Iterable[Named], tools: Mapping[str, Declared]) -> frozenset[str]:
    """Return the marks that calls leave when they begin; a tool that is not there leaves none."""
    marks: set[str] = set()
    for call in calls:
        if call.name in tools:
            marks |= marks_of_call(tools[call.name])
    return frozenset(marks)


def kinds(marks: Iterable[str]) -> frozenset[str]:
    """Return which of the three things the marks stand for."""
    return frozenset(mark.partition(":")[0] for mark in marks)


def written(marks: Iterable[str]) -> str:
    """Return marks as they are stored: sorted, joined by ``+``."""
    return "+".join(sorted(marks))


def read(text: str) -> frozenset[str]:
    """Return what ``written`` wrote."""
    return frozenset(text.split("+")) if text else frozenset()
