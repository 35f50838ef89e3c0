"""What every kind of trigger answers.  A kind is one class: its words, its instants, its words for people.

Most kinds override few of the methods: what is not overridden says that nothing can be foreseen.
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
        subject: what may stand behind a further colon (``PATTERN`` of ``file:PATTERN``); empty for nothing.
        options: the keys by which a line may choose among its events, ``repo``.
        meaning: half a sentence for people.
    """

    name: str
    subject: str = ""
    options: tuple[str, ...] = ()
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class EventKinds:
    """What the installed sources declare, and which of them cannot say it."""

    kinds: tuple[EventKind, ...] = ()
    faults: tuple[str, ...] = ()


def no_events() -> EventKinds:
    """Return what holds where no source is installed."""
    return EventKinds()


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule as it is written, and what it depends on besides its own words.

    Args:
        words: the five fields, or the ``@`` word and its arguments.
        now: an aware instant.
        name: the job's name.
        tz: the job's zone.
        own: the values of the trigger's own options, read by what ``own_options`` gives.
        events: gives the kinds of events that are declared here; it may have to look for them.
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
        """What stands behind the first word."""
        return " ".join(self.words[1:])


class ScheduleError(ConfigError):
    """Mistakes in a schedule, each with its code and its place in the words joined by single blanks."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        first = problems[0]
        super().__init__(first.message, code=first.code, help=first.help)
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the clocks that meets slots of a job.

    Args:
        slots: the first few wall-clock times (naive) that do not exist, or exist twice.
        note: what will happen, as a sentence without a full stop.
    """

    shift: Shift
    slots: tuple[datetime, ...]
    note: str


class Trigger:
    """When a job fires.  A kind is a frozen dataclass with slots that extends this one.

    None of its methods looks at a clock or a store, so that the same trigger gives the same instants in the
    daemon, in ``agentcron next`` and after a restart.
    """

    __slots__ = ()

    kind: ClassVar[str]
    """Its name in the database; for a plug-in also that of its entry point."""
    word: ClassVar[str] = ""
    """Its first word in the crontab: an ``@`` and the name of the kind."""
    takes_argument: ClassVar[bool] = False
    """Whether words follow: one, and further ones that begin with a digit."""
    by_clock: ClassVar[bool] = True
    """Whether a clock tells when it fires."""
    once: ClassVar[bool] = False
    """Whether the job is done after its only fire."""

    # -- the crontab ---------------------------------------------------------------------------------
    @classmethod
    def own_options(
        cls, words: Sequence[str], events: Callable[[], EventKinds]
    ) -> Mapping[str, Callable[[str], Any]]:
        """Return the options that only lines with this trigger may have: a reader of the text by name.

        A reader raises ConfigError for a value that cannot be right.

        Args:
            words: those of the schedule.
            events: as in ``Schedule``.
        """
        return {}

    @classmethod
    def read(cls, schedule: Schedule) -> Self:
        """Return the trigger that a schedule means.

        Raises:
            ScheduleError: something is wrong at a place in it.
            ConfigError: something is wrong with what stands behind the first word.
        """
        if schedule.argument:
            raise ConfigError("nothing may follow it", code="E11")
        return cls()

    def describe(self) -> str:
        """Return it as the crontab has it."""
        return self.word

    def doubts(self) -> Sequence[FieldProblem]:
        """Return what its text alone makes doubtful (W06), placed as in ``ScheduleError``."""
        return ()

    # -- instants ------------------------------------------------------------------------------------
    def next_after(self, instant: datetime) -> datetime | None:
        """Return the first fire (UTC) strictly after an aware instant; None when no clock tells one."""
        return None

    def before(self, instant: datetime) -> datetime | None:
        """Return the last fire (UTC) at or before an aware instant; None when no clock tells one."""
        return None

    def first_fire(self, loaded: datetime) -> datetime | None:
        """Return the first slot of a job that was first loaded at this instant."""
        return self.next_after(loaded)

    def fires_per_day(self, now: datetime) -> float:
        """Return how often it fires on its busiest day from now on; what cannot be foreseen counts as none.

        The work must not depend on the answer.  A fraction stands for intervals beyond a day.
        """
        return 0.0

    def on_the_hour(self) -> Iterator[tuple[str, int, int]]:
        """Yield the zone, hour and weekday (0 is Sunday) of its fires at :00 of every such hour."""
        return iter(())

    def clock_changes(self, now: datetime, months: int = 12) -> tuple[Change, ...]:
        """Return the clock changes of the coming months (of 31 days) that meet its slots, next one first."""
        return ()

    # -- words for people ----------------------------------------------------------------------------
    def explain(self, tz: str = "UTC") -> str:
        """Return when it fires: ``at 09:00 on Monday to Friday (Europe/Berlin)``.

        Args:
            tz: the job's zone, for a trigger that does not carry its own.
        """
        return self.describe()

    def remarks(self) -> Sequence[str]:
        """Return what a person who asks for its meaning should know besides."""
        return ()

    def clock_notes(self, now: datetime, tz: str = "UTC", months: int = 12) -> tuple[str, ...]:
        """Return a sentence for each clock change in the coming months that meets it."""
        return tuple(change.note for change in self.clock_changes(now, months))

    def lint(self, now: datetime, tz: str, said: Collection[str]) -> Iterator[FieldProblem]:
        """Yield what is legal and probably not meant, placed in the words joined by single blanks.

        Args:
            said: the options that somebody gave the job, and so meant.
        """
        return iter(())

    # -- the database --------------------------------------------------------------------------------
    def to_json(self) -> dict[str, Any]:
        """Return what ``from_json`` reads, with its kind; ``text`` is how it was written, no more."""
        return {"kind": self.kind}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the trigger that ``to_json`` wrote.

        Raises:
            ConfigError: the values are not, or no longer, valid.
        """
        return cls()


def place_of(text: str, index: int) -> tuple[int, int]:
    """Return where a word of a schedule begins and ends; the last one when there are fewer."""
    words = text.split(" ")
    index = min(index, len(words) - 1)
    start = sum(len(word) + 1 for word in words[:index])
    return start, start + len(words[index])
