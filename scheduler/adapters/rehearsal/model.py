"""A model whose answers come from a script: for tests, demonstrations, and trying out a crontab.

The next line of the script follows from the conversation itself (how many answers it contains, or its
summary covers), so a rehearsal needs no memory and continues after ``kill -9`` like everything else.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Any

from scheduler.adapters.rehearsal.script import PREFIX, Line, Script, is_rehearsal, load_script
from scheduler.core.run.conversation import Block, Usage
from scheduler.errors import ConfigError, ModelFault
from scheduler.ports.model import Ask, Reply


class RehearsalModel:
    """Answer from a script: the given one, or the one in the model name of the request."""

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
    """Return a value that changes when a script is rewritten; its reader reports why one cannot be read."""
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def _answers(message: Mapping[str, Any]) -> int:
    """Count the answers that a message represents: a summary represents many."""
    if message["role"] != "assistant":
        return 0
    first = message["content"][0]
    return int(first["answers"]) if first["type"] == "compaction" else 1


def _content(line: Line, index: int) -> tuple[tuple[Block, ...], str]:
    blocks: list[Block] = [{"type": "text", "text": line.text}] if line.text else []
    for position, (name, given) in enumerate(line.calls):
        # Ids are derived from the place in the script: the same after every crash, unique within a run.
        call_id = f"toolu_rehearsal_{index + 1}_{position + 1}"
        blocks.append({"type": "tool_use", "id": call_id, "name": name, "input": dict(given)})
    return tuple(blocks), line.stop_reason
