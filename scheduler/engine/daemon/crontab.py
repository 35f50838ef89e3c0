"""Detect that the crontab has to be read again, when a change of it is complete."""

from __future__ import annotations

from scheduler.ports.clock import Clock
from scheduler.ports.orders import Orders

SETTLE_SECONDS = 0.25
"""How long a changed crontab must be unchanged before it is read."""

LONGEST_SETTLE_SECONDS = 1.0
"""A prompt file that keeps changing does not prevent the crontab from being read."""


class OrdersWatch:
    """Compare the crontab, and the files that it names, with their state at the last reading."""

    def __init__(self, orders: Orders, clock: Clock) -> None:
        self._orders = orders
        self._clock = clock
        self._asked = True
        self._stamp = ""
        self._fresh_stamp = ""
        self._fresh_since = 0.0
        self._changed_since = 0.0

    def ask(self) -> None:
        """Request a reading of the crontab, changed or not."""
        self._asked = True

    def has_changed(self) -> bool:
        """Whether the crontab differs from the one that was read."""
        return self._orders.stamp() != self._stamp

    def take(self) -> bool:
        """Whether the crontab has to be read now; the caller then reads it."""
        stamp = self._orders.stamp()
        if not self._asked and (stamp == self._stamp or not self._is_settled(stamp)):
            return False
        self._asked, self._stamp = False, stamp
        return True

    def _is_settled(self, stamp: str) -> bool:
        """Whether a change is complete: an editor that empties the file first must not remove every job."""
        now = self._clock.monotonic()
        if stamp != self._fresh_stamp:
            self._fresh_stamp, self._fresh_since = stamp, now
            self._changed_since = self._changed_since or now
        settled = now - self._fresh_since >= SETTLE_SECONDS
        if settled or now - self._changed_since >= LONGEST_SETTLE_SECONDS:
            self._fresh_stamp, self._changed_since = "", 0.0
            return True
        return False
