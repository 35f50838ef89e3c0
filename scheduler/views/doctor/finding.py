"""A finding of the doctor: what was checked, the result, and the fix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

Level = Literal["problem", "warning", "note", "ok"]

_MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; a problem always comes with its fix."""

    level: Level
    name: str
    text: str
    fix: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        return asdict(self)


Findings: TypeAlias = Iterator[Finding]


def counted(things: Sized, noun: str) -> str:
    """Return ``1 job`` or ``2 jobs``."""
    return f"1 {noun}" if len(things) == 1 else f"{len(things)} {noun}s"


def named(names: Iterable[str]) -> str:
    """Return the first few names."""
    listed = list(names)
    shown = ", ".join(listed[:_MAX_NAMED])
    return shown if len(listed) <= _MAX_NAMED else f"{shown}, ..."
