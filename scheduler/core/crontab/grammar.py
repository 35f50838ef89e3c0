"""Parse the text of a crontab into a Table, in one pass that does not stop at errors.

::

    file    = *( blank | comment | default | job )
    default = NAME "=" value                           for the jobs below
    job     = schedule name [target] *(key=value) [block]
    target  = "string" | @path
    block   = the following lines that are indented
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from scheduler.core.crontab.build import Builder, CannotBuildError
from scheduler.core.crontab.defaults import BrokenDefaultError, Defaults
from scheduler.core.crontab.jobline import JobLine, read_job_line
from scheduler.core.crontab.layout import DefaultLine, JobLines, lay_out
from scheduler.core.crontab.look import Look
from scheduler.core.crontab.options import BUILT_IN, OPTIONS
from scheduler.core.crontab.problem import Problem, Report
from scheduler.core.crontab.settings import NO_SETTINGS, Settings, read_settings
from scheduler.core.crontab.source import Span, split_lines
from scheduler.core.crontab.table import InvalidJob, Place, Table
from scheduler.core.job.job import Job
from scheduler.core.job.vocabulary import Vocabulary, own_options
from scheduler.errors import ConfigError

_SHOWN_CHARS = 90

_LINTED = tuple(option for option in OPTIONS if option.lint)


def parse(
    text: str,
    *,
    file: str,
    look: Look,
    now: datetime,
    default_tz: str = "UTC",
    vocabulary: Vocabulary = BUILT_IN,
) -> Table:
    """Parse a crontab; never raises for any text.

    Args:
        file: the file name for problems, as the user knows it.
        look: gives access to prompt files, gates and folders.
        now: an aware instant; a schedule that never fires after it is an error.
        default_tz: the zone of jobs without one.
        vocabulary: the available triggers and options.
    """
    lines = split_lines(text)
    report = Report(file, tuple(line.text for line in lines))
    reader = _Reader(report, look, now, default_tz, vocabulary)
    for statement in lay_out(lines, report):
        if isinstance(statement, DefaultLine):
            reader.defaults.read(statement)
        else:
            reader.read_job(statement)
    reader.take_out_editable()
    keep_seconds = reader.keep_seconds()
    reader.defaults.close()
    return Table(
        jobs=tuple(reader.jobs),
        problems=tuple(sorted({*report.problems, *reader.builder.foreign_problems}, key=_place)),
        invalid=tuple(reader.invalid),
        places=tuple(reader.places),
        file=file,
        keep_seconds=keep_seconds,
        fleet_usd=reader.defaults.fleet_usd,
        fleet_tokens=reader.defaults.fleet_tokens,
        linted=(*_LINTED, *(each for each in reader.builder.further.values() if each.lint)),
    )


def _place(problem: Problem) -> tuple[str, int, int, str, str]:
    return (problem.file, problem.line, problem.col, problem.code, problem.message)


class _Reader:
    """The state while a file is read from top to bottom."""

    def __init__(
        self, report: Report, look: Look, now: datetime, default_tz: str, vocabulary: Vocabulary
    ) -> None:
        self.jobs: list[Job] = []
        self.places: list[Place] = []
        self.invalid: list[InvalidJob] = []
        self.defaults = Defaults(report, vocabulary.options)
        self.builder = Builder(look, report, now, default_tz, vocabulary)
        self._look = look
        self._report = report
        self._vocabulary = vocabulary
        self._taken: dict[str, int] = {}

    def read_job(self, lines: JobLines) -> None:
        """Read one job, into ``jobs`` and ``places`` or into ``invalid``."""
        before = len(self._report.problems)
        triggers, options = self._vocabulary.triggers, self._vocabulary.options
        line = read_job_line(lines.head, triggers, self._report, has_block=bool(lines.block))
        settings = NO_SETTINGS
        if line.written:
            settings = read_settings(line.written, self._report, options, "line", self._own_options(line))
        unique = self._claim(line)
        built, reason = None, "its lines cannot be parsed"
        if line.schedule:
            try:
                built = self.builder.build(line, lines, settings, self.defaults)
            except CannotBuildError as error:
                reason = str(error)
        else:
            self.defaults.used_by_all()
        errors = [p for p in self._report.problems[before:] if p.severity == "error"]
        if built is not None and unique and lines.sound and not errors:
            job, given = built
            source = self._report.line(line.name_span.line)
            self.jobs.append(job)
            self.places.append(
                Place(source, line.name_span, line.fields, given, self._linted_spans(settings))
            )
        else:
            self.invalid.append(
                InvalidJob(line.name, lines.head.line, errors[0].headline if errors else reason)
            )

    def _linted_spans(self, settings: Settings) -> tuple[tuple[str, Span], ...]:
        if not settings.spans:
            return ()
        linted = (*_LINTED, *(option for option in settings.further if option.lint))
        return tuple((each.name, settings.spans[each.name]) for each in linted if each.name in settings.spans)

    def _own_options(self, line: JobLine) -> Mapping[str, Callable[[str], Any]]:
        """Return the options that the trigger of a line adds; none if it cannot be determined."""
        if not line.schedule or not line.schedule[0].startswith("@"):
            return {}
        try:
            return own_options(line.schedule, self._vocabulary)
        except ConfigError:
            return {}  # reported where the schedule is read

    def take_out_editable(self) -> None:
        """Refuse jobs that use files which an agent can edit, now that all workdirs are known."""
        for index, code, problem, fix in reversed(list(self._look.editable(self.jobs))):
            job, place = self.jobs.pop(index), self.places.pop(index)
            self._report.error(code, place.name, problem, fix)
            self.invalid.append(InvalidJob(job.name, job.line, f"{code} {problem}"))

    def keep_seconds(self) -> int:
        """Return the KEEP at the end, for jobs that are no longer in the file; 0 if it is broken."""
        try:
            return int(self.defaults.get("keep", 0))
        except BrokenDefaultError:
            return 0

    def _claim(self, line: JobLine) -> bool:
        """Register the job's name, or report E08.

        Names that differ only in case are refused: on some disks such jobs would share one work folder.
        """
        if line.name is None:
            return False
        first = self._taken.setdefault(line.name.casefold(), line.name_span.line)
        if first == line.name_span.line:
            return True
        text = self._report.line(first).strip()
        shown = text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + " …"
        self._report.error(
            "E08", line.name_span, f'the name "{line.name}" is taken by line {first}',
            f"line {first}: {shown}",
        )  # fmt: skip
        return False
