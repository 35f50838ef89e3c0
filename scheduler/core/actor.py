"""Actors: who causes an action.  Doors and the engine pass one in; its text is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Actor:
    """A person at this machine, the agent of a run, a person behind a door, or the daemon.

    Its text in records: ``person``, ``agent:RUN``, ``door:web:NAME``, ``daemon``.

    Raises:
        ValueError: an agent or a door without a name, another kind with a name, or a name with unprintable
            text: it is shown in records and messages.
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
        """Return a person whom a door identifies by a name.

        Raises:
            ValueError: one of them is empty, or the door contains a colon, the separator.
        """
        if not door or not name or ":" in door:
            raise ValueError(f"{name!r} of {door!r} is not a name that a door knows")
        return cls("door", f"{door}:{name}")

    @property
    def words(self) -> str:
        """The actor as part of a sentence."""
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
"""A user with a shell on this machine, and so with all rights of agentcron."""

DAEMON = Actor("daemon")
