"""A cron expression in a time zone: its next and its last fire.

It is built on three modules: `fields` validates and parses the text, `slots` searches the plain
calendar, `dst` turns slots into instants on days on which the clocks change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from scheduler.core.time import dst
from scheduler.core.time.dst import Dst
from scheduler.core.time.fields import Reading, read_expression
from scheduler.core.time.instants import as_utc, zone
from scheduler.core.time.slots import CronSlots
from scheduler.errors import ConfigError

DayFields = Literal["or", "and"]


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression of five fields, or an alias such as ``@daily``, in a time zone.

    >>> friday = datetime(2026, 11, 20, 12, tzinfo=UTC)
    >>> Cron("0 9 * * MON-FRI", tz="Europe/Berlin").next_after(friday).isoformat()
    '2026-11-23T08:00:00+00:00'

    Args:
        expr: minute, hour, day of month, month, day of week; also names, ``H``, ``L``, ``15W``, ``FRI#2``.
        tz: an IANA name; the expression refers to this zone's wall clock.
        name: the job's name, from which ``H`` is derived.
        dst: what happens to a slot when the clocks change (see `scheduler.core.time.dst`); by default
            ``elapsed`` for expressions whose minute or hour begins with ``*``, and ``once`` for all
            others.
        fields: whether ``or`` (as in every cron) or ``and`` joins the two day fields if both are
            restricted.

    Raises:
        ConfigError: the expression is wrong or its date impossible (``E01`` .. ``E07``), or the zone is
            unknown (``E11``).
    """

    expr: str
    tz: str = "UTC"
    name: str = "job"
    dst: Dst | None = field(default=None, kw_only=True)
    fields: DayFields = field(default="or", kw_only=True)
    reading: Reading = field(init=False, repr=False, compare=False)
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)
    _slots: list[CronSlots] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.dst not in (None, "once", "elapsed", "skip"):
            raise ConfigError(f"dst={self.dst} is not known", code="E11", help="use once, elapsed or skip")
        if self.fields not in ("or", "and"):
            raise ConfigError(f"fields={self.fields} is not known", code="E11", help="use or, or and")
        reading = read_expression(self.expr, self.name, fields=self.fields)
        if reading.problems:
            first = reading.problems[0]
            raise ConfigError(
                f"{first.message}, in `{_shorten(self.expr)}`", code=first.code, help=first.help
            )
        object.__setattr__(self, "reading", reading)
        object.__setattr__(self, "_zone", zone(self.tz))
        object.__setattr__(self, "_slots", [])

    @property
    def wildcard(self) -> bool:
        """True if the minute or hour, as written, begins with ``*``: the job follows elapsed time."""
        return self.reading.wildcard

    @property
    def rule(self) -> Dst:
        """The rule for slots when the clocks change."""
        return self.dst or ("elapsed" if self.wildcard else "once")

    def next_after(self, instant: datetime) -> datetime | None:
        """The first fire, in UTC, strictly after an aware instant; None if there is none within a century.

        Raises:
            ConfigError: the instant has no zone.
        """
        return dst.next_instant(self._calendar(), self._zone, as_utc(instant), self.rule)

    def before(self, instant: datetime) -> datetime | None:
        """The last fire, in UTC, at or before an aware instant; None if there was none within a century.

        Raises:
            ConfigError: the instant has no zone.
        """
        return dst.last_instant(self._calendar(), self._zone, as_utc(instant), self.rule)

    def _calendar(self) -> CronSlots:
        """The slots, expanded at the first search, because expanding imports croniter."""
        if not self._slots:
            self._slots.append(CronSlots.of(self.reading, self.fields))
        return self._slots[0]


def _shorten(expr: str) -> str:
    return expr if len(expr) <= 60 else expr[:59] + "…"
