"""Front matter: options at the top of a prompt file, so that a prompt contains its own settings.

::

    ---
    # a comment
    model: claude-sonnet-5-5
    budget: 0.50/run 5/day
    ---
    Triage the new issues.

It looks like YAML but is much simpler: one ``key: value`` a line, the value plain or in double quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from scheduler.core.crontab.problem import Report
from scheduler.core.crontab.scan import scan
from scheduler.core.crontab.settings import Settings, Written, read_settings
from scheduler.core.crontab.source import BLANKS, Line, Span, split_lines
from scheduler.core.job.option import Option
from scheduler.core.registry import Registry

_FENCE = "---"
_PAIR = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)[ \t]*:(?:[ \t]+|\Z)")
_COMMENT = re.compile(r"(?:\A|[ \t])#.*\Z")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A parsed prompt file: its settings and its text."""

    settings: Settings
    text: str


def read_prompt(text: str, file: str, options: Registry[Option]) -> tuple[Prompt, Report]:
    """Split a prompt file into settings and text; problems have places in that file."""
    lines = split_lines(text)
    report = Report(file, tuple(line.text for line in lines))
    if not lines or lines[0].text.rstrip(BLANKS) != _FENCE:
        return Prompt(Settings(), _body(lines)), report
    end = next((i for i, line in enumerate(lines[1:], 1) if line.text.rstrip(BLANKS) == _FENCE), None)
    if end is None:
        report.error(
            "E09",
            lines[0].span(),
            "this front matter is not closed",
            "end it with the line ---",
        )
        return Prompt(Settings(), ""), report
    written = [item for line in lines[1:end] if (item := _pair(line, report)) is not None]
    return Prompt(read_settings(written, report, options, "prompt"), _body(lines[end + 1 :])), report


def read_value_text(line: Line, start: int, report: Report) -> tuple[str, Span]:
    """Return the value at or after ``start``: plain up to the end of the line, or quoted.

    A ``#`` after a blank begins a comment.
    """
    text = line.text
    start = len(text) - len(text[start:].lstrip(BLANKS))
    if text[start : start + 1] != '"':
        end = len(_COMMENT.sub("", text[start:]).rstrip(BLANKS)) + start
        return text[start:end], line.span(start, end)
    # A blank for each preceding character keeps the scanner's offsets equal to those of the line.
    tokens, flaws = scan(" " * start + text[start:])
    for flaw in flaws:
        report.error(flaw.code, line.span(flaw.start, flaw.end), flaw.message, flaw.help)
    if len(tokens) > 1 and not flaws:
        report.error("E11", line.span(tokens[1].start), "text behind a quoted value", "quote all of it")
    return tokens[0].value, line.span(tokens[0].start, tokens[0].end)


def _pair(line: Line, report: Report) -> Written | None:
    if line.is_blank or line.is_comment:
        return None
    match = _PAIR.match(line.text)
    if not match:
        report.error(
            "E10", line.span(), "front matter is one `key: value` a line",
            "lists and indented values are not supported",
        )  # fmt: skip
        return None
    text, span = read_value_text(line, match.end(), report)
    return Written(match[1], text, line.span(0, match.end(1)), span)


def _body(lines: tuple[Line, ...]) -> str:
    return "\n".join(line.text for line in lines).strip("\n")
