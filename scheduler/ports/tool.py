"""The tool port: what an agent may do, declared with its effect class."""

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
    """What a tool declares; what frees a call has no default, because silence would be a claim.

    Args:
        schema: JSON Schema of the arguments (draft 2020-12, unless ``$schema`` names another one).
        effect: what may be repeated after a crash.
        reads_private: reads data from outside the job's workdir that is the owner's.
        reads_untrusted: its result may hold words of strangers.
        external: changes something outside the job's workdir.
        timeout_seconds: after this long the call is cancelled and failed.
        targets: ``targets(args)`` returns what a call reaches, without looking anywhere; a grant with hosts
            or paths covers no call of a tool that does not say.
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
        """Whether the tool says what its calls reach."""
        return self.targets is not no_targets

    def as_param(self) -> dict[str, Any]:
        """Return the tool as the API takes it."""
        return {"name": self.name, "description": self.description, "input_schema": dict(self.schema)}

    @property
    def fingerprint(self) -> str:
        """What changes with whatever a person relies on who consents to a call."""
        claims = (self.effect.value, self.reads_private, self.reads_untrusted, self.external)
        return digest(canonical([self.name, *claims, dict(self.schema)]))

    @property
    def declaration(self) -> str:
        """What changes with whatever the tool declares, and an agent or a person may have read."""
        return digest(canonical([self.fingerprint, self.description]))

    @property
    def provenance(self) -> str:
        """The label of what this tool returns."""
        return f"untrusted:{self.name}" if self.reads_untrusted else "own"


def no_secret(name: str) -> str:
    """Refuse: this call has no secrets.

    Raises:
        ToolFault: always.
    """
    raise ToolFault(f"there is no secret {name}")


@dataclass(frozen=True, slots=True)
class ToolContext:
    """Where a call runs, and what it may reach.

    Args:
        workdir: the job's, absolute.
        key: the call's idempotency key.
        hosts: the hosts that it may reach, by grant: names, or ``*.`` and a name.
        network: whether what it runs may use the network, by grant.
        secret: gives the value of ``SECRET.NAME``, or raises ToolFault; do not print it, do not keep it.
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
    """A tool that acts or looks."""

    @property
    def spec(self) -> ToolSpec:
        """What the tool declares."""
        ...

    async def call(self, args: Args, context: ToolContext) -> ToolAnswer:
        """Do it and return what the agent reads; the arguments fit the schema, which was checked before.

        Raises:
            ToolFault: the tool refuses or fails; the agent is told.
        """
        ...

    async def probe(self, args: Args, context: ToolContext) -> Probe:
        """Look, without changing anything, whether an interrupted call happened."""
        ...


@dataclass(frozen=True, slots=True)
class Rest:
    """The run goes to sleep until one of these wake-ups comes.

    Args:
        reason: what is waited for, in a few words; people see it beside the run.
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
    """What a control call comes to: a result, a rest, or an end.

    Args:
        result: what the agent is told; of a call that rests it is what the runner says at the wake.
    """

    result: str = ""
    rest: Rest | None = None
    end: End | None = None


@dataclass(frozen=True, slots=True)
class ControlTool:
    """A tool that only steers its own run: it happens inside the commit, so it cannot happen twice.

    ``decide(args, now, tz)`` returns an outcome or raises ToolFault; ``now`` is when the agent spoke, and the
    arguments fit the schema.
    """

    spec: ToolSpec
    decide: Callable[[Args, datetime, str], Outcome]


@dataclass(frozen=True, slots=True)
class StageContext:
    """What a staged call may know.

    Args:
        spoken: when the agent asked for it (aware UTC).
        parts: of the checkpoint, those that the tool reads, with what earlier calls of the message change.
    """

    job: Job
    run: Run
    call_id: str
    spoken: datetime
    now: datetime
    parts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Staged:
    """What a staged call comes to: changes, written in the commit of its result.

    Args:
        result: what the agent reads; without a rest.
        rest: sleep in the same commit; the result is what the runner says at the wake.
        marks: what the run has met by what it is told.
        provenance: the label of the result.
        rule: why the call came to less than was asked for, or an empty text.
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
        stage: ``stage(args, context)`` returns what is to be written, or raises ToolFault or RefusedError; it
            touches nothing itself.
        changes: the kinds of changes that it may make; each must have a room in ``agentcron.changes``.
        reads: the parts of the checkpoint that it wants to know.
    """

    spec: ToolSpec
    stage: Callable[[Args, StageContext], Staged]
    changes: frozenset[str]
    reads: tuple[str, ...] = ()


InsideTool: TypeAlias = ControlTool | StagedTool
"""Its calls happen inside the commit that records them, and never act by themselves."""

AnyTool: TypeAlias = Tool | InsideTool


def is_tool(found: object) -> TypeGuard[AnyTool]:
    """Whether what a plug-in gives is a tool."""
    if not isinstance(getattr(found, "spec", None), ToolSpec):
        return False
    return isinstance(found, InsideTool) or all(callable(getattr(found, m, None)) for m in ("call", "probe"))


@dataclass(frozen=True, slots=True)
class ForeignTool:
    """A tool that a backend's own agent runs: only what it declares is known here."""

    spec: ToolSpec

    async def call(self, args: Args, context: ToolContext) -> ToolAnswer:  # noqa: ARG002  (a Tool)
        """Refuse: its backend runs it.

        Raises:
            ToolFault: always.
        """
        raise ToolFault(f"{self.spec.name} is run by the backend of its job")

    async def probe(self, args: Args, context: ToolContext) -> Probe:  # noqa: ARG002  (a Tool)
        """Return that it is unknown: a backend that can look records the result itself."""
        return "unknown"
