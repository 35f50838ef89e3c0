"""Find the key of the API, or explain why there is none."""

from __future__ import annotations

import os

from scheduler.errors import CannotWorkError

KEY_VARIABLE = "ANTHROPIC_API_KEY"


def api_key(given: str | None = None) -> str:
    """Return the given key, or the one of the environment.

    Raises:
        CannotWorkError: there is none, or it is invalid.
    """
    # A key with a trailing line feed would be quoted in the error about an illegal header.
    key = (given or os.environ.get(KEY_VARIABLE, "")).strip()
    if not key:
        raise CannotWorkError(
            f"{KEY_VARIABLE} is not set",
            help=f"export {KEY_VARIABLE}=..., or try without a key: agentcron demo",
        )
    if not (key.isascii() and key.isprintable()):
        raise CannotWorkError(f"{KEY_VARIABLE} holds characters that no key has", help="copy it again")
    return key
