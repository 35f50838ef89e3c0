"""Follow a run: print its steps as they are committed, by whichever process."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import click

from scheduler.core.run.conversation import Block, Message
from scheduler.core.run.run import ACTIVE, State
from scheduler.core.text.safe import safe_text
from scheduler.doors.cli.text.wrap import WIDTH, cut, fold

POLL_SECONDS = 0.2
_ALIVE_EVERY = 10
"""Polls between two checks whether a process is left that could move the run on."""

_OVER = frozenset(State) - ACTIVE


async def follow(
    app: Any,
    run_id: str,
    *,
    show: bool,
    alive: Callable[[], Awaitable[bool]] | None = None,
    live: Callable[[], str] = lambda: "",
) -> None:
    """Return when the run is final, asleep, parked or backing off; print its messages with ``show``.

    Args:
        alive: called from time to time; when it returns false, no process will move the run on, and following
            ends.
        live: returns the end of the text that the agent is producing, for the live line of a terminal.
    """
    seen, polls, began = 0, 0, app.services.clock.monotonic()
    try:
        with app.history() as history:
            while True:
                run = history.run(run_id)
                if show:
                    for message in history.messages(run_id, after=seen):
                        seen = message.seq
                        progress("")
                        _print(message)
                polls += 1
                if run.state in _OVER or (alive and polls % _ALIVE_EVERY == 0 and not await alive()):
                    return
                waited = app.services.clock.monotonic() - began
                progress(f"{run.state}, step {run.steps + 1}, {waited:.0f} s ... {live()}".rstrip())
                await app.services.clock.sleep(POLL_SECONDS)
    finally:
        progress("")


def progress(text: str) -> None:
    """Rewrite the live line on a terminal; write whole lines to a pipe."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{safe_text(text)}", err=True, nl=False)


def _print(message: Message) -> None:
    for line in _lines(message):
        click.echo(line)


def _lines(message: Message) -> Iterator[str]:
    for block in message.content:
        kind = block.get("type")
        if kind == "text" and message.role == "assistant":
            # Indented, so that a line of the agent cannot look like one of ours.
            yield from fold(str(block["text"]).strip("\n"), first="agent:  ", indent="        ")
        elif kind == "text":
            yield "told:   " + cut(_first_line(block["text"]), WIDTH - 8)
        elif kind == "tool_use":
            yield "call:   " + cut(_call(block), WIDTH - 8)
        elif kind == "tool_result":
            mark = "error:  " if block.get("is_error") else "answer: "
            yield mark + cut(_first_line(block.get("content")), WIDTH - 8)


def _call(block: Block) -> str:
    given = dict(block.get("input") or {})
    args = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in given.items())
    return f"{block.get('name')}({args})"


def _first_line(text: object) -> str:
    if not isinstance(text, str):
        return "(content)"
    lines = text.strip().splitlines()
    return (lines[0] + (" ..." if len(lines) > 1 else "")) if lines else ""
