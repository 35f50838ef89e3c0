"""Format log lines on stderr: text for people, JSON for machines."""

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
        """Return one safe line, followed by the trace of an error."""
        line = super().format(record)
        if record.levelno >= logging.WARNING:
            stamp, _, rest = line.partition(" ")
            line = f"{stamp} {record.levelname.lower()}: {rest}"
        return safe_text(line, multiline=True)


class JsonLines(logging.Formatter):
    """One JSON object a line; the fields are in ``docs/howto/logs.md``."""

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
    """Write lines to stderr, above the live progress line of a terminal."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        # Evaluated once: a system call for each line costs more than the line.
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
