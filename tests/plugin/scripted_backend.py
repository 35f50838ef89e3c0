"""A plug-in for tests: a backend with a loop of its own, whose agent does what a script says.

The script is ``script.json`` in the workdir, a list of moves: ``{"say": text}``, ``{"call": name, "input":
{}}``
or ``{"end": summary}``, each with a ``cost_usd`` if it takes a request that costs something.  Where the agent
is in its script, it reads from the conversation that the desk has stored.  Of its own it keeps a session, as
agents do: a file in which each move is a line.  What the desk has kept of it counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Usage
from scheduler.core.trust.effect import Effect
from scheduler.crash import crashpoint
from scheduler.ports.backend import Allowed, Attempt, Desk, ForeignCall, Rested
from scheduler.ports.tool import ToolSpec

SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


def _spec(name: str, description: str, effect: Effect, *, external: bool) -> ToolSpec:
    return ToolSpec(
        name=name,
        description=description,
        schema=SCHEMA,
        effect=effect,
        reads_private=False,
        reads_untrusted=False,
        external=external,
    )


class ScriptedBackend:
    """Says, calls, sleeps and ends as the script says."""

    tools: Mapping[str, ToolSpec] = {
        "draft": _spec("draft", "Put a text into the workdir.", Effect.KEYED, external=False),
        "post": _spec("post", "Post a text; not repeatable.", Effect.OPAQUE, external=True),
    }

    async def advance(self, attempt: Attempt, desk: Desk) -> None:
        """Go on where the stored conversation ends."""
        if await desk.open() is None:
            return
        if desk.news:
            await desk.heard(desk.news)
        workdir = Path(str(desk.checkpoint.job.workdir))
        session = Session(workdir / "session.jsonl", desk)
        await session.restore()
        script: list[dict[str, Any]] = json.loads((workdir / "script.json").read_text())
        while attempt.must_stop is None:
            place, is_new = where(desk.checkpoint)
            if is_new:
                await session.add(script[place])
            if not await self.move(desk, workdir, place, script[place], is_new=is_new):
                return

    async def move(
        self, desk: Desk, workdir: Path, place: int, move: dict[str, Any], *, is_new: bool
    ) -> bool:
        """Make one move; return whether there may be another."""
        cost = round(move.get("cost_usd", 0) * 1_000_000)
        if is_new and cost and not await desk.used(Usage(input_tokens=100), cost):
            return False
        if "say" in move:
            await desk.said(move["say"])
        elif "end" in move:
            await desk.end(move["end"])
            return False
        else:
            return await self.call(desk, workdir, ForeignCall(f"call-{place}", move["call"], move["input"]))
        return True

    async def call(self, desk: Desk, workdir: Path, call: ForeignCall) -> bool:
        """Ask for a call, and make it when it is allowed; return whether there may be another move."""
        answer = await desk.begin(call)
        if isinstance(answer, Allowed):
            await desk.record(call.id, await self.act(workdir, call, answer.key))
        return not isinstance(answer, Rested)

    async def act(self, workdir: Path, call: ForeignCall, key: str) -> str:
        """Do what one of its own tools does: leave a line."""
        file = workdir / call.name
        if call.name == "draft" and file.exists() and key in file.read_text():
            return "drafted already"
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, f"{call.args['text']} {key}\n".encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        crashpoint("effect")
        return f"{call.name}: {call.args['text']}"


class Session:
    """The agent's own file of what it did."""

    def __init__(self, file: Path, desk: Desk) -> None:
        self._file, self._desk = file, desk

    async def restore(self) -> None:
        """Make the file what the desk has kept: lines after that were of moves that are not on record."""
        kept = await self._desk.transcript()
        if not self._file.exists() or sha256(self._file.read_bytes()).digest() != sha256(kept).digest():
            self._file.write_bytes(kept)

    async def add(self, move: dict[str, Any]) -> None:
        """Add a line."""
        line = json.dumps(move).encode() + b"\n"
        with self._file.open("ab") as file:
            file.write(line)
        await self._desk.keep_transcript(line)


def where(checkpoint: Checkpoint) -> tuple[int, bool]:
    """Return the place in the script, and whether that move is new: each leaves one message of the agent."""
    made = sum(message.role == "assistant" for message in checkpoint.messages)
    is_open = any(not call.is_closed for call in checkpoint.calls)
    return (made - 1, False) if is_open else (made, True)


SCRIPTED = ScriptedBackend()
