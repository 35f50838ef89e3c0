"""The text of a crontab as lines, and places in it."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

BLANKS = " \t"


# Named tuples are the fastest to make, and a crontab of ten thousand jobs has a hundred thousand of them.
class Span(NamedTuple):
    """A range of one line: 1-based columns in code points, ``end_col`` just after it."""

    line: int
    col: int
    end_col: int


class Line(NamedTuple):
    """One physical line, without its line break.

    Args:
        number: from 1.
    """

    number: int
    text: str

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing but blanks in it."""
        return not self.text.strip(BLANKS)

    @property
    def indent(self) -> str:
        """Its leading blanks."""
        return self.text[: len(self.text) - len(self.text.lstrip(BLANKS))]

    @property
    def is_comment(self) -> bool:
        """Whether its first character that is not blank is ``#``."""
        return self.text.lstrip(BLANKS).startswith("#")

    def span(self, start: int = 0, end: int | None = None) -> Span:
        """Return the place of ``text[start:end]``."""
        return Span(self.number, start + 1, (len(self.text) if end is None else end) + 1)


def split_lines(text: str) -> tuple[Line, ...]:
    r"""Split at ``\n`` or ``\r\n``; drop a byte-order mark at the start and an empty last line.

    Not ``str.splitlines``: it also splits at form feeds and U+2028, so that our line numbers would differ
    from those of an editor.
    """
    lines = text.removeprefix("\ufeff").split("\n")
    if not lines[-1]:
        lines.pop()
    return tuple(Line(number, line.removesuffix("\r")) for number, line in enumerate(lines, 1))


class Joined(NamedTuple):
    r"""One or more physical lines, joined where they end in ``\``, that are read as one.

    Args:
        text: what the scanner reads.
        starts: for each physical line its first offset in ``text``, ascending.
        places: for each physical line its number and the column (from 0) that ``starts`` refers to.
    """

    text: str
    starts: tuple[int, ...]
    places: tuple[tuple[int, int], ...]

    @property
    def line(self) -> int:
        """The number of the first physical line."""
        return self.places[0][0]

    def span(self, start: int, end: int) -> Span:
        """Return the place of ``text[start:end]``, cut at the end of the physical line it begins on."""
        if len(self.starts) == 1:  # most lines; a large file needs many places
            ((number, col),) = self.places
            return Span(number, start + col + 1, max(min(end, len(self.text)), start + 1) + col + 1)
        index = bisect_right(self.starts, start) - 1
        number, col = self.places[index]
        # One less than the next start: the blank added by a join is not in the file.
        limit = self.starts[index + 1] - 1 if index + 1 < len(self.starts) else len(self.text)
        offset = col - self.starts[index] + 1
        return Span(number, start + offset, max(min(end, limit), start + 1) + offset)


def join(lines: tuple[Line, ...]) -> Joined:
    r"""Join lines of which all but the last end in ``\``, with one blank for each join."""
    if len(lines) == 1:
        return Joined(lines[0].text, (0,), ((lines[0].number, 0),))
    text, starts, places = "", [], []
    for index, line in enumerate(lines):
        skipped = len(line.indent) if index else 0
        if index:
            text += " "
        starts.append(len(text))
        places.append((line.number, skipped))
        body = line.text[skipped:]
        text += body[:-1] if index < len(lines) - 1 else body
    return Joined(text, tuple(starts), tuple(places))
