"""Text on its way to a model: within a size, and without code points that JSON or UTF-8 cannot carry."""

from __future__ import annotations

MOST_OUTPUT_BYTES = 100_000
"""How much of a tool's output the agent gets to read."""


def sendable(text: str) -> str:
    r"""Return ``text`` with NULs and lone surrogates as visible escapes (``\x00``, ``\udc80``)."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def capped(text: str, limit_bytes: int = MOST_OUTPUT_BYTES, *, hint: str = "", dropped_bytes: int = 0) -> str:
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
