r"""Split a file into statements: defaults, jobs, and the indented lines that belong to a job.

::

    # comment                                  column 1, or after blanks
    MODEL = claude-sonnet-5-5                  a default: NAME = value
    0 9 * * *  morning  "Say hello"  \         a job; a trailing \ joins the next line
        tz=Europe/Berlin
    0 9 * * *  review                          a job whose prompt is the indented block below it
        Review the week: 100 % of it.
        # a heading, not a comment
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from scheduler.core.crontab.problem import Report
from scheduler.core.crontab.source import BLANKS, Joined, Line, join

_DEFAULT = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)[ \t]*=")
_CONTINUES = re.compile(r'[ \t]|"|[a-z][a-z0-9_.-]*=')
_LAST_BACKSLASHES = re.compile(r"\\+\Z")

_BELOW_OR_BETWEEN = BLANKS + "#"
"""What a line begins with that is neither a default nor a job."""

_MIN_INDENT = 2


@dataclass(frozen=True, slots=True)
class DefaultLine:
    """``NAME = value``.

    Args:
        value_start: the offset in ``line.text`` just after the ``=``.
    """

    line: Line
    name: str
    value_start: int


@dataclass(frozen=True, slots=True)
class JobLines:
    """A job's own line or lines, and the dedented block below, or None.

    Args:
        sound: false if the layout has an error, so that the job is invalid.
        block: the indented lines, for the places of problems.
    """

    head: Joined
    prompt: str | None
    block: tuple[Line, ...]
    sound: bool


Statement = DefaultLine | JobLines


def lay_out(lines: tuple[Line, ...], report: Report) -> tuple[Statement, ...]:
    """Return the statements of a file in order; errors E11 (NUL) and E15 (indentation) go to ``report``."""
    found: list[Statement] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.text or line.text[0] in _BELOW_OR_BETWEEN:
            at = at + 1 if line.is_blank or line.is_comment else _orphans(lines, at, report)
        elif (match := _DEFAULT.match(line.text)) and not _has_nul((line,), report):
            found.append(DefaultLine(line, match[1], match.end()))
            at += 1
        elif match:
            at += 1
        else:
            job, at = _job(lines, at, report)
            found.append(job)
    return tuple(found)


def _job(lines: tuple[Line, ...], at: int, report: Report) -> tuple[JobLines, int]:
    before = report.errors
    head = [lines[at]]
    at += 1
    while _is_joined(head[-1]):
        following = lines[at] if at < len(lines) else None
        # A line at column 1 that could be a job or a default is never joined: the `\` is the mistake.
        if following is None or following.is_blank or not _CONTINUES.match(following.text):
            end = len(head[-1].text)
            report.error(
                "E15", head[-1].span(end - 1, end), "there is no indented line below to join",
                "remove the \\, or indent the line that it joins",
            )  # fmt: skip
            head[-1] = Line(head[-1].number, head[-1].text[:-1])
            break
        head.append(following)
        at += 1
    end = _end_of_block(lines, at)
    block = lines[at:end]
    _has_nul((*head, *block), report)
    prompt = _dedented(block, report) if block else None
    return JobLines(join(tuple(head)), prompt, block, report.errors == before), end


def _is_joined(line: Line) -> bool:
    r"""Whether the line ends in ``\``; an even number of them are literal backslashes."""
    if not line.text.endswith("\\"):
        return False
    match = _LAST_BACKSLASHES.search(line.text)
    return match is not None and len(match[0]) % 2 == 1


def _end_of_block(lines: tuple[Line, ...], at: int) -> int:
    """Return the index after the last indented line; blank lines at the end are not part of it."""
    end = at
    while at < len(lines) and (not lines[at].text or lines[at].text[0] in BLANKS):
        at += 1
        if not lines[at - 1].is_blank:
            end = at
    return end


def _dedented(block: tuple[Line, ...], report: Report) -> str:
    """Return the block without its common indent; E15 if it mixes tabs and spaces."""
    written = [line for line in block if not line.is_blank]
    first = written[0].indent
    margin = len(first)
    for line in written:
        same = len(line.indent) - len(line.indent.lstrip(first[0]))
        if same < len(line.indent) and same < len(first):
            report.error(
                "E15", line.span(0, len(line.indent)), "tabs and spaces are mixed in this indent",
                "indent the whole prompt with spaces, or all of it with tabs",
            )  # fmt: skip
            break
        if first[0] == " " and same < _MIN_INDENT:
            report.error(
                "E15", line.span(0, max(same, 1)), "a prompt is indented by at least two blanks",
                "indent this line as far as the others",
            )  # fmt: skip
            break
        margin = min(margin, same)
    return "\n".join("" if line.is_blank else line.text[margin:] for line in block)


def _orphans(lines: tuple[Line, ...], at: int, report: Report) -> int:
    """Report indented lines without a job, once for the whole block."""
    end = max(_end_of_block(lines, at), at + 1)
    line = lines[at]
    report.error(
        "E15", line.span(len(line.indent)), "indented text that belongs to no job",
        "a job begins at column 1; its prompt may follow on indented lines right below it",
    )  # fmt: skip
    return end


def _has_nul(lines: tuple[Line, ...], report: Report) -> bool:
    for line in lines:
        if (at := line.text.find("\0")) >= 0:
            report.error(
                "E11", line.span(at, at + 1), "a NUL byte in the text", "is this a text file in UTF-8?"
            )
            return True
    return False
