"""A secret in every form in which programs print it."""

from __future__ import annotations

import base64
import html
import json
import shlex
from urllib.parse import quote, quote_plus

from scheduler.core.text.safe import safe_text


def forms(secret: str) -> dict[str, str]:
    """Return a secret as programs print it; the base64 of texts in which it stands somewhere is cut to it."""
    data = secret.encode()
    found = {
        "plain": secret,
        "quoted": quote(secret),
        "quoted whole": quote(secret, safe=""),
        "quoted for a form": quote_plus(secret),
        "every byte": "".join(f"%{byte:02X}" for byte in data),
        "every byte, small": "".join(f"%{byte:02x}" for byte in data),
        "json": json.dumps(secret)[1:-1],
        "json unicode": json.dumps(secret, ensure_ascii=False)[1:-1],
        "hex": data.hex(),
        "hex, great": data.hex().upper(),
        "hex, spaced": data.hex(" "),
        "hex, colons": data.hex(":"),
        "python bytes": "".join(f"\\x{byte:02x}" for byte in data),
        "safe": safe_text(secret),
        "repr": repr(secret)[1:-1],
        "json in json": json.dumps(json.dumps(secret))[3:-3],
        "quoted twice": quote(quote(secret, safe=""), safe=""),
        "shell": shlex.quote(secret).strip("'"),
        "html": html.escape(secret),
    }
    for alignment in range(3):
        around = b"x" * alignment + data + b"yz"
        for name, encode in (("std", base64.b64encode), ("url", base64.urlsafe_b64encode)):
            found[f"base64 {name} {alignment}"] = encode(around).decode()
    for alignment in range(5):
        found[f"base32 {alignment}"] = base64.b32encode(b"x" * alignment + data + b"yz").decode()
    return found
