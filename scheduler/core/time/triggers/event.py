"""``@event github:pull_request``: fire when a source reports an event, never by the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from scheduler.core.text.suggest import did_you_mean
from scheduler.core.time.triggers.base import EventKind, EventKinds, Schedule, Trigger
from scheduler.errors import ConfigError

_MAX_CHARS = 1_000


@dataclass(frozen=True, slots=True)
class Event(Trigger):
    """Fire for each event of a kind that matches its patterns.

    Args:
        event: the kind of events, as a source declares it.
        subject: a pattern for the event's subject, ``inbox/*.md``; empty for any.
        options: further patterns by name, sorted, ``(("repo", "owner/name"),)``.
    """

    kind = "event"
    word = "@event"
    by_clock = False
    takes_argument = True

    event: str
    subject: str = ""
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def own_options(
        cls, words: Sequence[str], events: Callable[[], EventKinds]
    ) -> Mapping[str, Callable[[str], Any]]:
        """The options that the source of this kind declares."""
        declared, _ = _split(" ".join(words[1:]), events().kinds)
        return {} if declared is None else dict.fromkeys(declared.options, _pattern)

    @classmethod
    def read(cls, schedule: Schedule) -> Self:
        """Parse the kind, which a source must declare, and its subject."""
        text, known = schedule.argument, schedule.events()
        declared, subject = _split(text, known.kinds)
        if declared is None:
            names = [f"{each.name}:{each.subject}" if each.subject else each.name for each in known.kinds]
            hint = did_you_mean(text, [each.name for each in known.kinds])
            if not hint:
                hint = f"there are {', '.join(names)}" if names else "no source of events is installed"
            faults = "".join(f"\n{fault}" for fault in known.faults)
            raise ConfigError(
                f'no source declares events of the kind "{text}"', code="E11", help=hint + faults
            )
        if declared.subject and not subject:
            raise ConfigError(
                f"{declared.name} needs a subject",
                code="E11",
                help=f"write @event {declared.name}:{declared.subject}",
            )
        return cls(declared.name, _pattern(subject) if subject else "", tuple(sorted(schedule.own.items())))

    def describe(self) -> str:
        """The kind and the subject as written; the options are elsewhere on the line."""
        return f"@event {self._name}"

    def explain(self, tz: str = "UTC") -> str:
        """In words."""
        chosen = ", ".join(f"{name}={pattern}" for name, pattern in self.options)
        return f"when an event {self._name} arrives{f' with {chosen}' if chosen else ''}"

    def to_json(self) -> dict[str, Any]:
        """As the database has it."""
        return {
            "kind": "event",
            "event": self.event,
            "subject": self.subject,
            "options": [list(pair) for pair in self.options],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Back from the database; whether a source still declares the kind is not checked."""
        return cls(data["event"], data["subject"], tuple((name, text) for name, text in data["options"]))

    @property
    def _name(self) -> str:
        return f"{self.event}:{self.subject}" if self.subject else self.event


def _split(text: str, kinds: Sequence[EventKind]) -> tuple[EventKind | None, str]:
    """Return the declared kind in a text, and the subject after it; the longest name wins."""
    for declared in sorted(kinds, key=lambda each: -len(each.name)):
        if text == declared.name:
            return declared, ""
        if declared.subject and text.startswith(f"{declared.name}:"):
            return declared, text[len(declared.name) + 1 :]
    return None, ""


def _pattern(text: str) -> str:
    if not text.strip() or len(text) > _MAX_CHARS:
        raise ConfigError(f"a pattern has 1 to {_MAX_CHARS} characters", code="E11")
    return text
