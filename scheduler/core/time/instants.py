"""Instants as text, zones by name, and lengths of time for people.

An instant is an aware ``datetime``; whatever is stored or compared is in UTC. A naive one is refused at
the door, because nobody can know which clock it was read from.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from scheduler.core.text.suggest import nearest
from scheduler.errors import ConfigError

DAY_SECONDS = 86_400


def as_utc(instant: datetime) -> datetime:
    """The same instant in UTC.

    Raises:
        ConfigError: it has no zone.
    """
    if instant.utcoffset() is None:
        raise ConfigError(
            f"{instant.isoformat()} has no time zone, so it is not an instant",
            code="E11",
            help="give it a zone, e.g. datetime(2026, 12, 1, 9, tzinfo=UTC)",
        )
    return instant.astimezone(UTC)


def to_iso(instant: datetime) -> str:
    """UTC as ``2026-11-22T09:00:00Z``; with milliseconds only when they are not zero.

    Raises:
        ConfigError: the instant has no zone.
    """
    utc = as_utc(instant).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds" if utc.microsecond >= 1000 else "seconds") + "Z"


def from_iso(text: str) -> datetime:
    """The instant, in UTC, that an ISO text with an offset or ``Z`` names.

    Raises:
        ConfigError: the text is no ISO instant, or has no offset.
    """
    try:
        instant = datetime.fromisoformat(text)
        return as_utc(instant)
    except ConfigError:
        raise
    except (ValueError, OverflowError):
        hint = "write it as 2026-12-01T09:00:00Z"
        raise ConfigError(f"{text!r} is not an ISO instant", code="E11", help=hint) from None


def describe_seconds(seconds: float) -> str:
    """A length of time for people: ``2d 17h30m``, ``17h30m``, ``1m30s``, ``0s``.

    Seconds are left out from an hour upwards and rounded into the minutes; a negative length gets a ``-``.
    """
    sign = "-" if seconds < 0 else ""
    whole = round(abs(seconds))
    if whole >= 3600:
        whole = round(abs(seconds) / 60) * 60
    days, rest = divmod(whole, DAY_SECONDS)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    clock = "".join(f"{n}{unit}" for n, unit in ((hours, "h"), (minutes, "m"), (left, "s")) if n)
    return sign + (" ".join(part for part in (f"{days}d" if days else "", clock) if part) or "0s")


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name such as ``Europe/Berlin``.

    Raises:
        ConfigError: there is no such zone (E11); the help names the nearest ones.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # KeyError: unknown; ValueError: `../x`; OSError: a folder of the database such as `Europe`.
        near = nearest_zones(name)
        raise ConfigError(
            f"there is no time zone {name!r}",
            code="E11",
            help=f"did you mean {' or '.join(near)}?" if near else "use an IANA name such as Europe/Berlin",
        ) from None


def nearest_zones(name: str) -> list[str]:
    """Up to two zone names that look like this one, the best first; city names alone are recognised."""
    wanted = name.strip().lower().replace(" ", "_")
    known = {key.lower(): key for key in sorted(available_timezones())}
    if wanted in known:
        return [known[wanted]]
    by_city = {key.rsplit("/", 1)[-1]: full for key, full in known.items() if "/" in key}
    city, full = nearest(wanted, by_city), nearest(wanted, known)
    near = [by_city[city]] if city and city[:3] == wanted[:3] else []
    near += [known[full]] if full else []
    return list(dict.fromkeys(near))
