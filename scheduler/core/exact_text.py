"""Values as a person must see them who decides about them: two that differ never read alike."""

from __future__ import annotations

import json
import re
from typing import Any

from scheduler.core.safe_text import safe_text

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_OTHER_BLANK = re.compile(r"[^\S ]|[\u2800\u3164]")


def exact_text(value: Any, *, quoted: bool = False) -> str:
    """Return a JSON value on one line; a text without quotes where it cannot be taken for anything else.

    A text that stands as it is has single blanks between visible characters.  Each other one is in JSON, with
    an escape for each blank that is not U+0020 and for all that cannot be seen.

    Args:
        quoted: a text has its quotes whatever it is, for a place where something stands behind it.
    """
    if isinstance(value, str) and not quoted and _is_plain(value):
        return value
    shown = json.dumps(value, ensure_ascii=False)
    return safe_text(_OTHER_BLANK.sub(lambda blank: f"\\u{ord(blank[0]):04x}", shown))


def exact_name(name: str) -> str:
    """Return the name of an argument; in JSON where it could run into what stands beside it."""
    return name if _NAME.match(name) else exact_text([name])[1:-1]


def _is_plain(text: str) -> bool:
    if not text or not text.isprintable() or text != " ".join(text.split()) or safe_text(text) != text:
        return False
    return not text.startswith('"') and not _is_json(text)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
