"""Marks: properties of a run that count for the rule of two.

The rule of two (Meta, "Agents Rule of Two", 2025): untrusted input, private data, and effects outside; a run
that has all three can be made to send private data to a third party.  Marks are only ever added,
and are stored with the run, so that neither sleep nor a summary loses them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from scheduler.core.trust.effect import Declared

WORKDIR = "workdir"
"""The source of data read in a folder where an earlier run may have left private data."""

UNTRUSTED, PRIVATE, EXTERNAL = "untrusted", "private", "external"

TRUSTED_LABELS = frozenset({"owner", "own"})

_UNLABELLED = f"{UNTRUSTED}:unlabelled"


class Named(Protocol):
    """The declaration of a call for marks: the name of its tool."""

    @property
    def name(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Marks:
    """A set of marks, each a kind and its source: ``untrusted:fetch``, ``private:workdir``."""

    found: frozenset[str] = frozenset()

    @classmethod
    def of(cls, *marks: str) -> Marks:
        """Return the marks with these texts."""
        return cls(frozenset(marks))

    @classmethod
    def parse(cls, text: str) -> Marks:
        """Return the marks of a stored text."""
        return cls(frozenset(text.split("+"))) if text else cls()

    @classmethod
    def of_label(cls, label: str) -> Marks:
        """Return the marks of a text with this provenance; an unknown label counts as untrusted."""
        parts = label.split("+") if label else [_UNLABELLED]
        strange = [part for part in parts if part not in TRUSTED_LABELS]
        return cls(frozenset(part if part.startswith(f"{UNTRUSTED}:") else _UNLABELLED for part in strange))

    @classmethod
    def of_calls(cls, calls: Iterable[Named], tools: Mapping[str, Declared]) -> Marks:
        """Return the marks that calls add when they start; a tool that is not installed adds none.

        Their results are marked by their labels.
        """
        marks: set[str] = set()
        for tool in (tools[call.name] for call in calls if call.name in tools):
            if tool.reads_private:
                marks.add(f"{PRIVATE}:{tool.name}")
            if tool.external:
                marks.add(f"{EXTERNAL}:{tool.name}")
        return cls(frozenset(marks))

    @classmethod
    def of_siblings(cls, calls: Iterable[Named], tools: Mapping[str, Declared]) -> Marks:
        """Return the marks that calls add for others of the same message: also those of their results."""
        known = [call for call in calls if call.name in tools]
        brought = [tools[call.name].name for call in known if tools[call.name].reads_untrusted]
        return cls.of_calls(known, tools) | cls.of(*(f"{UNTRUSTED}:{name}" for name in brought))

    def __or__(self, other: Marks) -> Marks:
        """Return both sets together."""
        return Marks(self.found | other.found)

    def __str__(self) -> str:
        """Return the marks as they are stored and shown: sorted, joined by ``+``."""
        return "+".join(sorted(self.found))

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.found)

    def __iter__(self) -> Iterator[str]:
        """Yield the marks, sorted."""
        return iter(sorted(self.found))

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of the marks."""
        return frozenset(mark.partition(":")[0] for mark in self.found)

    def of_kind(self, kind: str) -> Marks:
        """Return those of one kind."""
        return Marks(frozenset(mark for mark in self.found if mark.partition(":")[0] == kind))

    def sources(self, kind: str) -> tuple[str, ...]:
        """Return the sources of one kind, sorted."""
        return tuple(sorted(mark.partition(":")[2] for mark in self.of_kind(kind).found))


NO_MARKS = Marks()
"""The marks of a new run."""
