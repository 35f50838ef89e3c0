"""The message that every verb shows while the home is halted."""

from __future__ import annotations

from scheduler.app.clock import wall
from scheduler.app.home import FileHome
from scheduler.config import Config
from scheduler.doors.cli.text.out import hint
from scheduler.ports.halt import Halt


def halted_text(halt: Halt) -> str:
    """Return the message."""
    since = f" since {wall().short(halt.since)}" if halt.since else ""
    return f"HALTED{since}: {halt.reason}. Resume: agentcron unhalt"


def hint_if_halted(config: Config) -> None:
    """Say that a request waits until the home is no longer halted."""
    halt = FileHome(config).halt()
    if halt is not None:
        hint(halted_text(halt))
