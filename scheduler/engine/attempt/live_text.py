"""Pass the text of an answer to observers while it is produced: redacted, and not stored.

A secret may be split over two deltas.  So the end of the text is held back, as long as the longest form of a
known secret can be, until more text or the end of the answer shows that no secret begins there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from scheduler.core.run.run import Run
from scheduler.engine.move_log import MoveLog
from scheduler.ports.secrets import Secrets

log = logging.getLogger("agentcron")

FORM_FACTOR = 4
"""The factor by which usual forms of a secret are longer: in ``\\x20`` each byte takes four characters."""


class LiveText:
    """The text of one answer; without an observer that listens it does nothing."""

    def __init__(self, run: Run, move_log: MoveLog, secrets: Secrets) -> None:
        self._run, self._move_log, self._secrets = run, move_log, secrets
        self._held = ""
        self._is_on = move_log.is_listened_to

    def feed(self, delta: str) -> None:
        """Pass on the text that is certainly not a part of a secret."""
        if self._is_on:
            self._held += delta
            self._pass_on(self._safe_length)

    def end(self) -> None:
        """Pass on the rest: the answer is over, or was cut."""
        if self._is_on:
            self._pass_on(lambda: len(self._held))

    def _safe_length(self) -> int:
        held = self._held
        cut = len(held) - FORM_FACTOR * self._secrets.longest
        if cut <= 0:
            return 0
        hidden = self._secrets.hidden
        # A secret across the cut is redacted only in the whole text; then more is held back.
        return cut if hidden(held) == hidden(held[:cut]) + hidden(held[cut:]) else 0

    def _pass_on(self, length_of: Callable[[], int]) -> None:
        try:
            length = length_of()
            ready, self._held = self._held[:length], self._held[length:]
            if ready:
                self._move_log.said(self._run, self._secrets.hidden(ready))
        except Exception:  # an error here must not affect the answer
            log.exception("run %s: its text is not shown live any more", self._run.id)
            self._is_on = False
