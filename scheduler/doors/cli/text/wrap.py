"""Fold text of any origin into lines that fit a terminal."""

from __future__ import annotations

import re

from scheduler.core.text.safe import cells, safe_text

WIDTH = 80

# A command broken over two lines cannot be copied.
_COMMAND = re.compile(r"\bagentcron [a-z]+( [\w.-]+)?")
_JOINT = "\x01"  # safe text never contains it


def fold(text: str, *, width: int = WIDTH, first: str = "", indent: str = "") -> list[str]:
    """Return a text as lines of at most ``width`` cells, folded at blanks or within a long word.

    The text is made safe first, so that an escape cannot hide in a width.  Its own line breaks are kept.

    Args:
        first: put before the first line.
        indent: put before all others.
    """
    lines: list[str] = []
    for raw in text.replace("\t", "    ").split("\n"):
        margin = indent if lines else first
        body = _COMMAND.sub(_joined, safe_text(raw))
        lead = body[: len(body) - len(body.lstrip(" "))][: width // 3]
        line, empty = margin + lead, True
        for word in body.split():
            if not empty and cells(line) + 1 + cells(word) > width:
                lines.append(line)
                line, empty = indent + lead, True
            room = width - cells(line) - (0 if empty else 1)
            while len(head := fitting(word, room)) < len(word):
                lines.append(line + ("" if empty else " ") + head)
                word = word[len(head) :]
                line, empty = indent + lead, True
                room = max(width - cells(line), 2)
            line += word if empty else f" {word}"
            empty = False
        lines.append(line.rstrip())
    return [line.replace(_JOINT, " ") for line in lines]


BROKEN = "\\"
"""Written at the end of each line that continues on the next one."""


def broken(text: str, *, width: int = WIDTH, indent: str = "") -> list[str]:
    """Return a text of one line exactly, broken where a line is full, so that no blank is lost.

    Args:
        indent: put before all lines but the first.
    """
    lines: list[str] = []
    rest = text
    while True:
        margin = indent if lines else ""
        head = fitting(rest, width - len(BROKEN) - cells(margin))
        rest = rest[len(head) :]
        if not rest:
            return [*lines, margin + head]
        lines.append(f"{margin}{head}{BROKEN}")


def _joined(command: re.Match[str]) -> str:
    return command[0].replace(" ", _JOINT)


def fitting(text: str, width: int) -> str:
    """Return the longest prefix of ``text`` of at most ``width`` cells, and at least one character."""
    if text.isascii():
        return text[: max(width, 1)]
    used = 0
    for index, char in enumerate(text):
        used += cells(char)
        if used > width:
            return text[: max(index, 1)]
    return text


def cut(text: str, width: int) -> str:
    """Return ``text`` made safe, on one line, with an ellipsis when it is wider than ``width`` cells."""
    # A prefix of a huge text is enough: few characters have no width.
    flat = " ".join(text[: width * 40].split()) if len(text) > width or not text.isprintable() else text
    clean = safe_text(flat)
    if cells(clean) <= width:
        return clean
    return fitting(clean, width - 1).rstrip() + "…"


def pad(text: str, width: int) -> str:
    """Return ``text`` padded with blanks to ``width`` cells."""
    return text + " " * (width - cells(text))
