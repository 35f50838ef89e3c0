"""A plug-in for tests: a schedule ``@fullmoon``, an option ``colour=`` and a source of events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from scheduler.core.job.job import Job
from scheduler.core.job.option import Doubt, Option
from scheduler.core.time.durations import parse_duration, write_duration
from scheduler.core.time.fields import FieldProblem
from scheduler.core.time.triggers.base import EventKind, EventKinds, Schedule, Trigger
from scheduler.errors import ConfigError
from scheduler.ports.source import SourceContext

_FIRST = datetime(2000, 1, 21, 4, 40, tzinfo=UTC)
_MONTH = timedelta(days=29, hours=12, minutes=44, seconds=3)


@dataclass(frozen=True, slots=True)
class FullMoon(Trigger):
    """Fires at each full moon, or some time before it: ``@fullmoon watch "..." before=2h``."""

    kind = "fullmoon"
    word = "@fullmoon"

    before_seconds: int = 0

    @classmethod
    def own_options(
        cls, _words: Sequence[str], _events: Callable[[], EventKinds]
    ) -> Mapping[str, Callable[[str], Any]]:
        """How long before it."""
        return {"before": parse_duration}

    @classmethod
    def read(cls, schedule: Schedule) -> Self:
        """It has no argument."""
        return cls(schedule.own.get("before", 0))

    def next_after(self, instant: datetime) -> datetime:
        """The first full moon after an instant."""
        return self._moon(self._index(instant) + 1)

    def before(self, instant: datetime) -> datetime:
        """The last full moon until an instant."""
        return self._moon(self._index(instant))

    def fires_per_day(self, _now: datetime) -> float:
        """Once in a month of the moon."""
        return timedelta(days=1) / _MONTH

    def explain(self, _tz: str = "UTC") -> str:
        """In words."""
        early = f"{write_duration(self.before_seconds)} before " if self.before_seconds else "at "
        return f"{early}each full moon"

    def lint(self, _now: datetime, _tz: str, _given: Collection[str]) -> Iterator[FieldProblem]:
        """Too early is doubtful."""
        if self.before_seconds > _MONTH.total_seconds() / 2:
            yield FieldProblem("MOON", "that is nearer to the moon before", "write less", 0, len(self.word))

    def to_json(self) -> dict[str, Any]:
        """As the database has it."""
        return {"kind": self.kind, "before": self.before_seconds}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Back from the database."""
        return cls(data["before"])

    def _index(self, instant: datetime) -> int:
        return (instant + timedelta(seconds=self.before_seconds) - _FIRST) // _MONTH

    def _moon(self, index: int) -> datetime:
        return _FIRST + index * _MONTH - timedelta(seconds=self.before_seconds)


def _colour(text: str) -> tuple[str, ...]:
    names = tuple(text.split("+"))
    if not set(names) <= {"red", "green", "blue", "black"}:
        raise ConfigError(f'"{text}" is no colour', help="for example colour=red or colour=red+blue")
    return names


def _dark(job: Job, _now: datetime) -> Iterable[Doubt]:
    if "black" in job.extra["colour"] and job.enabled:
        yield Doubt("black cannot be seen at night", "take another colour")


COLOUR = Option("colour", _colour, "the colours of the job", lint=_dark)


class House:
    """A source with two kinds of events."""

    def declares(self) -> Sequence[EventKind]:
        """A door with a room, and files."""
        return (
            EventKind("house:door", options=("room", "state"), meaning="a door was opened or closed"),
            EventKind("file", subject="PATTERN", meaning="a file has changed"),
        )

    async def watch(self, context: SourceContext) -> None:
        """Return: nobody lives in it."""


HOUSE = House()
