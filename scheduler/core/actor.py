"""Actors: who asks for something.  Doors and the engine pass one in; what is stored is its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Actor:
    """A person at this machine, a run's agent, a person who came through a door, or the daemon itself.

    Its text, as records have it: ``person``, ``agent:RUN``, ``door:web:NAME``, ``daemon``.

    Raises:
        ValueError: an agent or a door without a name, another one with a name, or a name that is more than
            printable text: it stands in records and messages.
    """

    kind: Literal["person", "agent", "door", "daemon"]
    name: str = ""

    def __post_init__(self) -> None:
        if bool(self.name) != (self.kind in ("agent", "door")) or not self.name.isprintable():
            raise ValueError(f"{self.name!r} is not a name for the actor {self.kind}")

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind

    @classmethod
    def agent(cls, run_id: str) -> Actor:
        """Return the agent of a run."""
        return cls("agent", run_id)

    @classmethod
    def door(cls, door: str, name: str) -> Actor:
        """Return the person whom a door knows under a name.

        Raises:
            ValueError: one of them is empty, or the door has a colon, which would hide where it ends.
        """
        if not door or not name or ":" in door:
            raise ValueError(f"{name!r} of {door!r} is not a name that a door knows")
        return cls("door", f"{door}:{name}")

    @property
    def words(self) -> str:
        """Who it is, in a sentence."""
        match self.kind:
            case "person":
                return "a person"
            case "agent":
                return f"the agent of run {self.name}"
            case "door":
                door, _, name = self.name.partition(":")
                return f"{name} ({door})"
            case "daemon":
                return "the daemon"


PERSON = Actor("person")
"""Whoever has a shell on this machine, and with it everything that agentcron may do."""

DAEMON = Actor("daemon")
