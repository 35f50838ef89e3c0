"""A placeholder for a stored trigger whose kind is not installed, or cannot be read here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from scheduler.core.time.triggers.base import Trigger


@dataclass(frozen=True, slots=True)
class MissingTrigger(Trigger):
    """Never fires, and keeps the stored values for a version or plug-in that can read them.

    Args:
        name: the stored kind.
        stored: all that was stored, as JSON text.
    """

    kind = "missing"
    by_clock = False

    name: str
    stored: str

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Keep the values."""
        return cls(str(data.get("kind")), json.dumps(data))

    def describe(self) -> str:
        """The word of its kind, as far as it is known."""
        return f"@{self.name}"

    def explain(self, tz: str = "UTC") -> str:
        """In words."""
        return f"never, because its stored schedule @{self.name} cannot be read here"

    def to_json(self) -> dict[str, Any]:
        """The stored values."""
        stored: dict[str, Any] = json.loads(self.stored)
        return stored
