"""Text on its way to a model: within a size, and without code points that JSON or UTF-8 cannot carry."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

MAX_OUTPUT_BYTES = 100_000
"""How much of a tool's output the agent gets to read."""

MAX_DEPTH = 100
"""How deep a value may be nested: readers and writers of JSON on its way give up at some depth."""

MAX_BITS = 4096


def sendable(text: str) -> str:
    r"""Return ``text`` with NULs and lone surrogates as visible escapes (``\x00``, ``\udc80``)."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def sendable_json(value: Any, depth: int = MAX_DEPTH) -> Any:
    """Return a value as JSON can carry it to a model and back, every text in it ``sendable``.

    Raises:
        TypeError: it holds what JSON does not have.
        ValueError: it is nested too deeply, or holds a number that JSON has no way to write.
    """
    if isinstance(value, str):
        return sendable(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and value.bit_length() <= MAX_BITS:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, int | float):
        raise ValueError("it contains a number that JSON cannot represent")
    if not isinstance(value, list | tuple | Mapping):
        raise TypeError(f"it contains {type(value).__name__}, which JSON cannot represent")
    if depth <= 0:
        raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        return {sendable(str(name)): sendable_json(each, depth - 1) for name, each in value.items()}
    return [sendable_json(each, depth - 1) for each in value]


def capped(text: str, limit_bytes: int = MAX_OUTPUT_BYTES, *, hint: str = "", dropped_bytes: int = 0) -> str:
    """Return ``text`` within ``limit_bytes`` of UTF-8; if something is missing, a last line says how much.

    Args:
        hint: what to do about it, added to that line.
        dropped_bytes: what was lost before already.
    """
    data = sendable(text).encode("utf-8")
    if len(data) <= limit_bytes and not dropped_bytes:
        return data.decode("utf-8")
    kept = data[:limit_bytes].decode("utf-8", "ignore")  # a character cut in half goes with the rest
    total = len(data) + dropped_bytes
    shown = len(kept.encode("utf-8"))
    return f"{kept}\n[cut here: {shown:,} of {total:,} bytes shown{'; ' + hint if hint else ''}]"
