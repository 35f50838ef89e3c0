"""Settings: options as written, validated against the registry of options."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scheduler.core.crontab.options import (
    CRON_DEFAULTS,
    ENV_PREFIX,
    NOT_BUILT_DEFAULTS,
    NOT_BUILT_OPTIONS,
    SECRET_PREFIX,
    default_names,
    of_default,
)
from scheduler.core.crontab.problem import Report
from scheduler.core.crontab.source import Span
from scheduler.core.crontab.values import secret_reference
from scheduler.core.job.option import Option, OptionPlace, upper_form
from scheduler.core.registry import Registry
from scheduler.core.text.suggest import did_you_mean
from scheduler.errors import AgentcronError, ConfigError

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
_MAX_ENV_CHARS = 32_000


@dataclass(frozen=True, slots=True)
class Written:
    """One ``key=value`` of a file."""

    key: str
    text: str
    key_span: Span
    value_span: Span


@dataclass(slots=True)
class Settings:
    """Validated values by the name of their option, their places, and ``env.X`` values.

    ``further`` are the plug-in options among them, ``own`` the values of the trigger's own options.
    """

    values: dict[str, Any] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    further: list[Option] = field(default_factory=list)
    own: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)


NO_SETTINGS = Settings()
"""Those of who writes none.  Nothing is ever added to them."""


def read_settings(
    written: Iterable[Written],
    report: Report,
    options: Registry[Option],
    place: OptionPlace,
    own: Mapping[str, Callable[[str], Any]] | None = None,
) -> Settings:
    """Validate the options of one job; errors E10 and E11 go to ``report``, and the rest is still read.

    Args:
        own: readers of the options that the job's trigger adds.
    """
    found = Settings()
    seen: set[str] = set()
    for item in written:
        if item.key in seen:
            report.error("E10", item.key_span, f"{item.key} is given twice", "keep one of them")
            continue
        seen.add(item.key)
        if item.key.startswith(ENV_PREFIX):
            _read_env(item, found.env, report)
        elif (option := options.built_in.get(item.key)) is not None:
            found.spans[option.name] = item.value_span
            read_value(option.name, option.read, item, found.values, report)
        elif own is not None and item.key in own:
            read_value(item.key, own[item.key], item, found.own, report)
        elif (option := _further(item, options, place, own or (), report)) is not None:
            found.spans[option.name] = item.value_span
            found.further.append(option)
            read_value(option.name, option.read, item, found.values, report)
    return found


def read_value(
    name: str, read: Callable[[str], Any], item: Written, into: dict[str, Any], report: Report
) -> None:
    """Read the value of a known option; E11 if it is invalid."""
    try:
        into[name] = read(item.text)
    except AgentcronError as error:
        report.error("E11", item.value_span, f"{item.key}: {error.message}", error.help)


def _further(
    item: Written, options: Registry[Option], place: OptionPlace, own: Iterable[str], report: Report
) -> Option | None:
    """Return the plug-in option that is allowed here, or report E10."""
    try:
        option = options.get(item.key)
    except ConfigError as error:
        report.error("E10", item.key_span, error.message, error.help)
        return None
    if option is None:
        report.error("E10", item.key_span, *_unknown_option(item.key, options, own))
    elif place not in option.places:
        where = " or ".join(_WHERE[each] for each in option.places)
        report.error("E10", item.key_span, f"{item.key} is not allowed here", f"write it {where}")
        return None
    return option


_WHERE: dict[OptionPlace, str] = {
    "line": "on the job's line",
    "prompt": "in its prompt file",
    "default": "as a default",
}


def read_default(
    item: Written,
    env: dict[str, str],
    secrets: dict[str, str],
    options: Registry[Option],
    report: Report,
) -> Option | None:
    """Return the option of a default line; None for ``env.X``, ``SECRET.X`` and reported errors."""
    if item.key.startswith(SECRET_PREFIX):
        _read_secret(item, secrets, report)
        return None
    if item.key.startswith(ENV_PREFIX):
        _read_env(item, env, report)
        return None
    try:
        option = of_default(item.key, options)
    except ConfigError as error:
        report.error("E10", item.key_span, error.message, error.help)
        return None
    if option is None:
        report.error("E10", item.key_span, *_unknown_default(item.key, options))
    return option


def _read_env(item: Written, env: dict[str, str], report: Report) -> None:
    name = item.key.removeprefix(ENV_PREFIX)
    try:
        if not _ENV_NAME.match(name):
            raise ConfigError(f'"{name}" cannot be the name of an environment variable')
        if len(item.text) > _MAX_ENV_CHARS:
            raise ConfigError(f"{item.key} has more than {_MAX_ENV_CHARS} characters")
    except ConfigError as error:
        report.error("E11", item.key_span, error.message, error.help)
    else:
        env[name] = item.text


def _read_secret(item: Written, secrets: dict[str, str], report: Report) -> None:
    name = item.key.removeprefix(SECRET_PREFIX)
    secrets.pop(name, None)  # after an error the earlier line must not apply
    if not _ENV_NAME.match(name):
        report.error("E11", item.key_span, f'"{name}" cannot be the name of a secret', "SECRET.TOKEN can")
        return
    try:
        secrets[name] = secret_reference(item.text)
    except ConfigError as error:
        report.error("E11", item.value_span, f"{item.key}: {error.message}", error.help)


def _unknown_option(key: str, options: Registry[Option], own: Iterable[str]) -> tuple[str, str]:
    if key in NOT_BUILT_OPTIONS:
        return f"{key}= is not supported yet", "remove it"
    if key.upper().startswith(SECRET_PREFIX):
        return f'no option "{key}"', "a secret has a line of its own above the job: SECRET.NAME = env:NAME"
    known = (*own, *options.names())
    lower = key.lower().replace("_", "-")
    if lower in known:
        return f'no option "{key}"', f"on a job's line it is written {lower}="
    if (option := of_default(key, options)) is not None:
        return f'no option "{key}"', f"on a job's line it is written {option.name}="
    return f'no option "{key}"', did_you_mean(key, known) or f"the options are {', '.join(known)}"


def _unknown_default(key: str, options: Registry[Option]) -> tuple[str, str]:
    if key in NOT_BUILT_DEFAULTS:
        return f"{key} is not supported yet", "remove it"
    if key in CRON_DEFAULTS:
        return f'no default "{key}"', CRON_DEFAULTS[key]
    if key.upper().startswith(SECRET_PREFIX):
        return f'no default "{key}"', f"did you mean {SECRET_PREFIX}{key[len(SECRET_PREFIX) :]}?"
    known = default_names(options)
    upper = upper_form(key)
    if upper in known and upper != key:
        return f'no default "{key}"', f"did you mean {upper}?"
    if (lower := key.lower().replace("_", "-")) in options.names():
        return f'no default "{key}"', f"{lower}= can be set only on the line of a job"
    near = did_you_mean(key, known)
    return f'no default "{key}"', near or f"the defaults are {', '.join(known)}, env.X and SECRET.X"
