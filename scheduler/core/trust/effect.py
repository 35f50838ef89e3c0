"""Effect classes: what may be repeated when nobody knows whether a call happened."""

from __future__ import annotations

import hashlib
from enum import StrEnum


class Effect(StrEnum):
    """What a crash between ``started`` and the result means for a call."""

    PURE = "pure"
    """Changes nothing outside: run it again."""
    KEYED = "keyed"
    """May be repeated with the same key: run it again with that key."""
    PROBE = "probe"
    """Can look whether it happened: ask, then run it or not."""
    OPAQUE = "opaque"
    """Anything else: never run it again; tell the agent that the outcome is unknown."""


def call_key(run_id: str, call_id: str) -> str:
    """Return the idempotency key of a call: the same after every crash, whatever the attempt."""
    return hashlib.sha256(f"{run_id}\n{call_id}".encode()).hexdigest()
