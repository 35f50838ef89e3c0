"""Text for a model: limited in size, and without code points that JSON or UTF-8 cannot represent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

MAX_OUTPUT_BYTES = 100_000
"""The maximum of a tool's output that the agent gets."""

MAX_DEPTH = 100
"""The maximum nesting of a value: JSON readers and writers have limits."""

MAX_BITS = 4096


def sendable(text: str) -> str:
    r"""Return ``text`` with NULs and lone surrogates as visible escapes (``\x00``, ``\udc80``)."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def sendable_json(value: Any, depth: int = MAX_DEPTH) -> Any:
    """Return a value as JSON can represent it, with every text in it ``sendable``.

    Raises:
        TypeError: it contains a type that JSON does not have.
        ValueError: it is nested too deeply, or contains a number that JSON cannot represent.
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
    """Return ``text`` within ``limit_bytes`` of UTF-8; if it was cut, a last line says by how much.

    Args:
        hint: what to do about it, added to that line.
        dropped_bytes: what was dropped before already.
    """
    data = sendable(text).encode("utf-8")
    if len(data) <= limit_bytes and not dropped_bytes:
        return data.decode("utf-8")
    kept = data[:limit_bytes].decode("utf-8", "ignore")  # drops a character that was cut in half
    total = len(data) + dropped_bytes
    shown = len(kept.encode("utf-8"))
    return f"{kept}\n[cut here: {shown:,} of {total:,} bytes shown{'; ' + hint if hint else ''}]"
