"""Show values exactly to the person who decides about them: different values never look the same."""

from __future__ import annotations

import json
import re
from typing import Any
from unicodedata import category

from scheduler.core.text.safe import safe_text

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
# Blanks other than U+0020; marks that combine with the character before them, or select its glyph.
_UNCLEAR = frozenset({"Zs", "Mn", "Me"})


def exact_text(value: Any, *, quoted: bool = False) -> str:
    """Return a JSON value on one line; a text without quotes if it cannot be confused with anything else.

    An unquoted text has single blanks between visible characters.  Any other is in JSON, with
    an escape for each blank that is not U+0020 and for all invisible characters.

    Args:
        quoted: always quote a text, for a place where something follows it.
    """
    if isinstance(value, str) and not quoted and _is_plain(value):
        return value
    return "".join(map(_clear, json.dumps(value, ensure_ascii=False)))


def exact_name(name: str) -> str:
    """Return the name of an argument; in JSON if it could be confused with the text next to it."""
    return name if _NAME.match(name) else exact_text([name])[1:-1]


def _clear(char: str) -> str:
    """Return a character of JSON in a visible form."""
    if char == " " or (category(char) not in _UNCLEAR and safe_text(char) == char):
        return char
    return json.dumps(char)[1:-1] if ord(char) > 0x7F else safe_text(char)


def _is_plain(text: str) -> bool:
    if not text or text != " ".join(text.split()) or any(_clear(char) != char for char in text):
        return False
    return not text.startswith('"') and not _is_json(text)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
