"""Reading the five fields of a cron expression strictly, and pointing at every mistake in them.

croniter expands fields well and judges them leniently: it reads minutes ``50-10`` as every minute,
``1-1`` as the whole field, ``7/2`` as four days. So each field is judged here first, all problems in one
pass and with their place, and rewritten into a text that croniter reads in the one way that is meant:
names become numbers, wrapped ranges and ``H`` become lists. Day rules that are no plain values (``L``,
``15W``, ``FRI#2``) are taken out as `DayRule`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, TypeVar

from scheduler.core.text.hashing import stable_hash
from scheduler.core.text.suggest import nearest

MAX_LENGTH = 256
MINUTE, HOUR, DAY, MONTH, WEEKDAY = range(5)

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
MONTH_DAYS = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A mistake: lint code, message and help for a person, and its place (code points, end exclusive)."""

    code: str
    message: str
    help: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class FieldNote(FieldProblem):
    """Something legal that other crons read otherwise (``W06``); placed like a problem."""


_P = TypeVar("_P", bound=FieldProblem)


@dataclass(frozen=True, slots=True)
class DayRule:
    """A day of the month that depends on the month.

    ``last``: the last day. ``nearest``: the weekday nearest to ``day`` within the month (``day`` 0 = the
    last one). ``nth``: the ``nth`` weekday ``day`` (0 = Sunday) of the month, ``nth`` -1 = the last one.
    """

    kind: Literal["last", "nearest", "nth"]
    day: int = 0
    nth: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What an expression says. With ``problems`` the other parts are not to be used.

    ``fields`` are five texts for croniter; a day field that holds only rules is an empty text.
    ``wildcard`` is true when the minute or the hour, as written, begins with ``*`` (the cronie rule).
    """

    problems: tuple[FieldProblem, ...]
    notes: tuple[FieldNote, ...] = ()
    fields: tuple[str, ...] = ()
    day_rules: tuple[DayRule, ...] = ()
    weekday_rules: tuple[DayRule, ...] = ()
    wildcard: bool = False

    @property
    def day_restricted(self) -> bool:
        """True when the day of the month is anything but ``*``, ``?`` or ``*/1``."""
        return self.fields[DAY] != "*"

    @property
    def weekday_restricted(self) -> bool:
        """True when the day of the week is anything but ``*``, ``?`` or ``*/1``."""
        return self.fields[WEEKDAY] != "*"


@dataclass(frozen=True, slots=True)
class _Field:
    label: str
    low: int
    high: int  # the highest value as written; weekday 7 is Sunday, like 0
    cycle: int  # how many different values there are
    names: tuple[str, ...] = ()  # the first one stands for `low`
    wraps: bool = False
    hash_high: int = 0

    @property
    def last(self) -> int:
        """The highest value that is not another name for the lowest."""
        return self.low + self.cycle - 1

    @property
    def article(self) -> str:
        """The label after "a"."""
        return f"{'an' if self.label == 'hour' else 'a'} {self.label}"


FIELDS = (
    _Field("minute", 0, 59, 60, hash_high=59),
    _Field("hour", 0, 23, 24, hash_high=23),
    _Field("day of month", 1, 31, 31, hash_high=28),  # `H` keeps to days that every month has
    _Field("month", 1, 12, 12, _MONTHS, wraps=True, hash_high=12),
    _Field("day of week", 0, 7, 7, _WEEKDAYS, wraps=True, hash_high=6),
)


@lru_cache(maxsize=64)  # a schedule is read twice: for its problems, and by its trigger
def read_expression(text: str, name: str = "job", *, fields: Literal["or", "and"] = "or") -> Reading:
    """Judge and rewrite an expression of five fields, or one of the ``@`` aliases; never raises.

    ``name`` is the job's, for ``H``. ``fields="and"`` makes more dates impossible.
    """
    if len(text) > MAX_LENGTH:
        return _refuse("E01", f"the expression exceeds {MAX_LENGTH} characters", "shorten it", len(text))
    stripped = text.strip(" \t")
    if stripped.startswith("@"):
        expansion = ALIASES.get(stripped.lower())
        if expansion is None:
            near = nearest(stripped, ALIASES) or "@daily"
            return _refuse("E07", f"{stripped} is not a known alias", f"did you mean {near}?", len(text))
        return read_expression(expansion, name, fields=fields)
    words = list(re.finditer(r"[^ \t]+", text))
    if len(words) != len(FIELDS):
        return _refuse("E01", f"expected 5 fields, found {len(words)}", _count_help(words), len(text))
    return _read_words([(word.start(), word[0]) for word in words], name, fields)


def _refuse(code: str, message: str, hint: str, end: int) -> Reading:
    return Reading((FieldProblem(code, message, hint, 0, end),))


def _count_help(words: list[re.Match[str]]) -> str:
    if len(words) in (6, 7):
        five = " ".join(word[0] for word in words[1:6])
        return f"there are no fields for seconds or years; without the first field: `{five}`"
    return "write: minute hour day-of-month month day-of-week, e.g. `0 9 * * 1-5`"


def _read_words(words: list[tuple[int, str]], name: str, fields: Literal["or", "and"]) -> Reading:
    parts = [
        _read_field(index, word, name if "h" in word.lower() else "") for index, (_, word) in enumerate(words)
    ]
    problems = [_moved(p, words[index][0]) for index, part in enumerate(parts) for p in part.problems]
    notes = [_moved(n, words[index][0]) for index, part in enumerate(parts) for n in part.notes]
    if not problems and (fields == "and" or parts[WEEKDAY].text == "*"):
        start, word = words[DAY]
        problems = [_moved(p, start) for p in _impossible(parts[DAY], parts[MONTH], len(word))]
    return Reading(
        problems=tuple(problems),
        notes=tuple(notes),
        fields=tuple(part.text for part in parts),
        day_rules=parts[DAY].rules,
        weekday_rules=parts[WEEKDAY].rules,
        wildcard=any(words[index][1].startswith("*") for index in (MINUTE, HOUR)),
    )


def _moved(problem: _P, by: int) -> _P:
    return replace(problem, start=problem.start + by, end=problem.end + by)


def _impossible(day: _Part, month: _Part, width: int) -> list[FieldProblem]:
    """The day of the month never comes in these months (30 February)."""
    if any(rule.kind == "last" or (rule.kind == "nearest" and rule.day == 0) for rule in day.rules):
        return []
    months = {value for piece in month.pieces for value in spread(*piece, FIELDS[MONTH])}
    first = min([low for low, _, _ in day.pieces] + [rule.day for rule in day.rules])
    longest = max(MONTH_DAYS[number] for number in months)
    if first <= longest:
        return []
    names = ", ".join(_MONTHS[number - 1].capitalize() for number in sorted(months))
    hint = f"the last day of a month is `L`; {names} has at most {longest} days"
    return [FieldProblem("E06", f"day {first} never comes in {names}", hint, 0, width)]


def spread(low: int, high: int, step: int, field: _Field) -> list[int]:
    """The values of a range, also of one that wraps: ``fri-mon`` is 5, 6, 0, 1; ``nov-feb/2`` is 11, 1."""
    end = high + field.cycle if high < low else high
    return sorted({(value - field.low) % field.cycle + field.low for value in range(low, end + 1, step)})


@dataclass(frozen=True, slots=True)
class _Part:
    """One field, read; places count from its own beginning."""

    text: str
    pieces: tuple[tuple[int, int, int], ...]
    rules: tuple[DayRule, ...]
    problems: tuple[FieldProblem, ...]
    notes: tuple[FieldNote, ...]


@lru_cache(maxsize=4096)
def _read_field(index: int, word: str, name: str) -> _Part:
    reader = _FieldReader(index, word, name)
    start = 0
    elements = word.split(",")
    for element in elements:
        reader.read(element, start, alone=len(elements) == 1)
        start += len(element) + 1
    text = "*" if "*" in reader.texts else ",".join(reader.texts)
    return _Part(text, tuple(reader.pieces), tuple(reader.rules), tuple(reader.problems), tuple(reader.notes))


class _FieldReader:
    """Reads the elements of one field, between commas, one after the other."""

    def __init__(self, index: int, word: str, name: str) -> None:
        self.index = index
        self.word = word
        self.field = FIELDS[index]
        self.name = name
        self.texts: list[str] = []
        self.pieces: list[tuple[int, int, int]] = []
        self.rules: list[DayRule] = []
        self.problems: list[FieldProblem] = []
        self.notes: list[FieldNote] = []

    def read(self, element: str, start: int, *, alone: bool) -> None:
        """Read one element that begins at offset ``start`` of the field."""
        end = start + max(len(element), 1)
        base, slash, step_text = element.lower().partition("/")
        if self._read_rule(base, bool(slash), start, end, alone=alone):
            return
        step = self._step(step_text, start + len(base) + 1, end) if slash else 1
        if step is None:
            return
        if base == "*" or (base == "?" and self.index in (DAY, WEEKDAY) and alone and not slash):
            self._add(self.field.low, self.field.last, step, f"*/{step}" if step > 1 else "*")
        elif base == "h" or base.startswith("h("):
            self._read_hash(base, step if slash else None, start, start + len(base))
        else:
            self._read_range(base, step if slash else None, start, end)

    def _add(self, low: int, high: int, step: int, text: str = "") -> None:
        self.pieces.append((low, high, step))
        self.texts.append(text or ",".join(map(str, spread(low, high, step, self.field))))

    def _problem(self, code: str, message: str, hint: str, start: int, end: int) -> None:
        self.problems.append(FieldProblem(code, message, hint, start, end))

    def _note(self, message: str, hint: str, start: int, end: int) -> None:
        self.notes.append(FieldNote("W06", message, hint, start, end))

    def _step(self, text: str, start: int, end: int) -> int | None:
        """The number after the slash; None when it is wrong."""
        field = self.field
        if not re.fullmatch(r"[0-9]{1,4}", text):
            what = f"{self.word[start:end]!r} is not a step" if text else "a step is missing after the slash"
            hint = f"after the slash comes a number from 1 to {field.high}, e.g. `*/2`"
            self._problem("E05", what, hint, min(start, end - 1), end)
        elif not 1 <= int(text) <= field.high:
            wide = f"step {text} is wider than the {field.label} field"
            why = wide if int(text) else "a step of 0 never advances"
            hint = f"use a step from 1 to {field.high}" + self._interval_help(int(text))
            self._problem("E05", why, hint, start, end)
        else:
            return int(text)
        return None

    def _interval_help(self, step: int) -> str:
        if self.index not in (MINUTE, HOUR) or step == 0:
            return ""
        return f"; for every {step} {self.field.label}s write `@every {step}{self.field.label[0]}`"

    def _value(self, token: str, start: int) -> int | None:
        """A number or a name; None when it is wrong."""
        field, end = self.field, start + max(len(token), 1)
        if token in field.names:
            return field.names.index(token) + field.low
        if re.fullmatch(r"[0-9]+", token):
            if len(token) <= 4 and field.low <= int(token) <= field.high:
                return int(token)
            shown = token if len(token) <= 8 else token[:8] + "…"
            message = f"{field.label} {shown} is out of range {field.low}-{field.high}"
            self._problem("E02", message, self._range_help(token), start, end)
            return None
        near = nearest(token[:3], field.names)
        if near:
            hint = f"did you mean {near.upper()}?"
        else:
            named = f" or {field.names[0].upper()}-{field.names[-1].upper()}" if field.names else ""
            hint = f"use {field.low}-{field.high}{named}"
        written = self.word[start : start + len(token)]
        what = f"{written!r} is not {field.article}" if token else f"{field.article} is missing here"
        self._problem("E03", what, hint, start, end)
        return None

    def _range_help(self, token: str) -> str:
        if self.index == HOUR and len(token) <= 2:
            hour = int(token) % 24
            return f"for {hour % 12 or 12} {'am' if hour < 12 else 'pm'} write `{hour}`"
        if self.index == MINUTE:
            return "the hour begins at minute 0"
        return "0 and 7 are Sunday" if self.index == WEEKDAY else f"it begins at {self.field.low}"

    def _read_range(self, base: str, step: int | None, start: int, end: int) -> None:
        field = self.field
        low_text, dash, high_text = base.partition("-")
        if self.index == DAY and high_text == "l":
            high_text = "31"  # `29-L`: up to the last day, whichever it is
        low = self._value(low_text, start)
        high = self._value(high_text, start + len(low_text) + 1) if dash else low
        if low is None or high is None:
            return
        if not dash and step is not None:
            self._read_open_step(low, step, start, end)
        elif high < low and not field.wraps:
            hint = f"a {field.label} range does not wrap: `{low}-{field.high},{field.low}-{high}`"
            self._problem("E04", f"the range {low}-{high} is reversed", hint, start, end)
        elif low == high:
            if dash:
                self._note(f"`{base}` means {base.partition('-')[0]} only", f"write `{low}`", start, end)
            self._add(low, high, 1)
        else:
            low = low % field.cycle if self.index == WEEKDAY and high < low else low
            plain = low < high <= field.last
            text = f"{low}-{high}" + (f"/{step}" if step and step > 1 else "")
            self._add(low, high, step or 1, text if plain else "")

    def _read_open_step(self, low: int, step: int, start: int, end: int) -> None:
        """``5/15``: from 5 to the end of the field."""
        last = self.field.last
        if low > last:
            hint = f"for every {step} days of the week from Sunday write `*/{step}`"
            self._problem("E05", f"`7/{step}` has nothing after 7", hint, start, end)
            return
        if low == last and step > 1:
            self._note(f"`{low}/{step}` means {low} only", f"write `{low}` or `*/{step}`", start, end)
        self._add(low, last, step)

    def _read_hash(self, base: str, step: int | None, start: int, end: int) -> None:
        """``H``, ``H/15``, ``H(0-29)``, ``H(0-29)/10``: a value that hangs on the job's name."""
        field = self.field
        low, high = field.low, field.hash_high
        if base != "h":
            bounds = re.fullmatch(r"h\(([0-9]{1,4})-([0-9]{1,4})\)", base)
            if bounds is None:
                what = f"{self.word[start:end]!r} is not a hashed value"
                self._problem("E03", what, "write H, H/15 or H(0-29)", start, end)
                return
            low, high = int(bounds[1]), int(bounds[2])
            top = field.last
            if not field.low <= low <= top or not field.low <= high <= top:
                hint = f"keep to {field.low}-{top}"
                self._problem("E02", f"H({low}-{high}) is out of range {field.low}-{top}", hint, start, end)
                return
            if high < low:
                hint = f"write H({high}-{low})"
                self._problem("E04", f"the range of H({low}-{high}) is reversed", hint, start, end)
                return
        choices = min(step, high - low + 1) if step else high - low + 1
        first = low + stable_hash(self.name, field.label) % choices
        self._add(first, high if step else first, step or 1)

    def _read_rule(self, base: str, slash: bool, start: int, end: int, *, alone: bool) -> bool:
        """``L``, ``LW``, ``15W`` in the day of month; ``FRI#2`` and ``5L`` in the day of week."""
        if self.index == DAY and (base == "l" or re.fullmatch(r"([0-9]{1,4}|l)w", base)):
            if slash or (base.endswith("w") and not alone):
                self._problem("E03", f"`{base.upper()}` must stand alone", "leave the rest out", start, end)
            elif base == "l":
                self.rules.append(DayRule("last"))
            elif base == "lw":
                self.rules.append(DayRule("nearest"))
            elif (day := self._value(base[:-1], start)) is not None:
                self.rules.append(DayRule("nearest", day))
            return True
        found = re.fullmatch(r"([a-z0-9]+?)(?:#([0-9]*)|l)", base) if self.index == WEEKDAY else None
        if found is None or base in self.field.names:
            return False
        weekday = self._value(found[1], start)
        if slash:
            self._problem("E03", f"`{base.upper()}` cannot have a step", "leave the slash out", start, end)
        elif found[2] is not None and found[2] not in ("1", "2", "3", "4", "5"):
            hint = "a month has a first to a fifth weekday: `FRI#1` to `FRI#5`; the last one is `5L`"
            what = f"#{found[2]} is not one of #1 to #5" if found[2] else "a number is missing after #"
            self._problem("E02", what, hint, start + len(found[1]), end)
        elif weekday is not None:
            self.rules.append(DayRule("nth", weekday % 7, int(found[2]) if found[2] else -1))
        return True
