"""A problem in a crontab: what is wrong, where, and how to fix it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from scheduler.core.crontab.source import Span
from scheduler.core.text.safe import cells, safe_text

Severity = Literal["error", "warning"]

# A prompt can be one line of thousands of characters; only the part around the caret is shown.
_WIDEST_SOURCE_CELLS = 110
_CELLS_BEFORE_CARET = 50

ERRORS: dict[str, str] = {
    "E01": "not five schedule fields",
    "E02": "a number out of range",
    "E03": "a schedule field that cannot be parsed",
    "E04": "a range written backwards (minute, hour, day of month)",
    "E05": "a step of 0, or wider than its field",
    "E06": "a date that never occurs",
    "E07": "an `@` schedule that is unknown, not supported yet, or of a plug-in that fails",
    "E08": "a job's name is missing, malformed or used twice",
    "E09": "a quote that is not closed, or not a straight double quote",
    "E10": "an unknown option or default, one given twice, or one not supported yet",
    "E11": "an invalid value: duration, zone, money, model, event, NUL, or an agent's folder",
    "E12": "the prompt file is missing, unreadable, outside the crontab's folder, or an agent can edit it",
    "E13": "the gate cannot be executed, or a command would run what the agent can edit",
    "E14": "a job without a prompt, or with two",
    "E15": "indented text that belongs to no job, or indented with tabs and spaces mixed",
    "E16": "a shell command in place of the job's name",
    "E17": "a trust profile that is missing or broken",
}

WARNINGS: dict[str, str] = {
    "W01": "day of month and weekday are both restricted: either matches",
    "W02": "`*/n` in one day field and the other restricted: cron programs disagree",
    "W03": "a fire time that a clock change within 12 months skips or repeats",
    "W04": "more runs a day than the day's budget covers",
    "W05": "many jobs start in the same minute",
    "W06": "a spelling that cron programs interpret differently",
    "W07": "a default that no job uses",
    "W08": "a day that some months do not have",
    "W09": "a grant that allows nothing",
    "W10": "a tool that would stop and wait for a person",
    "W16": "a plug-in warns about its own schedule or option",
    "W17": "an `@at` that is past",
}


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One error or warning; ordered by its place.

    Args:
        line, col: its start, counted from 1, columns in code points.
        end_col: the column just after it.
        help: how to fix it, or an empty text.
        source: the text of the line, for the caret.
    """

    file: str
    line: int
    col: int
    code: str
    message: str
    severity: Severity = "error"
    end_col: int = 0
    help: str = ""
    source: str = field(default="", compare=False, repr=False)

    @property
    def headline(self) -> str:
        """The problem in one line, without its place."""
        return safe_text(f"{self.code} {self.message}")

    def render(self) -> str:
        """Return the problem as text: the place, the line with a caret, the help.

        ::

            crontab:7:3: error E02 hour 25 is out of range 0-23
              7 | 0 25 * * 1-5  morning-brief  "Summarise overnight PRs"
                |   ^^
              help: for 1 am write `0 1 * * 1-5`
        """
        shown = [f"{safe_text(self.file)}:{self.line}:{self.col}: {self.severity} {self.headline}"]
        if self.source:
            source, before, width = _window(self.source, self.col, max(self.end_col, self.col + 1))
            number = str(self.line)
            shown.append(f"  {number} | {source}")
            shown.append(f"  {' ' * len(number)} | {' ' * before}{'^' * width}")
        if self.help:
            first, *rest = self.help.split("\n")
            shown.append(f"  help: {safe_text(first)}")
            shown.extend(f"        {safe_text(line)}" for line in rest)
        return "\n".join(shown)

    def to_json(self) -> dict[str, str | int]:
        """Return the problem for ``--format json``."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.col,
            "end_column": max(self.end_col, self.col + 1),
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "help": self.help,
        }


def _window(source: str, col: int, end_col: int) -> tuple[str, int, int]:
    """Return the visible part of a line, the cells before the caret, and the caret's width in cells."""
    before, marked, after = source[: col - 1], source[col - 1 : end_col - 1], source[end_col - 1 :]
    # Tabs become one blank: the tab stops of the terminal are unknown.
    before, marked, after = (safe_text(part.replace("\t", " ")) for part in (before, marked, after))
    if cells(before) + cells(marked) + cells(after) > _WIDEST_SOURCE_CELLS:
        if cells(before) > _CELLS_BEFORE_CARET:
            before = "… " + _fitting(before[::-1], _CELLS_BEFORE_CARET - 2)[::-1]
        room = _WIDEST_SOURCE_CELLS - cells(before)
        if cells(marked) > room:
            marked, after = _fitting(marked, room - 2) + " …", ""
        elif cells(marked) + cells(after) > room:
            after = _fitting(after, max(room - cells(marked) - 2, 0)) + " …"
    return before + marked + after, cells(before), max(cells(marked), 1)


def _fitting(text: str, width: int) -> str:
    """Return the longest prefix of ``text`` of at most ``width`` cells."""
    if text.isascii():
        return text[:width]
    used = 0
    for index, char in enumerate(text):
        used += cells(char)
        if used > width:
            return text[:index]
    return text


class Report:
    """Collect the problems of one file while it is read.

    Args:
        file: the file name for problems.
        lines: the text of each line, for the caret.

    ``errors`` counts the errors so far, so that the reader of one job can tell whether it added any.
    """

    def __init__(self, file: str, lines: tuple[str, ...]) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.errors = 0
        self._lines = lines

    def error(self, code: str, span: Span, message: str, hint: str = "") -> None:
        """Add an error."""
        self.errors += 1
        self._add("error", code, span, message, hint)

    def warning(self, code: str, span: Span, message: str, hint: str = "") -> None:
        """Add a warning."""
        self._add("warning", code, span, message, hint)

    def line(self, number: int) -> str:
        """Return the text of a line, counted from 1; empty where there is none."""
        return self._lines[number - 1] if 0 < number <= len(self._lines) else ""

    def _add(self, severity: Severity, code: str, span: Span, message: str, hint: str) -> None:
        source = self.line(span.line)
        self.problems.append(
            Problem(self.file, span.line, span.col, code, message, severity, span.end_col, hint, source)
        )
