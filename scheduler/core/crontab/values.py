"""Readers of option values: text in, a validated value out, or a ConfigError with a valid example."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scheduler.core.job.job import Budget
from scheduler.core.job.tool_names import is_tool_name
from scheduler.core.run.budget import read_tokens, write_tokens
from scheduler.core.text.suggest import did_you_mean
from scheduler.core.time.durations import parse_duration, read_duration, write_duration
from scheduler.core.time.instants import DAY_SECONDS, zone
from scheduler.errors import ConfigError

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@~-]{0,255}\Z")
_BACKEND = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_PROFILE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}\Z")
_CAP = re.compile(
    r"(?:(?P<usd>\$?\d{1,6}(?:\.\d{1,4})?)|(?P<tokens>\d{1,9}(?:\.\d{1,4})?[kKmM]?tok))/(?P<per>run|day)\Z"
    r"|(?P<effects>\d{1,6})effects?/day\Z|(?P<wakes>\d{1,4})wakes?/hour\Z"
)
_BUDGET_HELP = (
    'for example budget="0.50/run 5/day", "200ktok/run 2Mtok/day", "40effects/day" or "6wakes/hour"'
)
_WHAT = {
    "run_usd": "the money of a run",
    "day_usd": "the money of a day",
    "run_tokens": "the tokens of a run",
    "day_tokens": "the tokens of a day",
    "day_effects": "the effects of a day",
    "hour_wakes": "the wake-ups of an hour",
}
_SECRET_KINDS = ("env", "file", "keyring")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
_COUNT = re.compile(r"\d{1,9}\Z")

_YES = frozenset({"yes", "true", "on", "1"})
_NO = frozenset({"no", "false", "off", "0"})

MAX_TEXT_CHARS = 4_000

FOREVER = "forever"
MAX_KEEP_DAYS = 3660


@dataclass(frozen=True, slots=True)
class Caps:
    """A budget as written: a cap that is left out comes from the defaults."""

    run_usd: float | None = None
    day_usd: float | None = None
    run_tokens: int | None = None
    day_tokens: int | None = None
    day_effects: int | None = None
    hour_wakes: int | None = None

    def over(self, base: Budget) -> Budget:
        """Return ``base`` with the written caps.

        Raises:
            ConfigError: a run may spend more than the day, so that its cap could never be reached.
        """
        run = base.run_usd if self.run_usd is None else self.run_usd
        day = base.day_usd if self.day_usd is None else self.day_usd
        if run > day:
            raise ConfigError(
                f"a budget of {run:.2f}/run is more than {day:.2f}/day",
                help=f'write both: "{run:.2f}/run {run:.2f}/day"',
            )
        run_tokens = base.run_tokens if self.run_tokens is None else self.run_tokens
        day_tokens = base.day_tokens if self.day_tokens is None else self.day_tokens
        if run_tokens is not None and day_tokens is not None and run_tokens > day_tokens:
            most = write_tokens(run_tokens)
            raise ConfigError(
                f"a budget of {most}/run is more than {write_tokens(day_tokens)}/day",
                help=f'write both: "{most}/run {most}/day"',
            )
        no_money = self.run_usd is None and self.day_usd is None
        effects = base.day_effects if self.day_effects is None else self.day_effects
        wakes = base.hour_wakes if self.hour_wakes is None else self.hour_wakes
        return Budget(run, day, base.default and no_money, run_tokens, day_tokens, effects, wakes)


def model(text: str) -> str:
    """Return a model's name; whether a provider has it is checked later."""
    if not _MODEL.match(text):
        raise ConfigError(
            f'"{text}" cannot be the name of a model', help="for example model=claude-sonnet-5-5"
        )
    return text


def backend(text: str) -> str:
    """Return the name of a backend; whether it is installed is checked with the job and at its run."""
    if not _BACKEND.fullmatch(text):
        raise ConfigError(f'"{text}" cannot be the name of a backend', help="for example backend=turns")
    return text


def time_zone(text: str) -> str:
    """Return the name of a zone of the zone database."""
    zone(text)
    return text


def duration(min_seconds: int, max_seconds: int) -> Callable[[str], int]:
    """Return a reader of durations within bounds; ``0`` needs no unit."""

    def read(text: str) -> int:
        seconds = 0 if text == "0" else parse_duration(text)
        if not min_seconds <= seconds <= max_seconds:
            raise ConfigError(
                f'"{text}" is not between {write_duration(min_seconds)} and {write_duration(max_seconds)}'
            )
        return seconds

    return read


def keep(text: str) -> int:
    """Return how long runs are kept, in seconds; 0 is forever."""
    if text.lower() == FOREVER:
        return 0
    read = read_duration(text)
    seconds = read.days * DAY_SECONDS + read.seconds if read else 0
    if not DAY_SECONDS <= seconds <= MAX_KEEP_DAYS * DAY_SECONDS:
        raise ConfigError(
            f'"{text}" is not between 1d and {MAX_KEEP_DAYS}d',
            help=f"for example keep=90d, or keep={FOREVER}",
        )
    return seconds


def count(least: int, most: int) -> Callable[[str], int]:
    """Return a reader of whole numbers within bounds."""

    def read(text: str) -> int:
        if not _COUNT.match(text) or not text.isascii() or not least <= int(text) <= most:
            raise ConfigError(f'"{text}" is not a whole number from {least} to {most}')
        return int(text)

    return read


def tokens(least: int, most: int) -> Callable[[str], int]:
    """Return a reader of numbers of tokens, written in full or in thousands: ``150000``, ``150k``."""

    def read(text: str) -> int:
        number, thousands = (text[:-1], 1000) if text[-1:] in ("k", "K") else (text, 1)
        if not _COUNT.match(number) or not text.isascii() or not least <= int(number) * thousands <= most:
            raise ConfigError(f'"{text}" is not a number of tokens from {least} to {most}, like 150k')
        return int(number) * thousands

    return read


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a reader of a closed set of words."""

    def read(text: str) -> str:
        if text not in choices:
            raise ConfigError(
                f'"{text}" is not one of {", ".join(choices)}', help=did_you_mean(text, choices)
            )
        return text

    return read


def yes_or_no(text: str) -> bool:
    """Return a yes or a no."""
    if text.lower() not in _YES | _NO:
        raise ConfigError(f'"{text}" is neither yes nor no')
    return text.lower() in _YES


def budget(text: str) -> Caps:
    """Return the caps of ``0.50/run 200ktok/day 40effects/day 6wakes/hour``, split at blanks or commas."""
    caps: dict[str, Any] = {}
    for part in text.replace(",", " ").split():
        match = _CAP.match(part)
        if not match or not part.isascii():
            raise ConfigError(f'"{part}" is not a cap', help=_BUDGET_HELP)
        name, cap = _cap(match)
        if name in caps:
            raise ConfigError(f"two caps on {_WHAT[name]}")
        if not cap:
            raise ConfigError(f"a budget of {part} allows no run", help="enabled=no disables a job")
        caps[name] = cap
    if not caps:
        raise ConfigError("an empty budget", help=_BUDGET_HELP)
    return Caps(**caps)


def _cap(match: re.Match[str]) -> tuple[str, float | int]:
    """Return the field of ``Caps`` for a part of a budget, and its value."""
    if match["usd"]:
        return f"{match['per']}_usd", float(match["usd"].removeprefix("$"))
    if match["tokens"]:
        return f"{match['per']}_tokens", read_tokens(match["tokens"])
    if match["effects"]:
        return "day_effects", int(match["effects"])
    return "hour_wakes", int(match["wakes"])


def fleet_budget(text: str) -> Caps:
    """Return the caps of ``20/day 10Mtok/day``, for all jobs of a crontab together."""
    caps = budget(text)
    if caps != Caps(day_usd=caps.day_usd, day_tokens=caps.day_tokens):
        raise ConfigError(
            "a cap of all jobs together is money or tokens per day",
            help="for example FLEET_BUDGET = 20/day 10Mtok/day",
        )
    return caps


def tool_names(text: str) -> tuple[str, ...]:
    """Return the names of ``read,write,mail:*``; empty: only sleep, note and finish."""
    names = tuple(part for part in re.split(r"[\s,]+", text) if part)
    for name in names:
        if not is_tool_name(name):
            raise ConfigError(
                f'"{name}" cannot be the name of a tool',
                help="for example tools=read,write; of a tool source tools=SOURCE:NAME or SOURCE:*",
            )
    return tuple(dict.fromkeys(names))


def profile(text: str) -> str:
    """Return the name of a trust profile; whether it exists is checked with the trust file."""
    if not _PROFILE.match(text):
        raise ConfigError(f'"{text}" cannot be the name of a profile', help="for example trust=propose")
    return text


def secret_reference(text: str) -> str:
    """Return the reference of a secret; errors never repeat the text, which may be the secret itself."""
    kind, colon, where = text.partition(":")
    if not colon or kind not in _SECRET_KINDS or not where.strip() or len(text) > MAX_TEXT_CHARS:
        near = did_you_mean(kind, _SECRET_KINDS) if colon and kind not in _SECRET_KINDS else ""
        raise ConfigError(
            "this is not a reference to a secret", help=near or "write env:NAME, file:PATH or keyring:NAME"
        )
    if kind == "env" and not _VARIABLE.match(where):
        raise ConfigError("this cannot be the name of an environment variable", help="for example env:TOKEN")
    if kind == "file" and not where.startswith(("/", "~/")):
        raise ConfigError("the path of a secret is absolute, or begins with ~/")
    return text


def some_text(what: str) -> Callable[[str], str]:
    """Return a reader of a text with a minimum and a maximum length."""

    def read(text: str) -> str:
        if not text.strip():
            raise ConfigError(f"an empty {what}")
        if len(text) > MAX_TEXT_CHARS:
            raise ConfigError(f"a {what} of more than {MAX_TEXT_CHARS} characters")
        return text

    return read
