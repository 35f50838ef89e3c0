"""Read the script of a rehearsal: a JSONL file, whose line n is the n-th answer of the model.

::

    {"text": "I look first.", "calls": [{"name": "read", "input": {"file_path": "todo.md"}}]}
    {"text": "All done."}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scheduler.errors import ConfigError

PREFIX = "rehearsal:"
"""A model name with this prefix names a script: ``rehearsal:/path/to/script.jsonl``."""

MAX_SCRIPT_BYTES = 4_000_000

_LINE_KEYS = {"text", "calls", "stop_reason"}
_CALL_KEYS = {"name", "input"}


@dataclass(frozen=True, slots=True)
class Line:
    """One answer of a script."""

    text: str
    calls: tuple[tuple[str, Mapping[str, Any]], ...]
    stop_reason: str


@dataclass(frozen=True, slots=True)
class Script:
    """A whole script and where it came from."""

    source: str
    lines: tuple[Line, ...]


def is_rehearsal(model: str) -> bool:
    """Whether a model's name names a script."""
    return model.startswith(PREFIX)


def load_script(path: str | Path) -> Script:
    """Read a script from a file.

    Raises:
        ConfigError: it cannot be read, or a line is wrong; the message names file and line.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_SCRIPT_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"the rehearsal {path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the rehearsal {path} is not UTF-8 text") from error
    if len(data) > MAX_SCRIPT_BYTES:
        raise ConfigError(f"the rehearsal {path} is larger than {MAX_SCRIPT_BYTES} bytes")
    return parse_script(text, str(path))


def parse_script(text: str, source: str) -> Script:
    """Parse a script; ``source`` is its name in messages.

    Raises:
        ConfigError: a line is wrong.
    """
    numbered = enumerate(text.split("\n"), start=1)
    return Script(source, tuple(_line(raw, f"{source}:{n}") for n, raw in numbered if raw.strip()))


def _line(raw: str, where: str) -> Line:
    try:
        values = json.loads(raw)
    except ValueError as error:
        raise ConfigError(f"{where}: not JSON: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: a line must be a JSON object")
    _refuse_unknown(values, _LINE_KEYS, where)
    text, calls = values.get("text", ""), values.get("calls", [])
    if not isinstance(text, str):
        raise ConfigError(f"{where}: text must be a string")
    if not isinstance(calls, list):
        raise ConfigError(f"{where}: calls must be a list")
    if not text and not calls:
        raise ConfigError(f"{where}: a line needs text or calls")
    stop = values.get("stop_reason", "tool_use" if calls else "end_turn")
    if not isinstance(stop, str):
        raise ConfigError(f"{where}: stop_reason must be a string")
    return Line(text, tuple(_call(call, where) for call in calls), stop)


def _call(call: object, where: str) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise ConfigError(f'{where}: a call must look like {{"name": "read", "input": {{...}}}}')
    _refuse_unknown(call, _CALL_KEYS, where)
    given = call.get("input", {})
    if not isinstance(given, dict):
        raise ConfigError(f"{where}: the input of {call['name']} must be an object")
    return call["name"], given


def _refuse_unknown(values: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in values:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r} (there are: {', '.join(sorted(known))})")
