"""Split a job's line into schedule, name, target and options, without interpreting them.

The parts are found by counting bare words (five fields, then the name), because a weekday, ``H`` or
a month could also be the name of a job.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from scheduler.core.crontab.problem import Report
from scheduler.core.crontab.scan import Token, quoted, scan
from scheduler.core.crontab.settings import Written
from scheduler.core.crontab.shell import MAX_NAME_CHARS, is_command, rewritten
from scheduler.core.crontab.source import Joined, Span
from scheduler.core.time.trigger import Kinds, takes_argument

FIELD_COUNT = 5
NAME = re.compile(rf"[A-Za-z][A-Za-z0-9_.-]{{0,{MAX_NAME_CHARS - 1}}}\Z")

_NAMES = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat"
_ITEM = rf"(?:{_NAMES}|\d+)(?:-(?:{_NAMES}|\d+))?(?:[/#]\w+)?"
_FIELD = re.compile(rf"[\d*?].*|H(?:[(/,-].*)?|L(?:[-,].*)?|{_ITEM}(?:,{_ITEM})*", re.IGNORECASE)
_SURELY_FIELD = re.compile(r"[\d*?]")

_AT_WORD = re.compile(r"@[A-Za-z]+\Z")
_TEXT_FILE = re.compile(r"[\w./-]+\.(?:md|txt|markdown)\Z")


@dataclass(frozen=True, slots=True)
class JobLine:
    """The parts of a job's line.

    Args:
        schedule: its words; empty if they could not be determined.
        fields: the place of each of them.
        name: None if it is missing or malformed.
        target: a ``string`` or ``file`` token, or None.
        sound: false if an error was reported.
    """

    schedule: tuple[str, ...]
    fields: tuple[Span, ...]
    name: str | None
    name_span: Span
    target: Token | None
    written: tuple[Written, ...]
    sound: bool


def read_job_line(head: Joined, kinds: Kinds, report: Report, *, has_block: bool) -> JobLine:
    """Split a line; errors E01, E08, E09, E14 and E16 go to ``report``."""
    before = report.errors
    tokens, flaws = scan(head.text)
    count = _schedule_length(tokens, kinds)
    schedule, rest = tokens[:count], tokens[count:]
    cron = bool(tokens) and not tokens[0].text.startswith("@")
    if cron and count != FIELD_COUNT:
        _report_field_count(head, tokens, count, report)
    if not count:
        return JobLine((), (), None, head.span(0, 1), None, (), False)
    if is_command(rest, has_prompt=has_block):
        # The rest is the shell's grammar, not ours: report one error only.
        _report_command(head, schedule, rest, report)
        return JobLine((), (), None, head.span(0, 1), None, (), False)
    for flaw in flaws:
        report.error(flaw.code, head.span(flaw.start, flaw.end), flaw.message, flaw.help)
    # If the schedule is unclear, the place of the name is unknown.
    hopeless = count != FIELD_COUNT if cron else not _AT_WORD.match(tokens[0].text)
    name, name_span, rest = _name(head, schedule, rest, report, quiet=hopeless)
    targets = [token for token in rest if token.kind in ("string", "file")]
    if words := [token for token in rest if token.kind == "word"]:
        _report_strays(head, name, words, bool(targets) or has_block, report)
    for token in targets[1:]:
        report.error(
            "E14", head.span(token.start, token.end), "a second prompt", "a job has one prompt: join them"
        )
    for token in tokens:
        if not token.straight:
            at = token.value_start if token.kind == "option" else token.start
            report.error(
                "E09", head.span(at, token.end), 'only straight double quotes (") quote a text here',
                f"write {quoted(token.value)}",
            )  # fmt: skip
    readable = not cron or count == FIELD_COUNT
    return JobLine(
        schedule=tuple([token.text for token in schedule]) if readable else (),
        fields=tuple([head.span(token.start, token.end) for token in schedule]),
        name=name,
        name_span=name_span,
        target=targets[0] if targets else None,
        written=tuple([_written(head, token) for token in rest if token.kind == "option"]),
        sound=report.errors == before,
    )


def _schedule_length(tokens: tuple[Token, ...], kinds: Kinds) -> int:
    """Return how many of the first tokens are the schedule."""
    words = 0
    while words < len(tokens) and tokens[words].kind == "word":
        words += 1
    if tokens and tokens[0].text.startswith("@"):
        takes = takes_argument(tokens[0].text.lower(), kinds)
        if takes is False:
            return 1
        # At least one word, and further ones that begin with a digit, since a job's name never does
        # (`@every 1h 30m`, `@at 2026-12-01 09:00`).
        count = min(2, words) if takes else 1
        while count < words and tokens[count].text[0].isdigit():
            count += 1
        return count
    fields = 0
    while fields < words and _FIELD.fullmatch(tokens[fields].text):
        fields += 1
    if words > FIELD_COUNT:
        # The sixth word is the name, unless it can only be a field, or is followed by a name.
        sixth = tokens[FIELD_COUNT].text
        surely = _SURELY_FIELD.match(sixth) is not None
        if not surely and not (fields > FIELD_COUNT and words > FIELD_COUNT + 1):
            return FIELD_COUNT
    return fields


def _report_field_count(head: Joined, tokens: tuple[Token, ...], count: int, report: Report) -> None:
    if count == 0:
        report.error(
            "E01", head.span(tokens[0].start, tokens[0].end) if tokens else head.span(0, 1),
            "this line is neither a job nor a default",
            'a job is: 0 9 * * 1-5  name  "prompt", a default: NAME = value',
        )  # fmt: skip
        return
    span = head.span(tokens[0].start, tokens[count - 1].end)
    fields = " ".join(token.text for token in tokens[:count])
    if count > FIELD_COUNT:
        shorter = " ".join(token.text for token in tokens[count - FIELD_COUNT : count])
        hint = f"seconds and years are not supported; without the first field: `{shorter}`"
    else:
        stars = " *" * (FIELD_COUNT - count)
        hint = f"minute hour day-of-month month weekday, for example `{fields}{stars}`"
    noun = "field" if count == 1 else "fields"
    report.error("E01", span, f"{count} schedule {noun} instead of {FIELD_COUNT}", hint)


def _report_command(
    head: Joined, schedule: tuple[Token, ...], rest: tuple[Token, ...], report: Report
) -> None:
    text = head.text[schedule[0].start : schedule[-1].end] if schedule else "0 9 * * *"
    command = head.text[rest[0].start : rest[-1].end]
    first = rest[0]
    report.error(
        "E16", head.span(first.start, first.end),
        "a shell command in place of the job's name: this is a crontab of agents",
        f"write `{rewritten(text, command, rest)}`",
    )  # fmt: skip


def _name(
    head: Joined, schedule: tuple[Token, ...], rest: tuple[Token, ...], report: Report, *, quiet: bool
) -> tuple[str | None, Span, tuple[Token, ...]]:
    """Return the name, its place, and the tokens after it; E08 unless the schedule has an error anyway."""
    if not rest or rest[0].kind != "word":
        end = schedule[-1].end if schedule else 0
        span = head.span(rest[0].start, rest[0].end) if rest else head.span(max(end - 1, 0), end)
        if not quiet:
            report.error(
                "E08", span, "a job needs a name, right behind its schedule",
                f"for example `{head.text[:end].strip()}  my-job  ...`",
            )  # fmt: skip
        return None, span, rest
    token = rest[0]
    span = head.span(token.start, token.end)
    if NAME.match(token.text):
        return token.text, span, rest[1:]
    if not quiet:
        report.error(
            "E08", span, f'"{token.text}" cannot be the name of a job',
            f"a letter, then letters, digits, - _ or ., at most {MAX_NAME_CHARS} in all",
        )  # fmt: skip
    return None, span, rest[1:]


def _report_strays(
    head: Joined, name: str | None, words: list[Token], has_prompt: bool, report: Report
) -> None:
    """Report bare words after the name, by their most probable meaning."""
    if name is None:
        return
    first, last = words[0], words[-1]
    span, text = head.span(first.start, last.end), head.text[first.start : last.end]
    if any(word.text == "=" or word.text.endswith("=") for word in words):
        report.error("E10", span, "an option is written key=value", "without blanks around the =")
    elif has_prompt:
        example = f", for example {name}-{first.text}" if NAME.match(f"{name}-{first.text}") else ""
        report.error(
            "E08", span, f'"{text}" is neither an option nor part of a name', f"a name is one word{example}"
        )  # fmt: skip
    elif _TEXT_FILE.match(text):
        report.error("E14", span, "a prompt file is written with a leading @", f"write @{text}")
    else:
        report.error("E14", span, "the prompt is not quoted", f"write {quoted(text)}")


def _written(head: Joined, token: Token) -> Written:
    return Written(
        token.key,
        token.value,
        head.span(token.start, token.start + len(token.key)),
        head.span(token.value_start, max(token.end, token.value_start + 1)),
    )
