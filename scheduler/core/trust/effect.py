"""Effect classes: what may be repeated if it is unknown whether a call happened; and which calls act."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Protocol


class Effect(StrEnum):
    """What a crash between ``started`` and the result means for a call."""

    PURE = "pure"
    """Changes nothing outside: run it again."""
    KEYED = "keyed"
    """May be repeated with the same key: run it again with that key."""
    PROBE = "probe"
    """Can check whether it happened: check, then run it or not."""
    OPAQUE = "opaque"
    """Anything else: never run it again; tell the agent that the outcome is unknown."""


class Declared(Protocol):
    """The declaration of a tool; ``ports.tool.ToolSpec`` is one."""

    @property
    def name(self) -> str: ...
    @property
    def effect(self) -> Effect: ...
    @property
    def reads_private(self) -> bool: ...
    @property
    def reads_untrusted(self) -> bool: ...
    @property
    def external(self) -> bool: ...


def acts(tool: Declared) -> bool:
    """Whether calls of a tool may change anything, in the workdir or outside."""
    return tool.effect is not Effect.PURE or tool.external


def may_act(planned: Effect, tool: Declared | None) -> bool:
    """Whether a call may act, as planned or as its tool, if installed, declares now."""
    return planned is not Effect.PURE or (tool is not None and acts(tool))


def call_key(run_id: str, call_id: str) -> str:
    """Return the idempotency key of a call: the same after every crash, whatever the attempt."""
    return hashlib.sha256(f"{run_id}\n{call_id}".encode()).hexdigest()
