"""The halt port: why a home starts nothing, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Halt:
    """Why a home is halted, and since when (aware UTC; None: unknown)."""

    reason: str
    since: datetime | None
