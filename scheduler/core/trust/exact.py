"""Values as a person must see them who decides about them: two that differ never read alike."""

from __future__ import annotations

import json
import re
from typing import Any
from unicodedata import category

from scheduler.core.text.safe import safe_text

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
# Blanks but U+0020; marks that stand on the character before them, or choose how it is drawn.
_UNCLEAR = frozenset({"Zs", "Mn", "Me"})


def exact_text(value: Any, *, quoted: bool = False) -> str:
    """Return a JSON value on one line; a text without quotes where it cannot be taken for anything else.

    A text that stands as it is has single blanks between visible characters.  Each other one is in JSON, with
    an escape for each blank that is not U+0020 and for all that cannot be seen.

    Args:
        quoted: a text has its quotes whatever it is, for a place where something stands behind it.
    """
    if isinstance(value, str) and not quoted and _is_plain(value):
        return value
    return "".join(map(_clear, json.dumps(value, ensure_ascii=False)))


def exact_name(name: str) -> str:
    """Return the name of an argument; in JSON where it could run into what stands beside it."""
    return name if _NAME.match(name) else exact_text([name])[1:-1]


def _clear(char: str) -> str:
    """Return a character of JSON as it can be seen."""
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
