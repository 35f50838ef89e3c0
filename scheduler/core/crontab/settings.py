"""Settings: options as somebody wrote them, checked against the table of options."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from scheduler.core.crontab.options import (
    BY_NAME,
    BY_UPPER,
    CRON_DEFAULTS,
    ENV_PREFIX,
    NOT_BUILT_DEFAULTS,
    NOT_BUILT_OPTIONS,
    SECRET_PREFIX,
    Option,
)
from scheduler.core.crontab.problem import Report
from scheduler.core.crontab.source import Span
from scheduler.core.crontab.values import secret_reference
from scheduler.core.text.suggest import did_you_mean
from scheduler.errors import AgentcronError, ConfigError

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
_MAX_ENV_CHARS = 32_000


@dataclass(frozen=True, slots=True)
class Written:
    """One ``key=value`` as it stands in a file."""

    key: str
    text: str
    key_span: Span
    value_span: Span


@dataclass(slots=True)
class Settings:
    """Checked values by the name of their option, where each was written, and ``env.X`` values."""

    values: dict[str, Any] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)


def read_settings(written: Iterable[Written], report: Report) -> Settings:
    """Check options of one job; errors E10 and E11 go to ``report``, and the rest is still read."""
    found = Settings()
    seen: set[str] = set()
    for item in written:
        if item.key in seen:
            report.error("E10", item.key_span, f"{item.key} is given twice", "keep one of them")
            continue
        seen.add(item.key)
        if item.key.startswith(ENV_PREFIX):
            _read_env(item, found.env, report)
        elif (option := BY_NAME.get(item.key)) is None:
            report.error("E10", item.key_span, *_unknown_option(item.key))
        else:
            found.spans[option.name] = item.value_span
            read_value(option, item, found.values, report)
    return found


def read_value(option: Option, item: Written, into: dict[str, Any], report: Report) -> bool:
    """Read the value of a known option; E11 when it cannot be right.  Returns whether it could."""
    try:
        into[option.name] = option.read(item.text)
    except AgentcronError as error:
        report.error("E11", item.value_span, f"{item.key}: {error.message}", error.help)
        return False
    return True


def read_default(
    item: Written, env: dict[str, str], secrets: dict[str, str], report: Report
) -> Option | None:
    """Return which option a default line sets; None for ``env.X``, ``SECRET.X``, and what was reported."""
    if item.key.startswith(SECRET_PREFIX):
        _read_secret(item, secrets, report)
        return None
    if item.key.startswith(ENV_PREFIX):
        _read_env(item, env, report)
        return None
    option = BY_UPPER.get(item.key)
    if option is None:
        report.error("E10", item.key_span, *_unknown_default(item.key))
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
    secrets.pop(name, None)  # a broken line must not leave the one before it in force
    if not _ENV_NAME.match(name):
        report.error("E11", item.key_span, f'"{name}" cannot be the name of a secret', "SECRET.TOKEN can")
        return
    try:
        secrets[name] = secret_reference(item.text)
    except ConfigError as error:
        report.error("E11", item.value_span, f"{item.key}: {error.message}", error.help)


def _unknown_option(key: str) -> tuple[str, str]:
    if key in NOT_BUILT_OPTIONS:
        return f"{key}= is not built yet", "remove it: an option that does nothing would mislead"
    if key.upper().startswith(SECRET_PREFIX):
        return f'no option "{key}"', "a secret has a line of its own above the job: SECRET.NAME = env:NAME"
    lower = key.lower().replace("_", "-")
    if lower in BY_NAME:
        return f'no option "{key}"', f"on a job's line it is written {lower}="
    if key in BY_UPPER:
        return f'no option "{key}"', f"on a job's line it is written {BY_UPPER[key].name}="
    return f'no option "{key}"', did_you_mean(key, BY_NAME) or f"the options are {', '.join(BY_NAME)}"


def _unknown_default(key: str) -> tuple[str, str]:
    if key in NOT_BUILT_DEFAULTS:
        return f"{key} is not built yet", "remove it: a default that does nothing would mislead"
    if key in CRON_DEFAULTS:
        return f'no default "{key}"', CRON_DEFAULTS[key]
    if key.upper().startswith(SECRET_PREFIX):
        return f'no default "{key}"', f"did you mean {SECRET_PREFIX}{key[len(SECRET_PREFIX) :]}?"
    upper = key.upper().replace("-", "_")
    if upper in BY_UPPER:
        return f'no default "{key}"', f"did you mean {upper}?"
    if (lower := key.lower().replace("_", "-")) in BY_NAME:
        return f'no default "{key}"', f"{lower}= is said by each job on its own line"
    near = did_you_mean(key, BY_UPPER)
    return f'no default "{key}"', near or f"the defaults are {', '.join(BY_UPPER)}, env.X and SECRET.X"
