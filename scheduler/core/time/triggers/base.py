"""The base class of triggers.  A kind is one class: its word, its instants, its descriptions.

Most kinds override few of the methods: the defaults predict nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Self

from scheduler.core.time.cron import DayFields
from scheduler.core.time.dst import Dst, Shift
from scheduler.core.time.fields import FieldProblem
from scheduler.errors import ConfigError


@dataclass(frozen=True, slots=True)
class EventKind:
    """A kind of events, as a source declares it.

    Args:
        name: as the crontab has it, ``github:pull_request``.
        subject: what may follow another colon (``PATTERN`` of ``file:PATTERN``); empty for nothing.
        options: the keys by which a line can filter its events, ``repo``.
        meaning: half a sentence for people.
    """

    name: str
    subject: str = ""
    options: tuple[str, ...] = ()
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class EventKinds:
    """The kinds of the installed sources, and the sources that failed to declare theirs."""

    kinds: tuple[EventKind, ...] = ()
    faults: tuple[str, ...] = ()


def no_events() -> EventKinds:
    """Return the value without installed sources."""
    return EventKinds()


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule as written, with its context.

    Args:
        words: the five fields, or the ``@`` word and its arguments.
        now: an aware instant.
        name: the job's name.
        tz: the job's zone.
        own: the values of the trigger's own options, parsed by the readers of ``own_options``.
        events: returns the declared kinds of events; this may import plug-ins.
    """

    words: tuple[str, ...]
    now: datetime
    name: str = "job"
    tz: str = "UTC"
    dst: Dst | None = None
    fields: DayFields = "or"
    own: Mapping[str, Any] = field(default_factory=dict)
    events: Callable[[], EventKinds] = no_events

    @property
    def argument(self) -> str:
        """The text after the first word."""
        return " ".join(self.words[1:])


class ScheduleError(ConfigError):
    """Mistakes in a schedule, each with its code and its place in the words joined by single blanks."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        first = problems[0]
        super().__init__(first.message, code=first.code, help=first.help)
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Change:
    """A clock change that affects slots of a job.

    Args:
        slots: the first few wall-clock times (naive) that do not exist, or exist twice.
        note: what will happen, as a sentence without a full stop.
    """

    shift: Shift
    slots: tuple[datetime, ...]
    note: str


class Trigger:
    """When a job fires.  A kind is a frozen dataclass with slots that extends this one.

    Its methods use no clock and no store, so that the same trigger gives the same instants in the
    daemon, in ``agentcron next`` and after a restart.
    """

    __slots__ = ()

    kind: ClassVar[str]
    """Its name in the database; for a plug-in also the name of its entry point."""
    word: ClassVar[str] = ""
    """Its first word in the crontab: an ``@`` and the name of the kind."""
    takes_argument: ClassVar[bool] = False
    """Whether arguments follow: one, and further ones that begin with a digit."""
    by_clock: ClassVar[bool] = True
    """Whether the clock determines when it fires."""
    once: ClassVar[bool] = False
    """Whether the job is over after its only fire."""

    # -- the crontab ---------------------------------------------------------------------------------
    @classmethod
    def own_options(
        cls, words: Sequence[str], events: Callable[[], EventKinds]
    ) -> Mapping[str, Callable[[str], Any]]:
        """Return the options that only lines with this trigger may have: a reader of the text by name.

        A reader raises ConfigError for an invalid value.

        Args:
            words: those of the schedule.
            events: as in ``Schedule``.
        """
        return {}

    @classmethod
    def read(cls, schedule: Schedule) -> Self:
        """Return the trigger of a schedule.

        Raises:
            ScheduleError: it has mistakes at known places.
            ConfigError: the text after the first word is wrong.
        """
        if schedule.argument:
            raise ConfigError("nothing may follow it", code="E11")
        return cls()

    def describe(self) -> str:
        """Return it in the form of the crontab."""
        return self.word

    def doubts(self) -> Sequence[FieldProblem]:
        """Return the warnings that its text alone shows (W06), placed as in ``ScheduleError``."""
        return ()

    # -- instants ------------------------------------------------------------------------------------
    def next_after(self, instant: datetime) -> datetime | None:
        """Return the first fire (UTC) strictly after an aware instant; None if the clock determines none."""
        return None

    def before(self, instant: datetime) -> datetime | None:
        """Return the last fire (UTC) at or before an aware instant; None if the clock determines none."""
        return None

    def first_fire(self, loaded: datetime) -> datetime | None:
        """Return the first slot of a job that was first loaded at this instant."""
        return self.next_after(loaded)

    def fires_per_day(self, now: datetime) -> float:
        """Return how often it fires on its busiest day from now on; unpredictable fires count as none.

        The time must not depend on the result.  A fraction means intervals beyond a day.
        """
        return 0.0

    def on_the_hour(self) -> Iterator[tuple[str, int, int]]:
        """Yield the zone, hour and weekday (0 is Sunday) of its fires at :00 of every such hour."""
        return iter(())

    def clock_changes(self, now: datetime, months: int = 12) -> tuple[Change, ...]:
        """Return the clock changes of the coming months (of 31 days) that affect its slots, next first."""
        return ()

    # -- words for people ----------------------------------------------------------------------------
    def explain(self, tz: str = "UTC") -> str:
        """Return when it fires: ``at 09:00 on Monday to Friday (Europe/Berlin)``.

        Args:
            tz: the job's zone, for a trigger that does not contain its own.
        """
        return self.describe()

    def remarks(self) -> Sequence[str]:
        """Return further remarks about its meaning."""
        return ()

    def clock_notes(self, now: datetime, tz: str = "UTC", months: int = 12) -> tuple[str, ...]:
        """Return a sentence for each clock change in the coming months that affects it."""
        return tuple(change.note for change in self.clock_changes(now, months))

    def lint(self, now: datetime, tz: str, given: Collection[str]) -> Iterator[FieldProblem]:
        """Yield what is legal and probably a mistake, placed in the words joined by single blanks.

        Args:
            given: the options that are set for the job explicitly.
        """
        return iter(())

    # -- the database --------------------------------------------------------------------------------
    def to_json(self) -> dict[str, Any]:
        """Return what ``from_json`` reads, with its kind; ``text`` is the written form, for display only."""
        return {"kind": self.kind}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the trigger that ``to_json`` wrote.

        Raises:
            ConfigError: the values are invalid, or no longer valid.
        """
        return cls()


def place_of(text: str, index: int) -> tuple[int, int]:
    """Return where a word of a schedule begins and ends; the last one if there are fewer."""
    words = text.split(" ")
    index = min(index, len(words) - 1)
    start = sum(len(word) + 1 for word in words[:index])
    return start, start + len(words[index])
