"""The backend port: execute a claimed run; and the desk, the interface for its calls.

The built-in loop over a model is one backend.  Others have their own loop, such as a command-line agent:
they execute their tools themselves, and call the desk before and after each call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Call, Usage
from scheduler.ports.tool import ToolAnswer, ToolSpec

Interruption: TypeAlias = Literal["stop", "cancel", "lost", "timeout"]
"""Why an attempt ends before its run waits or is over."""


@dataclass(frozen=True, slots=True)
class ForeignCall:
    """A call that a backend's own agent requests.

    Args:
        id: unique within the run, and the same when the call is begun again after a crash.
    """

    id: str
    name: str
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Allowed:
    """The call may begin: its start is on the disk.

    Args:
        key: its idempotency key.
        hosts: the hosts that it may contact, by grant.
        network: whether it may use the network, by grant.
    """

    key: str
    hosts: tuple[str, ...] = ()
    network: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """The call does not begin, or happened inside the desk: this is its result."""

    result: ToolAnswer
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Rested:
    """The run waits or is over, or the attempt must stop: the backend returns at once.

    When the run continues, the backend begins the same call again.
    """


DeskAnswer: TypeAlias = Allowed | Answered | Rested


class Desk(Protocol):
    """The interface of a backend.  Every change is on the disk when a method returns.

    A run has one open call at a time: it is answered before the agent says anything or requests another call.

    Every method raises ValueError if it is called in the wrong order, and LostLeaseError or StoreError
    if nothing can be written any more; a backend must not catch these.
    """

    @property
    def checkpoint(self) -> Checkpoint:
        """The run at present."""
        ...

    @property
    def tools(self) -> Mapping[str, ToolSpec]:
        """The specs of the run's tools, its own and the backend's."""
        ...

    @property
    def doubtful(self) -> tuple[Call, ...]:
        """Calls that had started when a process died: their outcome is unknown."""
        ...

    @property
    def news(self) -> str:
        """What the agent must be told before it continues: a person resumed the run; empty when none did.

        ``heard(desk.news)`` records that it was told.  After a sleep the result of the call contains it.
        """
        ...

    async def open(self) -> str | None:
        """Open the conversation, and return the first message for the agent.

        The gate runs before the first message is written.  Later calls return the same text.  None: there
        is nothing to do, or nothing may be done now; the backend returns at once.
        """
        ...

    async def heard(self, text: str, provenance: str = "own") -> None:
        """Record a message to the agent between its calls, such as the news."""
        ...

    def saying(self, delta: str) -> None:
        """Show observers a part of the agent's present message; only ``said`` records it."""
        ...

    async def said(self, text: str) -> None:
        """Record a message of the agent; observers get it now, unless ``saying`` has shown it in parts."""
        ...

    async def begin(self, call: ForeignCall) -> DeskAnswer:
        """Judge a call, and record its start.

        The backend acts with exactly these arguments.  A call that was begun before is not started a second
        time: the same answer is returned again, or an error while it is under way.
        """
        ...

    async def record(self, call_id: str, result: ToolAnswer, *, is_error: bool = False) -> None:
        """Record the result of a call that had started."""
        ...

    async def lose(self, call_id: str) -> ToolAnswer:
        """Record that the outcome of a call is unknown; return the message for the agent."""
        ...

    async def used(self, usage: Usage, cost_microusd: int | None) -> bool:
        """Count the cost of a request; false if the run waits now, or the attempt must stop.

        While a call is under way the run keeps running: the next counted request lets it wait.

        Args:
            cost_microusd: None counts the tokens at the price of the job's model.
        """
        ...

    async def transcript(self) -> bytes:
        """Return the stored transcript of the agent; empty if there is none, or it is damaged.

        A backend compares it with the agent's files and restores them if they differ.
        """
        ...

    async def keep_transcript(self, data: bytes, *, is_whole: bool = False) -> None:
        """Store a part of the agent's own transcript, which grows by parts.

        It is written with the next step of the run, so it costs no commit, and is lost with a crash before
        that: it is a cache, and the run is recorded by the other methods.

        Args:
            is_whole: the part replaces all earlier ones.

        Raises:
            RefusedError: the run would store more than 32 MiB.
        """
        ...

    async def end(self, summary: str, outcome: Literal["done", "nothing_to_do", "failed"] = "done") -> None:
        """End the run, with the agent's summary."""
        ...


class Attempt(Protocol):
    """The part of a run between a claim and its release, for a backend."""

    @property
    def run_id(self) -> str:
        """The run that is executed."""
        ...

    @property
    def must_stop(self) -> Interruption | None:
        """Why it must stop now, or None; checked before each step."""
        ...


class Backend(Protocol):
    """Execute runs."""

    @property
    def tools(self) -> Mapping[str, ToolSpec]:
        """The specs of its agent's own tools, by name: it executes them itself, each judged by the desk."""
        ...

    async def advance(self, attempt: Attempt, desk: Desk) -> None:
        """Execute a claimed run until it waits, is over, or ``attempt.must_stop``.

        A run that is left in any other state fails.  The method is cancelled when the attempt is interrupted
        in the middle of something, and must leave nothing running then.
        """
        ...
