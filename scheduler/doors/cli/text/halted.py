"""What every verb says of a home that is halted."""

from __future__ import annotations

from scheduler.app.clock import wall
from scheduler.app.home import FileHome
from scheduler.config import Config
from scheduler.doors.cli.text.out import hint
from scheduler.ports.halt import Halt


def halted_text(halt: Halt) -> str:
    """Return what everybody is told who looks at a halted home."""
    since = f" since {wall().short(halt.since)}" if halt.since else ""
    return f"HALTED{since}: {halt.reason}. Go on: agentcron unhalt"


def hint_if_halted(config: Config) -> None:
    """Say that what was asked for will wait."""
    halt = FileHome(config).halt()
    if halt is not None:
        hint(halted_text(halt))
