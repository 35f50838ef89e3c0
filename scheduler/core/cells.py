"""Display cells: how wide a text stands on a terminal."""

from __future__ import annotations

import unicodedata


def cells(text: str) -> int:
    """Return the width of ``text`` in terminal cells: wide characters count two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(_cell(char) for char in text)


def cut(text: str, width: int) -> str:
    """Return ``text``, shortened with ``…`` when it is wider than ``width`` cells."""
    if cells(text) <= width:
        return text
    kept, used = [], 0
    for char in text:
        if used + _cell(char) > width - 1:
            break
        kept.append(char)
        used += _cell(char)
    return "".join(kept) + "…"


def _cell(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
