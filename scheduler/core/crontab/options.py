"""The built-in options in one table, used by the reader, the manual and "did you mean".

A new option is a line of ``OPTIONS``, or a plug-in with an entry point of the group ``agentcron.options``.
"""

from __future__ import annotations

from scheduler.core.crontab import values
from scheduler.core.crontab.cost import over_budget
from scheduler.core.job.job import (
    DEFAULT_BUDGET_DAY_USD,
    DEFAULT_BUDGET_RUN_USD,
    DEFAULT_MAX_STEPS,
    DEFAULT_MODEL,
    DEFAULT_PAUSE_AFTER,
    DEFAULT_RETRIES,
    DEFAULT_TIMEOUT_SECONDS,
    DEFAULT_WINDOW,
)
from scheduler.core.job.option import Option, OptionPlace, upper_form
from scheduler.core.job.vocabulary import Vocabulary
from scheduler.core.registry import Registry
from scheduler.core.time.durations import write_duration
from scheduler.core.time.instants import DAY_SECONDS
from scheduler.core.time.trigger import KINDS

NO_DEFAULT: tuple[OptionPlace, ...] = ("line", "prompt")
"""The places of an option whose value jobs do not share."""

OPTIONS: tuple[Option, ...] = (
    Option(
        "model", values.model,
        "the model that runs the agent",
        DEFAULT_MODEL, field="model",
    ),
    Option(
        "backend", values.backend,
        "what executes its runs: the built-in loop over a model, or a backend of a plug-in",
        "turns",
    ),
    Option(
        "budget", values.budget,
        "caps in dollars, tokens (`200ktok/run 2Mtok/day`), effects, wake-ups (`40effects/day 6wakes/hour`)",
        f"{DEFAULT_BUDGET_RUN_USD:.2f}/run {DEFAULT_BUDGET_DAY_USD:g}/day", field="budget", lint=over_budget,
    ),
    Option(
        "tz", values.time_zone,
        "the time zone of the schedule",
        "the machine's", field="tz", upper="CRON_TZ", alias="TZ",
    ),
    Option(
        "dst", values.one_of("once", "elapsed", "skip"),
        "at clock changes: fixed times run `once`, wildcards by `elapsed` time; or `skip`",
        "by the schedule", field="dst",
    ),
    Option(
        "fields", values.one_of("or", "and"),
        "day of month and weekday both given: either matches, or both must",
        "or", field="fields",
    ),
    Option(
        "overlap", values.one_of("skip", "queue", "replace", "allow"),
        "a fire while a run of the job is not over",
        "skip", field="overlap",
    ),
    Option(
        "catchup", values.one_of("skip", "latest", "all"),
        "missed fires to catch up: none, one for all, or each (at most 10)",
        "latest", field="catchup",
    ),
    Option(
        "window", values.duration(0, 366 * DAY_SECONDS),
        "how late a missed fire may still be caught up",
        DEFAULT_WINDOW, field="window_seconds",
    ),
    Option(
        "jitter", values.duration(0, DAY_SECONDS),
        "the maximum of a fixed delay derived from the job's name",
        "0", field="jitter_seconds",
    ),
    Option(
        "timeout", values.duration(1, 7 * DAY_SECONDS),
        "the longest attempt; sleeping does not count",
        write_duration(DEFAULT_TIMEOUT_SECONDS), field="timeout_seconds",
    ),
    Option(
        "retries", values.count(0, 20),
        "further attempts after a transient error",
        str(DEFAULT_RETRIES), field="retries",
    ),
    Option(
        "pause-after", values.count(1, 1000),
        "failures in a row that pause the job",
        str(DEFAULT_PAUSE_AFTER), field="pause_after",
    ),
    Option(
        "max-steps", values.count(1, 1000),
        "the most steps of one attempt",
        str(DEFAULT_MAX_STEPS), field="max_steps",
    ),
    Option(
        "compact", values.tokens(10_000, 10_000_000),
        "the size of a request, in tokens, above which earlier messages are summarised",
        "150k", field="compact_tokens",
    ),
    Option(
        "enabled", values.yes_or_no,
        "`no` disables the job",
        "yes", field="enabled", places=NO_DEFAULT,
    ),
    Option(
        "gate", values.some_text("gate"),
        "a command that runs first: exit 0 starts the agent and passes its output on, 1 skips the run",
        "none", field="gate", places=NO_DEFAULT,
    ),
    Option(
        "tools", values.tool_names,
        "the agent's tools besides sleep, note and finish; of a tool source `SOURCE:NAME`",
        "the built-in ones", field="tools",
    ),
    Option(
        "workdir", values.some_text("workdir"),
        "the agent's folder",
        "`<home>/work/<job>`", field="workdir", places=NO_DEFAULT,
    ),
    Option(
        "report", values.some_text("report"),
        "a command that gets the run's summary on stdin",
        "none", field="report",
    ),
    Option(
        "keep", values.keep,
        "how long ended runs are kept, at least 1d; older ones are deleted",
        values.FOREVER, field="keep_seconds",
    ),
    Option(
        "trust", values.profile,
        "the profile that says what the agent may do: observe, propose, act, or one of trust.toml",
        "propose", field="trust",
    ),
)  # fmt: skip

BUILT_IN = Vocabulary(KINDS, Registry({option.name: option for option in OPTIONS}))
"""The vocabulary without any plug-ins."""

# TZ is common, and supported by some crons.
_BY_UPPER: dict[str, Option] = {upper: option for option in OPTIONS for upper in option.uppers}


def of_default(upper: str, options: Registry[Option]) -> Option | None:
    """Return the option of a default line; for a plug-in its name in capitals.

    Raises:
        ConfigError: a plug-in that provides it cannot be used.
    """
    if (found := _BY_UPPER.get(upper)) is not None:
        return found
    name = upper.lower().replace("_", "-")
    found = options.get(name) if upper == upper_form(name) else None
    return found if found is not None and upper in found.uppers else None


def default_names(options: Registry[Option]) -> list[str]:
    """Return the names of all default lines; plug-ins by their entry points, without importing them."""
    further = [upper_form(name) for name in options.names() if name not in options.built_in]
    return [*_BY_UPPER, *further]


ENV_PREFIX = "env."

SECRET_PREFIX = "SECRET."

NOT_BUILT_OPTIONS = frozenset({"notify", "deliver", "sandbox", "memory", "priority", "after"})
"""Options of later versions: refused by name, never ignored silently."""

NOT_BUILT_DEFAULTS = frozenset({"NOTIFY", "DELIVER", "SANDBOX", "MEMORY", "HEARTBEAT", "DREAM"})

CRON_DEFAULTS: dict[str, str] = {
    "MAILTO": 'a job can report how a run ended: REPORT = "command"',
    "MAILFROM": 'a job can report how a run ended: REPORT = "command"',
    "SHELL": "no shell reads this file; to pass it to the jobs write env.SHELL = ...",
    "PATH": "no shell reads this file; to pass it to the jobs write env.PATH = ...",
    "HOME": "to pass it to the jobs write env.HOME = ...",
    "LOGNAME": "jobs run as the daemon's user",
    "RANDOM_DELAY": "the closest option is JITTER, a fixed delay derived from the job's name",
}
"""Names from other crons that have no meaning here, with their replacement."""
