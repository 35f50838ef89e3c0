"""The tool port: tools of an agent, declared with their effect class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias, TypeGuard

from scheduler.core.job.job import Job
from scheduler.core.record import canonical, digest
from scheduler.core.run.conversation import Block
from scheduler.core.run.run import Outcome as RunOutcome
from scheduler.core.run.run import Run
from scheduler.core.run.step import Change
from scheduler.core.run.wakeup import WakeUp
from scheduler.core.trust.effect import Effect
from scheduler.core.trust.marks import NO_MARKS, Marks
from scheduler.core.trust.targets import Targets, no_targets
from scheduler.errors import ToolFault

Args: TypeAlias = Mapping[str, Any]
ToolAnswer: TypeAlias = str | tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """The declaration of a tool; what widens rights has no default, so that it must be explicit.

    Args:
        schema: JSON Schema of the arguments (draft 2020-12, unless ``$schema`` names another one).
        effect: what may be repeated after a crash.
        reads_private: reads private data of the owner outside the job's workdir.
        reads_untrusted: its result may contain text of third parties.
        external: changes something outside the job's workdir.
        timeout_seconds: after this long the call is cancelled and failed.
        targets: ``targets(args)`` returns what a call reaches, as a pure function; a grant with hosts
            or paths never covers a call of a tool without it.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    effect: Effect
    reads_private: bool
    reads_untrusted: bool
    external: bool
    timeout_seconds: float = 120.0
    targets: Callable[[Args], Targets] = no_targets

    @property
    def has_targets(self) -> bool:
        """Whether the tool declares what its calls reach."""
        return self.targets is not no_targets

    def as_param(self) -> dict[str, Any]:
        """Return the tool in the API's form."""
        return {"name": self.name, "description": self.description, "input_schema": dict(self.schema)}

    @property
    def fingerprint(self) -> str:
        """A digest of everything that a person relies on when they consent to a call."""
        claims = (self.effect.value, self.reads_private, self.reads_untrusted, self.external)
        return digest(canonical([self.name, *claims, dict(self.schema)]))

    @property
    def declaration(self) -> str:
        """A digest of the whole declaration, which an agent or a person may have read."""
        return digest(canonical([self.fingerprint, self.description]))

    @property
    def provenance(self) -> str:
        """The label of the results of this tool."""
        return f"untrusted:{self.name}" if self.reads_untrusted else "own"


def no_secret(name: str) -> str:
    """Refuse: this call has no secrets.

    Raises:
        ToolFault: always.
    """
    raise ToolFault(f"there is no secret {name}")


@dataclass(frozen=True, slots=True)
class ToolContext:
    """The context of a call, and what it may contact.

    Args:
        workdir: the job's, absolute.
        key: the call's idempotency key.
        hosts: the hosts that it may contact, by grant: names, or ``*.`` and a name.
        network: whether its child processes may use the network, by grant.
        secret: returns the value of ``SECRET.NAME``, or raises ToolFault; do not print or store it.
    """

    run_id: str
    job: str
    workdir: str
    key: str
    env: Mapping[str, str]
    hosts: tuple[str, ...] = ()
    network: bool = False
    secret: Callable[[str], str] = no_secret


Probe = Literal["happened", "did_not_happen", "unknown"]


class Tool(Protocol):
    """A tool that acts or reads."""

    @property
    def spec(self) -> ToolSpec:
        """Its declaration."""
        ...

    async def call(self, args: Args, context: ToolContext) -> ToolAnswer:
        """Execute the call and return the result for the agent; the arguments were validated before.

        Raises:
            ToolFault: the tool refuses or fails; the agent is told.
        """
        ...

    async def probe(self, args: Args, context: ToolContext) -> Probe:
        """Check, without changing anything, whether an interrupted call happened."""
        ...


@dataclass(frozen=True, slots=True)
class Rest:
    """The run goes to sleep until one of these wake-ups comes.

    Args:
        reason: what is waited for, in a few words; people see it next to the run.
    """

    wakeups: tuple[WakeUp, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """The run is over."""

    summary: str
    outcome: RunOutcome


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a control call: a result, a rest, or an end.

    Args:
        result: the text for the agent; for a call that rests it comes from the runner at the wake-up.
    """

    result: str = ""
    rest: Rest | None = None
    end: End | None = None


@dataclass(frozen=True, slots=True)
class ControlTool:
    """A tool that only controls its own run: it happens inside the commit, so it cannot happen twice.

    ``decide(args, now, tz)`` returns an outcome or raises ToolFault; ``now`` is the time of the message, and
    the arguments were validated.
    """

    spec: ToolSpec
    decide: Callable[[Args, datetime, str], Outcome]


@dataclass(frozen=True, slots=True)
class StageContext:
    """The context of a staged call.

    Args:
        spoken: the time of the agent's message (aware UTC).
        parts: the parts of the checkpoint that the tool reads, after earlier calls of the message.
    """

    job: Job
    run: Run
    call_id: str
    spoken: datetime
    now: datetime
    parts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Staged:
    """The outcome of a staged call: changes, written in the commit of its result.

    Args:
        result: the text for the agent; without a rest.
        rest: sleep in the same commit; the result comes from the runner at the wake-up.
        marks: the marks that the result adds to the run.
        provenance: the label of the result.
        rule: why less was done than requested, or an empty text.
    """

    result: ToolAnswer = ""
    changes: tuple[Change, ...] = ()
    rest: Rest | None = None
    marks: Marks = NO_MARKS
    provenance: str = "own"
    rule: str = ""


@dataclass(frozen=True, slots=True)
class StagedTool:
    """A tool that writes through the commit of its run.  It is judged like any effect.

    Args:
        stage: ``stage(args, context)`` returns what to write, or raises ToolFault or RefusedError; it
            changes nothing itself.
        changes: the kinds of its changes; each must have a room in ``agentcron.changes``.
        reads: the parts of the checkpoint that it needs.
    """

    spec: ToolSpec
    stage: Callable[[Args, StageContext], Staged]
    changes: frozenset[str]
    reads: tuple[str, ...] = ()


InsideTool: TypeAlias = ControlTool | StagedTool
"""Its calls happen inside the commit that records them, and never act by themselves."""

AnyTool: TypeAlias = Tool | InsideTool


def is_tool(found: object) -> TypeGuard[AnyTool]:
    """Whether an object of a plug-in is a tool."""
    if not isinstance(getattr(found, "spec", None), ToolSpec):
        return False
    return isinstance(found, InsideTool) or all(callable(getattr(found, m, None)) for m in ("call", "probe"))


@dataclass(frozen=True, slots=True)
class ForeignTool:
    """A tool that a backend's own agent executes: only its declaration is known here."""

    spec: ToolSpec

    async def call(self, args: Args, context: ToolContext) -> ToolAnswer:  # noqa: ARG002  (a Tool)
        """Refuse: its backend executes it.

        Raises:
            ToolFault: always.
        """
        raise ToolFault(f"{self.spec.name} is run by the backend of its job")

    async def probe(self, args: Args, context: ToolContext) -> Probe:  # noqa: ARG002  (a Tool)
        """Return that it is unknown: a backend that can check records the result itself."""
        return "unknown"
