"""``@every 45m``: a grid of elapsed time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from scheduler.core.text.english import counted
from scheduler.core.text.hashing import stable_hash
from scheduler.core.time.durations import MAX_DURATION_SECONDS, parse_duration, write_duration
from scheduler.core.time.instants import DAY_SECONDS, as_utc
from scheduler.core.time.triggers.base import Schedule, Trigger
from scheduler.errors import ConfigError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_UNITS = ((DAY_SECONDS, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True, slots=True, init=False)
class Every(Trigger):
    """Fires on a grid of elapsed time: ``Every("45m", name="watch-ci")``.

    The grid begins at the Unix epoch, shifted by a hash of the job's name. So it needs no store, does not
    move at a restart, and jobs with the same interval do not all fire at once.

    Args:
        interval: seconds, or a duration such as ``45m``; from one second to 366 days.
        name: the job's name.

    Raises:
        ConfigError: the interval cannot be read, or is out of bounds (E11).
    """

    kind = "every"
    word = "@every"
    takes_argument = True

    seconds: int
    name: str
    text: str = field(compare=False)

    def __init__(self, interval: int | str, name: str = "job") -> None:
        seconds = parse_duration(interval) if isinstance(interval, str) else interval
        if not 1 <= seconds <= MAX_DURATION_SECONDS:
            raise ConfigError(
                f"an interval of {interval} is out of bounds",
                code="E11",
                help="use 1s to 366d, e.g. @every 45m",
            )
        object.__setattr__(self, "seconds", seconds)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "text", interval if isinstance(interval, str) else write_duration(seconds))

    @classmethod
    def read(cls, schedule: Schedule) -> Self:
        """Read the duration behind the word."""
        return cls(schedule.argument, schedule.name)

    def next_after(self, instant: datetime) -> datetime:
        """The first point of the grid (UTC) strictly after an aware instant."""
        return self._point(instant, 1)

    def before(self, instant: datetime) -> datetime:
        """The last point of the grid (UTC) at or before an aware instant."""
        return self._point(instant, 0)

    def fires_per_day(self, now: datetime) -> float:
        """As many as intervals fit into a day."""
        return DAY_SECONDS / self.seconds

    def describe(self) -> str:
        """``@every`` and the interval as written."""
        return f"@every {self.text}"

    def explain(self, tz: str = "UTC") -> str:
        """In words."""
        return f"every {_interval(self.seconds)} of elapsed time"

    def remarks(self) -> Sequence[str]:
        """Where the grid begins."""
        return ("the offset of the grid is derived from the job's name",)

    def to_json(self) -> dict[str, Any]:
        """As the database has it."""
        return {"kind": "every", "seconds": self.seconds, "name": self.name, "text": self.text}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Back from the database."""
        return cls(data["text"], data["name"])

    def _point(self, instant: datetime, later: int) -> datetime:
        """Return the point of the grid at or before an instant, or one that is some points later."""
        shift = stable_hash(self.name, "every") % self.seconds
        index = ((as_utc(instant) - _EPOCH) // _SECOND - shift) // self.seconds + later
        return _EPOCH + timedelta(seconds=index * self.seconds + shift)


def _interval(seconds: int) -> str:
    if seconds == DAY_SECONDS:
        return "24 hours"  # "every day" would promise a time on the wall clock
    for size, noun in _UNITS:
        if seconds == size:
            return noun
        if seconds % size == 0 and seconds > size:
            return counted(seconds // size, noun)
    return write_duration(seconds)
