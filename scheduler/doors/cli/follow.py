"""Following a run: its steps as they are committed, by whichever process."""

from __future__ import annotations

import sys
from typing import Any

import click

from scheduler.core.conversation import Message
from scheduler.core.run import State
from scheduler.core.safe_text import safe_text
from scheduler.doors.cli.out import cut, say

POLL_SECONDS = 0.2

_OVER = frozenset(State) - {State.QUEUED, State.RUNNING}


async def follow(app: Any, run_id: str, *, show: bool) -> None:
    """Return when the run is final, asleep, parked or backing off; print its messages with ``show``."""
    from scheduler.adapters.sql.reader import Reader

    seen, began = 0, app.kit.clock.monotonic()
    with Reader.open(app.config.database) as reader:
        while True:
            run = reader.run(run_id)
            if show:
                for message in reader.messages(run_id)[seen:]:
                    seen = message.seq
                    _progress("")
                    _print(message)
            if run.state in _OVER:
                _progress("")
                return
            if show:
                waited = app.kit.clock.monotonic() - began
                _progress(f"{run.state}, step {run.steps + 1}, {waited:.0f} s ...")
            await app.kit.clock.sleep(POLL_SECONDS)


def _progress(text: str) -> None:
    """Rewrite the one live line of a terminal; a pipe gets whole lines only."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{safe_text(text)}", err=True, nl=False)


def _print(message: Message) -> None:
    for block in message.content:
        kind = block.get("type")
        if kind == "text" and message.role == "assistant":
            say(f"agent: {block['text']}")
        elif kind == "text":
            say(cut(f"told:  {str(block['text']).splitlines()[0] if block['text'] else ''}", 100))
        elif kind == "tool_use":
            say(cut(f"call:  {block.get('name')} {block.get('input')}", 100))
        elif kind == "tool_result":
            said = block.get("content")
            text = said if isinstance(said, str) else "(content)"
            mark = "error: " if block.get("is_error") else "answer:"
            say(cut(f"{mark} {text.splitlines()[0] if text else ''}", 100))
