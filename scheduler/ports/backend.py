"""The backend port: what takes a claimed run forward; and the desk, by which it acts.

Our own loop over a model is one backend.  Others bring a loop of their own, such as an agent's command line:
they run their tools themselves, and ask the desk before and after each call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Call, Usage
from scheduler.ports.tool import ToolAnswer, ToolSpec

Interruption: TypeAlias = Literal["stop", "cancel", "lost", "timeout"]
"""Why an attempt ends before its run rests or is over."""


@dataclass(frozen=True, slots=True)
class ForeignCall:
    """A call that a backend's own agent wants to make.

    Args:
        id: unique within the run, and the same when the backend asks again after a crash.
    """

    id: str
    name: str
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Allowed:
    """The call may begin: that it does is on the disk.

    Args:
        key: its idempotency key.
        hosts: the hosts that it may reach, by grant.
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
    """The run has come to rest or is over, or the attempt must stop: the backend returns at once.

    When the run goes on, the backend asks for the same call again.
    """


DeskAnswer: TypeAlias = Allowed | Answered | Rested


class Desk(Protocol):
    """What a backend may ask for.  Everything that is asked for is on the disk when the answer comes.

    A run has one open call at a time: it is answered before the agent says or asks for anything else.

    Every method raises ValueError when it is asked for in the wrong order, and LostLeaseError or StoreError
    when nothing can be written any more; a backend lets them pass.
    """

    @property
    def checkpoint(self) -> Checkpoint:
        """The run as it stands."""
        ...

    @property
    def tools(self) -> Mapping[str, ToolSpec]:
        """What the tools of the run declare, its own and the backend's."""
        ...

    @property
    def doubtful(self) -> tuple[Call, ...]:
        """Calls that had begun when a process died: nobody knows whether they happened."""
        ...

    @property
    def news(self) -> str:
        """What the agent must be told before it goes on: a person resumed the run; empty when none did.

        ``heard(desk.news)`` records that it was told.  After a sleep the answer to the call says it.
        """
        ...

    async def open(self) -> str | None:
        """Open the conversation, and return what the agent is told first.

        The gate is asked before the first message is written.  Later it returns the same text.  None: there
        is nothing to do, or nothing may be done now; the backend returns at once.
        """
        ...

    async def heard(self, text: str, provenance: str = "own") -> None:
        """Record what the agent is told between its calls, such as the news."""
        ...

    def saying(self, delta: str) -> None:
        """Show observers a piece of what the agent says at this moment; it is recorded by ``said`` alone."""
        ...

    async def said(self, text: str) -> None:
        """Record what the agent said; observers hear it now, unless ``saying`` has shown it in pieces."""
        ...

    async def begin(self, call: ForeignCall) -> DeskAnswer:
        """Judge a call, and record that it begins.

        The backend acts with exactly these arguments.  A call that was asked for before is not begun a second
        time: its answer is given again, or an error while it is under way.
        """
        ...

    async def record(self, call_id: str, result: ToolAnswer, *, is_error: bool = False) -> None:
        """Record what became of a call that had begun."""
        ...

    async def lose(self, call_id: str) -> ToolAnswer:
        """Record that nobody knows whether a call happened; return what the agent is told of it."""
        ...

    async def used(self, usage: Usage, cost_microusd: int | None) -> bool:
        """Count what a request has cost; false when the run rests now, or the attempt must stop.

        While a call is under way the run does not rest: the next request that is counted lets it.

        Args:
            cost_microusd: None lets the tokens be counted at the price of the job's model.
        """
        ...

    async def transcript(self) -> bytes:
        """Return what was kept of the agent's own transcript; empty when nothing was, or it is damaged.

        A backend compares it with the agent's files and restores them when they differ.
        """
        ...

    async def keep_transcript(self, data: bytes, *, is_whole: bool = False) -> None:
        """Keep a piece of the agent's own transcript, which grows by pieces.

        It is written with the next step of the run, so it costs no commit, and is lost with a crash before
        that: it is a cache, and the run's record is what the other methods are given.

        Args:
            is_whole: the piece takes the place of all before it.

        Raises:
            RefusedError: the run would keep more than 32 MiB.
        """
        ...

    async def end(self, summary: str, outcome: Literal["done", "nothing_to_do", "failed"] = "done") -> None:
        """End the run: its agent has said its last word."""
        ...


class Attempt(Protocol):
    """The stretch between a claim and its release, as a backend sees it."""

    @property
    def run_id(self) -> str:
        """The run that is being taken on."""
        ...

    @property
    def must_stop(self) -> Interruption | None:
        """Why it must come to its end now, or None; asked before each step."""
        ...


class Backend(Protocol):
    """Takes runs forward."""

    @property
    def tools(self) -> Mapping[str, ToolSpec]:
        """What its agent's own tools declare, by name: it runs them itself, each judged by the desk."""
        ...

    async def advance(self, attempt: Attempt, desk: Desk) -> None:
        """Go on with a claimed run until it rests, is over, or ``attempt.must_stop``.

        A run that is left in any other state fails.  It is cancelled when the attempt is interrupted in the
        middle of something, and must leave nothing running then.
        """
        ...
