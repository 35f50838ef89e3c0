"""Defaults: ``NAME = value`` lines, used by the jobs below them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from scheduler.core.crontab.frontmatter import read_value_text
from scheduler.core.crontab.layout import DefaultLine
from scheduler.core.crontab.problem import Report
from scheduler.core.crontab.settings import Written, read_default, read_value
from scheduler.core.crontab.source import Span
from scheduler.core.crontab.values import Caps, fleet_budget
from scheduler.core.job.job import Budget
from scheduler.core.job.option import Option
from scheduler.core.registry import Registry
from scheduler.errors import ConfigError

FLEET = "FLEET_BUDGET"
"""Not a default for the jobs below it: one cap for the whole file."""


class BrokenDefaultError(Exception):
    """A job needs a default whose line has an error.

    With the previous value the job would run in another zone, or with another budget, than the file says; so
    it does not run until the line is fixed.
    """

    def __init__(self, key: str, line: int) -> None:
        super().__init__(f"{key} on line {line} cannot be read")


@dataclass(slots=True)
class _Default:
    key: str
    span: Span
    value: Any
    broken: bool
    used: bool = False


class Defaults:
    """The defaults for the next job, while the file is read from top to bottom."""

    def __init__(self, report: Report, options: Registry[Option]) -> None:
        self.env: dict[str, str] = {}
        self.fleet_usd: float | None = 0.0
        self.fleet_tokens = 0
        self.secrets: dict[str, str] = {}
        self.further: dict[str, Option] = {}
        """The options of plug-ins that any line has set."""
        self._report = report
        self._options = options
        self._current: dict[str, _Default] = {}

    def read(self, statement: DefaultLine) -> None:
        """Process a default line; errors E09 to E11 and W07 are reported."""
        line = statement.line
        before = self._report.errors
        text, span = read_value_text(line, statement.value_start, self._report)
        item = Written(statement.name, text, line.span(0, len(statement.name)), span)
        if item.key == FLEET:
            self._read_fleet(item, before)
            return
        option = read_default(item, self.env, self.secrets, self._options, self._report)
        if option is None:
            return
        if not option.field:
            self.further[option.name] = option
        found: dict[str, Any] = {}
        if self._report.errors == before:
            read_value(option.name, option.read, item, found, self._report)
        value = found.get(option.name)
        if isinstance(value, Caps):
            value = self._budget(value, item)
        self._replace(option, _Default(item.key, item.key_span, value, self._report.errors > before))

    def _read_fleet(self, item: Written, before: int) -> None:
        """Read the caps of all jobs together; the last line wins, None if it has an error."""
        self.fleet_usd = None
        if self._report.errors > before:
            return
        try:
            caps = fleet_budget(item.text)
            self.fleet_usd, self.fleet_tokens = caps.day_usd or 0.0, caps.day_tokens or 0
        except ConfigError as error:
            self._report.error("E11", item.value_span, f"{FLEET}: {error.message}", error.help)

    def get(self, option: str, otherwise: Any) -> Any:
        """Return the default of an option, and record that it was used.

        Raises:
            BrokenDefaultError: its line has an error.
        """
        default = self._current.get(option)
        if default is None:
            return otherwise
        default.used = True
        if default.broken:
            raise BrokenDefaultError(default.key, default.span.line)
        return default.value

    def options(self) -> Iterable[str]:
        """Return the options that have a default here."""
        return self._current

    def used_by_all(self) -> None:
        """Count every default as used: a job with an error may have meant any of them."""
        for default in self._current.values():
            default.used = True

    def close(self) -> None:
        """Report W07 for those that no job used."""
        for default in self._current.values():
            self._report_unused(default)

    def _budget(self, caps: Caps, item: Written) -> Budget | None:
        try:
            return caps.over(Budget())
        except ConfigError as error:
            self._report.error("E11", item.value_span, f"{item.key}: {error.message}", error.help)
            return None

    def _replace(self, option: Option, default: _Default) -> None:
        if (former := self._current.get(option.name)) is not None:
            self._report_unused(former)
        self._current[option.name] = default

    def _report_unused(self, default: _Default) -> None:
        if not default.used and not default.broken:
            self._report.warning(
                "W07", default.span, f"no job uses this {default.key}",
                "a default applies to the jobs below it, up to the next one of the same name",
            )  # fmt: skip
