"""Build a Job from the parts of its line: the prompt, the settings of three places, the checks of files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scheduler.core.crontab.defaults import BrokenDefaultError, Defaults
from scheduler.core.crontab.frontmatter import Prompt, read_prompt
from scheduler.core.crontab.jobline import JobLine
from scheduler.core.crontab.layout import JobLines
from scheduler.core.crontab.look import Look
from scheduler.core.crontab.options import OPTIONS
from scheduler.core.crontab.problem import Problem, Report
from scheduler.core.crontab.schedule import read_trigger
from scheduler.core.crontab.settings import NO_SETTINGS, Settings
from scheduler.core.crontab.source import Span
from scheduler.core.crontab.values import Caps
from scheduler.core.job.job import Budget, Job
from scheduler.core.job.option import Option
from scheduler.core.job.vocabulary import Vocabulary
from scheduler.core.time.triggers.base import Schedule
from scheduler.errors import AgentcronError, ConfigError

MAX_PROMPT_CHARS = 200_000

_FIRST_WORD = re.compile(r"""(?:"([^"]*)"|'([^']*)'|([^\s"']+))(\s.*)?\Z""", re.DOTALL)
_NEEDS_QUOTES = re.compile(r"[^\w@%+=:,./-]", re.ASCII)

# Evaluated, and not simply copied into the Job.
_SPECIAL = frozenset({"budget", "tz", "dst", "fields", "gate", "workdir"})

_FIELDS = {option.name: option.field for option in OPTIONS if option.field and option.name not in _SPECIAL}
"""The fields of a Job that options are copied into."""

_DEFAULT_BUDGET = Budget()

_HAVE_FIELDS = frozenset(option.name for option in OPTIONS if option.field)
"""The options with a field in Job; the others are stored in its ``extra``."""


class CannotBuildError(Exception):
    """A job cannot be built because of an error elsewhere, which has been reported there."""


@dataclass(slots=True)
class _Sources:
    """The places of an option: on the line, else in the prompt file, else in a default above.

    ``broken`` is set if a needed default has an error: the other errors of the job are still reported.
    still found.
    """

    line: Settings
    prompt: Settings
    defaults: Defaults
    broken: str = ""

    def get(self, option: str, otherwise: Any = None) -> Any:
        for settings in (self.line, self.prompt):
            if option in settings.values:
                return settings.values[option]
        return self.default(option, otherwise)

    def default(self, option: str, otherwise: Any = None) -> Any:
        try:
            return self.defaults.get(option, otherwise)
        except BrokenDefaultError as error:
            self.broken = str(error)
            return otherwise

    def mentioned(self) -> Sequence[str]:
        """Return the options that are set in any of the three places: few of the many that exist."""
        given = {*self.line.values, *self.prompt.values, *self.defaults.options()}
        return [option.name for option in OPTIONS if option.name in given] if given else ()

    def span(self, option: str, otherwise: Span) -> Span:
        """Return where the job's own line sets it, else the place of the job's name or prompt file."""
        return self.line.spans.get(option, otherwise)


class Builder:
    """Build the jobs of one crontab; cache prompt files that several jobs share."""

    def __init__(
        self, look: Look, report: Report, now: datetime, default_tz: str, vocabulary: Vocabulary
    ) -> None:
        self.foreign_problems: list[Problem] = []
        self.further: dict[str, Option] = {}
        """The options of plug-ins that any job has."""
        self._vocabulary = vocabulary
        self._look = look
        self._report = report
        self._now = now
        self._default_tz = default_tz
        self._prompts: dict[str, tuple[Prompt | None, str]] = {}

    def build(
        self, line: JobLine, lines: JobLines, line_settings: Settings, defaults: Defaults
    ) -> tuple[Job, frozenset[str]] | None:
        """Return the job and its explicit options, or None if it has an error.

        Raises:
            CannotBuildError: its prompt file, or a default that it needs, has an error.
        """
        before = self._report.errors
        prompt, fault = self._prompt(line, lines)
        settings = prompt.settings if prompt else NO_SETTINGS
        sources = _Sources(line_settings, settings, defaults)
        mentioned = sources.mentioned()
        given = {name: value for name in mentioned if (value := sources.get(name)) is not None}
        name, tz = line.name or "job", given.get("tz", self._default_tz)
        dst, fields = given.get("dst"), given.get("fields", "or")
        trigger = None
        if line.schedule:
            schedule = Schedule(
                line.schedule, self._now, name, tz, dst, fields, line_settings.own, self._vocabulary.events
            )
            trigger = read_trigger(schedule, line.fields, self._vocabulary.triggers, self._report)
        values = {_FIELDS[name]: value for name, value in given.items() if name in _FIELDS}
        values["budget"] = self._budget(sources, line.name_span) if mentioned else _DEFAULT_BUDGET
        values |= self._paths(line, sources, given)
        if line_settings.further or settings.further or defaults.further:
            given |= self._further(sources)
        if extra := {name: given[name] for name in sorted(given) if name not in _HAVE_FIELDS}:
            values["extra"] = extra
        if self._report.errors > before or not line.sound:
            return None
        if fault or sources.broken:
            raise CannotBuildError(fault or sources.broken)
        if prompt is None or trigger is None:
            return None
        job = Job(
            name=name,
            trigger=trigger,
            prompt=prompt.text,
            tz=tz,
            dst=dst,
            fields=fields,
            env=tuple(sorted((defaults.env | settings.env | line_settings.env).items())),
            secrets=tuple(sorted(defaults.secrets.items())),
            line=lines.head.line,
            **values,
        )
        return job, frozenset(given)

    def _further(self, sources: _Sources) -> dict[str, Any]:
        """Return the values of plug-in options, which have no field."""
        options = {each.name: each for each in (*sources.line.further, *sources.prompt.further)}
        options |= sources.defaults.further
        self.further |= options
        return {name: value for name in sorted(options) if (value := sources.get(name)) is not None}

    def _prompt(self, line: JobLine, lines: JobLines) -> tuple[Prompt | None, str]:
        """Return the prompt, and the error in its file; errors E12 and E14 are reported."""
        report, target = self._report, line.target
        written = [text for text in lines.block if not text.is_blank]
        if target is not None and written and not all(text.is_comment for text in written):
            first = written[0]
            report.error(
                "E14", first.span(len(first.indent)), "two prompts: one on the job's line, one below it",
                "keep one of them",
            )  # fmt: skip
        if target is None and not written:
            if line.sound:  # otherwise the unreadable part may be the prompt
                report.error(
                    "E14", line.name_span, f"job {line.name} has no prompt",
                    "add a \"quoted prompt\", an @file.md, or indented lines below",
                )  # fmt: skip
            return None, ""
        if target is None:
            return self._checked(lines.prompt or "", written[0].span()), ""
        span = lines.head.span(target.start, target.end)
        if target.kind == "string":
            return self._checked(target.value, span), ""
        return self._prompt_file(target.value, span)

    def _checked(self, text: str, span: Span) -> Prompt | None:
        if not text.strip():
            self._report.error("E14", span, "the prompt is empty", "write what the agent should do")
        elif len(text) > MAX_PROMPT_CHARS:
            self._report.error("E14", span, f"the prompt has more than {MAX_PROMPT_CHARS} characters")
        else:
            return Prompt(NO_SETTINGS, text)
        return None

    def _prompt_file(self, path: str, span: Span) -> tuple[Prompt | None, str]:
        if path not in self._prompts:
            try:
                if not path:
                    raise ConfigError("a prompt file has no name", help="for example @jobs/triage.md")
                prompt, report = read_prompt(self._look.read_prompt(path), path, self._vocabulary.options)
            except AgentcronError as error:
                self._report.error("E12", span, error.message, error.help)
                return None, ""
            self.foreign_problems += report.problems
            first = next((problem for problem in report.problems if problem.severity == "error"), None)
            fault = f"{path}:{first.line}: {first.headline}" if first else ""
            self._prompts[path] = (prompt, fault)
        kept, fault = self._prompts[path]
        if kept is None or fault:
            return kept, fault
        return kept if self._checked(kept.text, span) else None, ""

    def _budget(self, sources: _Sources, span: Span) -> Budget:
        budget: Budget = sources.default("budget", Budget())
        try:
            for settings in (sources.prompt, sources.line):
                caps = settings.values.get("budget")
                if isinstance(caps, Caps):
                    budget = caps.over(budget)
        except ConfigError as error:
            self._report.error("E11", sources.span("budget", span), f"budget: {error.message}", error.help)
        return budget

    def _paths(self, line: JobLine, sources: _Sources, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the absolute paths; report E11 for an unsuitable workdir and E13 for an unsuitable gate."""
        look, found = self._look, dict[str, Any]()
        if line.target is not None and line.target.kind == "file":
            found["prompt_file"] = look.absolute(line.target.value)
        gate = given.get("gate")
        if gate is not None:
            found["gate"] = gate = absolute_command(gate, look)
            if problem := look.gate_problem(gate):
                self._report.error("E13", sources.span("gate", line.name_span), f"gate: {problem}")
        workdir = given.get("workdir")
        if workdir is not None:
            found["workdir"] = workdir = look.absolute(workdir)
            if problem := look.workdir_problem(workdir):
                self._report.error("E11", sources.span("workdir", line.name_span), f"workdir: {problem}")
        return found


def absolute_command(command: str, look: Look) -> str:
    """Return a command line with its program as an absolute path, quoted for a shell.

    A bare word is not changed: it is a program on PATH, as in a shell.  With a slash it is a file, and a
    relative path starts at the crontab's folder, wherever the daemon was started.
    """
    match = _FIRST_WORD.match(command.strip())
    if match is None:  # an unclosed quote: the check of the gate reports it
        return command
    program, rest = match[1] or match[2] or match[3] or "", match[4] or ""
    if "/" in program:
        program = look.absolute(program)
    if not program or _NEEDS_QUOTES.search(program):
        program = "'" + program.replace("'", "'\"'\"'") + "'"
    return program + rest
