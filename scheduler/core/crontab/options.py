"""The options of a job, in one table: the reader, the manual and "did you mean" all use this one.

An option is written ``key=value`` on the job's line, ``key: value`` in the front matter of its prompt
file, or, where that makes sense, ``KEY = value`` on a line of its own as a default for the jobs below.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scheduler.core.crontab import values
from scheduler.core.job.job import (
    DEFAULT_BUDGET_DAY_USD,
    DEFAULT_BUDGET_RUN_USD,
    DEFAULT_MAX_STEPS,
    DEFAULT_MODEL,
    DEFAULT_PAUSE_AFTER,
    DEFAULT_RETRIES,
    DEFAULT_TIMEOUT_SECONDS,
    DEFAULT_WINDOW_SECONDS,
)
from scheduler.core.time.durations import write_duration
from scheduler.core.time.instants import DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    Args:
        name: the key on a job's line.
        field: the field of ``Job`` that it sets.
        read: gives the value of a text, or raises ConfigError.
        default: what holds when nobody says anything, as the manual shows it.
        meaning: half a sentence for the manual.
        upper: its name as a default line, or an empty text where a shared value makes no sense.
    """

    name: str
    field: str
    read: Callable[[str], Any]
    default: str
    meaning: str
    upper: str = ""


OPTIONS: tuple[Option, ...] = (
    Option("model", "model", values.model, DEFAULT_MODEL, "the model that runs the agent", "MODEL"),
    Option(
        "budget", "budget", values.budget, f"{DEFAULT_BUDGET_RUN_USD:.2f}/run {DEFAULT_BUDGET_DAY_USD:g}/day",
        "caps in dollars, tokens (`200ktok/run 2Mtok/day`), effects, wake-ups (`40effects/day 6wakes/hour`)",
        "BUDGET",
    ),
    Option("tz", "tz", values.time_zone, "the machine's", "the time zone of the schedule", "CRON_TZ"),
    Option(
        "dst", "dst", values.one_of("once", "elapsed", "skip"), "by the schedule",
        "at clock changes: fixed times run `once`, wildcards by `elapsed` time; or `skip`", "DST",
    ),
    Option(
        "fields", "fields", values.one_of("or", "and"), "or",
        "day of month and weekday both given: either matches, or both must", "FIELDS",
    ),
    Option(
        "overlap", "overlap", values.one_of("skip", "queue", "replace", "allow"), "skip",
        "a fire while a run of the job lives", "OVERLAP",
    ),
    Option(
        "catchup", "catchup", values.one_of("skip", "latest", "all"), "latest",
        "fires that were missed: none, one for all, or each (at most 10)", "CATCHUP",
    ),
    Option(
        "window", "window_seconds", values.duration(0, 366 * DAY_SECONDS),
        write_duration(DEFAULT_WINDOW_SECONDS), "how late a missed fire may still be caught up", "WINDOW",
    ),
    Option(
        "jitter", "jitter_seconds", values.duration(0, DAY_SECONDS), "0",
        "a fixed delay up to this long, from the job's name", "JITTER",
    ),
    Option(
        "timeout", "timeout_seconds", values.duration(1, 7 * DAY_SECONDS),
        write_duration(DEFAULT_TIMEOUT_SECONDS), "the longest attempt; sleeping does not count", "TIMEOUT",
    ),
    Option(
        "retries", "retries", values.count(0, 20), str(DEFAULT_RETRIES),
        "further attempts after a transient error", "RETRIES",
    ),
    Option(
        "pause-after", "pause_after", values.count(1, 1000), str(DEFAULT_PAUSE_AFTER),
        "failures in a row that pause the job", "PAUSE_AFTER",
    ),
    Option(
        "max-steps", "max_steps", values.count(1, 1000), str(DEFAULT_MAX_STEPS),
        "the most steps of one attempt", "MAX_STEPS",
    ),
    Option(
        "compact", "compact_tokens", values.tokens(10_000, 10_000_000), "150k",
        "the size of a request, in tokens, from which on the past is summed up", "COMPACT",
    ),
    Option("enabled", "enabled", values.yes_or_no, "yes", "`no` keeps the job in the file and off"),
    Option(
        "gate", "gate", values.some_text("gate"), "none",
        "a command asked first, before any cost: exit 0 wakes the agent and hands over its output, 1 skips",
    ),
    Option(
        "tools", "tools", values.tool_names, "the built-in ones",
        "what the agent may use beside sleep, note and finish", "TOOLS",
    ),
    Option("workdir", "workdir", values.some_text("workdir"), "`<home>/work/<job>`", "the agent's folder"),
    Option(
        "report", "report", values.some_text("report"), "none",
        "a command that gets the run's summary on stdin", "REPORT",
    ),
    Option(
        "keep", "keep_seconds", values.keep, values.FOREVER,
        "how long runs that are over are kept, at least 1d; older ones are deleted", "KEEP",
    ),
    Option(
        "trust", "trust", values.profile, "propose",
        "the profile that says what the agent may do: observe, propose, act, or one of trust.toml", "TRUST",
    ),
)  # fmt: skip

BY_NAME: dict[str, Option] = {option.name: option for option in OPTIONS}

# TZ is what many people write, and what some crons read.
BY_UPPER: dict[str, Option] = {option.upper: option for option in OPTIONS if option.upper}
BY_UPPER["TZ"] = BY_NAME["tz"]

ENV_PREFIX = "env."

SECRET_PREFIX = "SECRET."

NOT_BUILT_OPTIONS = frozenset({"notify", "deliver", "sandbox", "memory", "priority", "after"})
"""Options of later versions: refused by name, never accepted and ignored."""

NOT_BUILT_DEFAULTS = frozenset({"NOTIFY", "DELIVER", "SANDBOX", "MEMORY", "HEARTBEAT", "DREAM"})

CRON_DEFAULTS: dict[str, str] = {
    "MAILTO": 'a job can say what became of a run: REPORT = "command"',
    "MAILFROM": 'a job can say what became of a run: REPORT = "command"',
    "SHELL": "no shell reads this file; to hand it to the jobs write env.SHELL = ...",
    "PATH": "no shell reads this file; to hand it to the jobs write env.PATH = ...",
    "HOME": "to hand it to the jobs write env.HOME = ...",
    "LOGNAME": "jobs run as the daemon's user",
    "RANDOM_DELAY": "the nearest thing is JITTER, a fixed delay from the job's name",
}
"""Names that every cron user knows and that mean nothing here, with what to write in their place."""
