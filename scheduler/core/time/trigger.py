"""When a job fires: the five kinds of trigger that exist today.

All are values and answer the same questions: ``next_after`` (strictly later), ``before`` (at or earlier),
``describe`` (as the crontab has it) and ``to_json`` (as the database has it). None of them looks at a
clock or a store, so the same trigger gives the same instants in the daemon, in ``agentcron next`` and
after a restart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Union, cast

from scheduler.core.text.hashing import stable_hash
from scheduler.core.time.cron import Cron, DayFields
from scheduler.core.time.dst import Dst, settle
from scheduler.core.time.durations import MAX_DURATION_SECONDS, parse_duration, write_duration
from scheduler.core.time.instants import as_utc, from_iso, to_iso, zone
from scheduler.errors import ConfigError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class CronTrigger:
    """Fires at the slots of a cron expression; the arguments are those of `scheduler.core.time.cron.Cron`."""

    expr: str
    tz: str = "UTC"
    name: str = "job"
    dst: Dst | None = None
    fields: DayFields = "or"
    cron: Cron = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "cron", Cron(self.expr, self.tz, self.name, dst=self.dst, fields=self.fields)
        )

    def next_after(self, instant: datetime) -> datetime | None:
        """The first fire (UTC) strictly after an aware instant, or None for never again."""
        return self.cron.next_after(instant)

    def before(self, instant: datetime) -> datetime | None:
        """The last fire (UTC) at or before an aware instant, or None for never."""
        return self.cron.before(instant)

    def describe(self) -> str:
        """The expression as written."""
        return self.expr

    def to_json(self) -> dict[str, Any]:
        """What `trigger_from_json` reads."""
        return {
            "kind": "cron",
            "expr": self.expr,
            "tz": self.tz,
            "name": self.name,
            "dst": self.dst,
            "fields": self.fields,
        }


@dataclass(frozen=True, slots=True, init=False)
class Every:
    """Fires on a grid of elapsed time: ``Every("45m", name="watch-ci")``.

    The grid begins at the Unix epoch, shifted by a hash of the job's name. So it needs no store, does not
    move at a restart, and jobs with the same interval do not all fire at once.

    Args:
        interval: seconds, or a duration such as ``45m``; from one second to 366 days.
        name: the job's name.

    Raises:
        ConfigError: the interval cannot be read, or is out of bounds (E11).
    """

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

    def next_after(self, instant: datetime) -> datetime:
        """The first point of the grid (UTC) strictly after an aware instant."""
        return self._point(self._index(instant) + 1)

    def before(self, instant: datetime) -> datetime:
        """The last point of the grid (UTC) at or before an aware instant."""
        return self._point(self._index(instant))

    def describe(self) -> str:
        """``@every`` and the interval as written."""
        return f"@every {self.text}"

    def to_json(self) -> dict[str, Any]:
        """What `trigger_from_json` reads."""
        return {"kind": "every", "seconds": self.seconds, "name": self.name, "text": self.text}

    @property
    def _shift(self) -> int:
        return stable_hash(self.name, "every") % self.seconds

    def _index(self, instant: datetime) -> int:
        return ((as_utc(instant) - _EPOCH) // _SECOND - self._shift) // self.seconds

    def _point(self, index: int) -> datetime:
        return _EPOCH + timedelta(seconds=index * self.seconds + self._shift)


@dataclass(frozen=True, slots=True)
class At:
    """Fires once, at an aware instant; kept in UTC. ``text`` is what the crontab had.

    Raises:
        ConfigError: the instant has no zone (E11).
    """

    instant: datetime
    text: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "instant", as_utc(self.instant))
        object.__setattr__(self, "text", self.text or to_iso(self.instant))

    @classmethod
    def parse(cls, text: str, tz: str = "UTC") -> At:
        """Read ``2026-12-01T09:00`` on the wall clock of ``tz``, or an instant with its own offset or ``Z``.

        A wall clock in a gap means the gap's end, one in an overlap the first pass.

        Raises:
            ConfigError: it is no ISO date with a time, or the zone is unknown (E11).
        """
        place = zone(tz)
        try:
            if len(text) <= len("2026-12-01"):
                raise ValueError("a date alone would silently mean midnight")
            read = datetime.fromisoformat(text)
            instant = settle(read, place) if read.tzinfo is None else read.astimezone(UTC)
        except (ValueError, OverflowError):
            hint = "write it as 2026-12-01T09:00"
            raise ConfigError(f"{text!r} is not an instant", code="E11", help=hint) from None
        return cls(instant, text)

    def next_after(self, instant: datetime) -> datetime | None:
        """The instant itself (UTC) when it is later than the given one, else None."""
        return self.instant if self.instant > as_utc(instant) else None

    def before(self, instant: datetime) -> datetime | None:
        """The instant itself (UTC) when it is not later than the given one, else None."""
        return self.instant if self.instant <= as_utc(instant) else None

    def describe(self) -> str:
        """``@at`` and the instant as written."""
        return f"@at {self.text}"

    def to_json(self) -> dict[str, Any]:
        """What `trigger_from_json` reads."""
        return {"kind": "at", "instant": to_iso(self.instant), "text": self.text}


@dataclass(frozen=True, slots=True)
class Reboot:
    """Fires once per boot of the machine; it never comes due by the clock."""

    def next_after(self, instant: datetime) -> None:
        """None: no instant is known beforehand."""

    def before(self, instant: datetime) -> None:
        """None: no instant is known from the clock."""

    def describe(self) -> str:
        """As in the crontab."""
        return "@reboot"

    def to_json(self) -> dict[str, Any]:
        """What `trigger_from_json` reads."""
        return {"kind": "reboot"}


@dataclass(frozen=True, slots=True)
class Manual:
    """Fires only when a person says so (``agentcron run``)."""

    def next_after(self, instant: datetime) -> None:
        """None: it never comes due."""

    def before(self, instant: datetime) -> None:
        """None: it never came due."""

    def describe(self) -> str:
        """As in the crontab."""
        return "@manual"

    def to_json(self) -> dict[str, Any]:
        """What `trigger_from_json` reads."""
        return {"kind": "manual"}


Trigger = Union[CronTrigger, Every, At, Reboot, Manual]  # noqa: UP007 - the name is needed at run time


def trigger_from_json(data: dict[str, Any]) -> Trigger:
    """The trigger that ``to_json`` wrote.

    Raises:
        ConfigError: the kind is unknown, or the values are not (or no longer) valid.
    """
    kind = data.get("kind")
    if kind == "cron":
        dst, fields = cast("Dst | None", data["dst"]), cast("DayFields", data["fields"])
        return CronTrigger(data["expr"], data["tz"], data["name"], dst, fields)
    if kind == "every":
        return Every(data["text"], data["name"])
    if kind == "at":
        return At(from_iso(data["instant"]), data["text"])
    if kind == "reboot":
        return Reboot()
    if kind == "manual":
        return Manual()
    raise ConfigError(
        f"a trigger of the kind {kind!r} is not known here", help="was it stored by a newer version?"
    )
