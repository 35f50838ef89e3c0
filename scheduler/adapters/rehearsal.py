"""A model whose answers were written beforehand: for tests, for demonstrations, for trying out a crontab.

A script is a JSONL file; line n is the n-th answer of the model::

    {"text": "I look first.", "calls": [{"name": "read", "input": {"file_path": "todo.md"}}]}
    {"text": "All done."}

Which line is next follows from the conversation itself (how many answers it holds, or its summary stands
for), so a rehearsal needs no memory and goes on after ``kill -9`` like everything else.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scheduler.core.run.conversation import Block, Usage
from scheduler.errors import ConfigError, ModelFault
from scheduler.ports.model import Ask, Reply

PREFIX = "rehearsal:"
"""A model name that begins so names a script: ``rehearsal:/path/to/script.jsonl``."""

MOST_SCRIPT_BYTES = 4_000_000

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
            data = file.read(MOST_SCRIPT_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"the rehearsal {path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the rehearsal {path} is not UTF-8 text") from error
    if len(data) > MOST_SCRIPT_BYTES:
        raise ConfigError(f"the rehearsal {path} is larger than {MOST_SCRIPT_BYTES} bytes")
    return parse_script(text, str(path))


def parse_script(text: str, source: str) -> Script:
    """Read a script from its text; ``source`` stands in messages.

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


class RehearsalModel:
    """Answers from a script: the given one, or the one that the request's model name points to."""

    def __init__(self, script: Script | None = None) -> None:
        self._script = script
        self._read: dict[str, tuple[tuple[int, int], Script]] = {}

    async def ask(self, ask: Ask, *, on_text: Callable[[str], None] | None = None) -> Reply:
        """Return the script's next line as an answer; it costs nothing."""
        script = self._script or await self._named(ask.model)
        index = sum(_answers(message) for message in ask.messages)
        if ask.compact:
            text = f"The rehearsal was at line {index + 1}."
            block: Block = {"type": "compaction", "content": text, "answers": index}
            return Reply((block,), "compaction", Usage(), f"rehearsal-{index}-compaction", 0)
        if index < len(script.lines):
            content, stop = _content(script.lines[index], index)
        else:
            ended = f"The rehearsal has ended: {script.source} has {len(script.lines)} lines."
            content, stop = ({"type": "text", "text": ended},), "end_turn"
        if on_text:
            for said in content:
                if said["type"] == "text":
                    on_text(said["text"])
        return Reply(content, stop, Usage(), f"rehearsal-{index + 1}", 0)

    async def close(self) -> None:
        """Do nothing: there is no connection."""

    async def _named(self, model: str) -> Script:
        if not is_rehearsal(model):
            raise ModelFault(f"{model} is not the name of a rehearsal", kind="invalid")
        path = model.removeprefix(PREFIX)
        stamp = _stamp(path)
        known = self._read.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        try:
            script = await asyncio.to_thread(load_script, path)
        except ConfigError as error:
            raise ModelFault(error.message, kind="invalid") from error
        self._read[path] = (stamp, script)
        return script


def _stamp(path: str) -> tuple[int, int]:
    """Return what changes when a script is written anew; why one cannot be read, its reader says."""
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def _answers(message: Mapping[str, Any]) -> int:
    """Count the answers that a message stands for: a summary stands for many."""
    if message["role"] != "assistant":
        return 0
    first = message["content"][0]
    return int(first["answers"]) if first["type"] == "compaction" else 1


def _content(line: Line, index: int) -> tuple[tuple[Block, ...], str]:
    blocks: list[Block] = [{"type": "text", "text": line.text}] if line.text else []
    for position, (name, given) in enumerate(line.calls):
        # Ids follow from the place in the script: the same after every crash, unique within a run.
        call_id = f"toolu_rehearsal_{index + 1}_{position + 1}"
        blocks.append({"type": "tool_use", "id": call_id, "name": name, "input": dict(given)})
    return tuple(blocks), line.stop_reason
