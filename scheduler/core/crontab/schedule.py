"""Parse the words of a schedule into a trigger, with the place of every problem."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.core.crontab.problem import WARNINGS, Report
from scheduler.core.crontab.source import Span
from scheduler.core.time.fields import FieldProblem
from scheduler.core.time.trigger import Kinds, Trigger, kind_of
from scheduler.core.time.triggers.base import Schedule, ScheduleError
from scheduler.errors import ConfigError


def read_trigger(schedule: Schedule, spans: tuple[Span, ...], kinds: Kinds, report: Report) -> Trigger | None:
    """Return the trigger of a job's line; errors E02 to E07 and E11, and W06, go to ``report``.

    Args:
        spans: the place of each word.
    """
    word = schedule.words[0].lower()
    try:
        kind = kind_of(schedule.words, kinds)
    except ConfigError as error:
        report.error("E07", spans[0], error.message, error.help)
        return None
    try:
        trigger = kind.read(schedule)
        if kind.kind not in kinds.built_in:
            _try_out(trigger, schedule)
        doubts = trigger.doubts()
    except ScheduleError as error:
        _report(error.problems, spans, report)
        return None
    except ConfigError as error:
        report.error("E11", _argument(spans), f"{word}: {error.message}", error.help)
        return None
    except Exception as error:  # an error of a plug-in must not affect other jobs
        if kind.kind in kinds.built_in:
            raise
        report.error("E07", spans[0], f"{word}: its plug-in failed: {type(error).__name__}: {error}")
        return None
    _report(doubts, spans, report)
    return trigger


def placed(problem: FieldProblem, spans: Sequence[Span]) -> Span:
    """Return the place in the file of a place in the words joined by single blanks."""
    start = 0
    for span in spans:
        width = span.end_col - span.col
        if problem.start <= start + width:
            col = span.col + max(problem.start - start, 0)
            end = span.col + min(problem.end - start, width)
            return Span(span.line, col, max(end, col + 1))
        start += width + 1
    return spans[-1]


def _report(problems: Sequence[FieldProblem], spans: Sequence[Span], report: Report) -> None:
    for problem in problems:
        say = report.warning if problem.code in WARNINGS else report.error
        say(problem.code, placed(problem, spans), problem.message, problem.help)


def _try_out(trigger: Trigger, schedule: Schedule) -> None:
    """Call a plug-in's trigger once as the daemon will.

    Raises:
        ValueError: an answer would mislead the daemon.
    """
    now = schedule.now
    following, last = trigger.next_after(now), trigger.before(now)
    if following is not None and not following > now:
        raise ValueError("its next fire is not later than now")
    if last is not None and last > now:
        raise ValueError("its last fire is later than now")


def _argument(spans: tuple[Span, ...]) -> Span:
    if len(spans) == 1:
        return spans[0]
    same_line = [span for span in spans[1:] if span.line == spans[1].line]
    return Span(spans[1].line, spans[1].col, same_line[-1].end_col)
