"""Logs: one line for each state change, as text for people or as JSON for machines, on stderr."""

from __future__ import annotations

import json
import logging
import sys
from typing import TextIO

from scheduler.core.text.safe import safe_text
from scheduler.core.time.instants import to_iso

_FIELDS = (
    *(
        "event",
        "run",
        "job",
        "state",
        "reason",
        "reason_code",
        "wake_at",
        "runner",
        "cost_usd",
        "late_seconds",
    ),
)


class TextLines(logging.Formatter):
    """``09:00:00 job digest fired run k7q2m4xa``."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(message)s", datefmt="%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """Return one safe line, the trace of a fault below it."""
        line = super().format(record)
        if record.levelno >= logging.WARNING:
            stamp, _, rest = line.partition(" ")
            line = f"{stamp} {record.levelname.lower()}: {rest}"
        return safe_text(line, multiline=True)


class JsonLines(logging.Formatter):
    """One JSON object a line; ``docs/howto/logs.md`` says what stands in it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        from datetime import UTC, datetime

        entry = {
            "time": to_iso(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        entry |= {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
        if record.exc_info:
            entry["trace"] = record.exc_text or self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=True)


class _Lines(logging.StreamHandler[TextIO]):
    """Writes lines to stderr, over the live line of progress where a terminal shows one."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        # Asked once: a question to the system for every line is more work than the line.
        self._is_terminal = stream.isatty()

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = super().format(record)
        return f"\r\x1b[K{line}" if self._is_terminal else line


def start_logging(form: str, *, quiet: bool = False) -> None:
    """Send the log to stderr.

    Args:
        form: ``text`` or ``json``.
        quiet: warnings only.
    """
    handler = _Lines(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    log = logging.getLogger("agentcron")
    log.handlers[:] = [handler]
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    log.propagate = False
