"""Why nothing ran at an instant: no daemon was up, or the clock jumped over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from scheduler.core.job.standing import RunnerInfo
from scheduler.core.time.clocks import Jump
from scheduler.views.clock import Wall, span


@dataclass(frozen=True, slots=True)
class Absence:
    """When daemons were up, and how the clock jumped, as phrases for a sentence.

    Args:
        daemons: the daemons that were up around the instant, as far as it is recorded.
        dead: ids of those that are dead.
        jumps: the jumps of the clock since then.
    """

    clock: Wall
    daemons: Sequence[RunnerInfo] = ()
    dead: frozenset[str] = frozenset()
    jumps: Sequence[Jump] = ()

    def why(self, instant: datetime) -> str:
        """Return why nothing could run at an instant."""
        return self.passed_over(instant) or f"no daemon was running{self.down(instant)}"

    def passed_over(self, instant: datetime) -> str:
        """Return how the clock jumped over an instant, or an empty text if it did not."""
        jump = self._jump(instant, back=False)
        return "" if jump is None else self._phrase(jump)

    def came_twice(self, instant: datetime) -> str:
        """Return how an instant occurred twice, or an empty text if it did not."""
        jump = self._jump(instant, back=True)
        return "" if jump is None else self._phrase(jump)

    def was_up(self, instant: datetime) -> bool:
        """Whether a daemon was up."""
        return any(begin <= instant <= end for begin, end in self._lives())

    def down(self, instant: datetime) -> str:
        """Return `` (down 08:12 - 10:47)`` as far as it is known, or an empty text."""
        lives = self._lives()
        if not lives or self.was_up(instant):
            return ""
        ends = [end for _, end in lives if end < instant]
        begins = [begin for begin, _ in lives if begin > instant]
        since = self.clock.short(max(ends)) if ends else ""
        until = self.clock.short(min(begins)) if begins else ""
        if since and until:
            return f" (down {since} - {until})"
        return f" (down since {since})" if since else f" (first up at {until})"

    def _lives(self) -> list[tuple[datetime, datetime]]:
        """The periods with a daemon; a daemon that died counts until its last sign of life."""
        return [
            (info.started_at, info.stopped_at or (info.seen_at if info.id in self.dead else self.clock.now))
            for info in self.daemons
        ]

    def _jump(self, instant: datetime, *, back: bool) -> Jump | None:
        for jump in self.jumps:
            within = min(jump.before, jump.at) <= instant <= max(jump.before, jump.at)
            if within and (jump.kind == "set_back") is back:
                return jump
        return None

    def _phrase(self, jump: Jump) -> str:
        begin, end = self.clock.short(jump.before), self.clock.short(jump.at)
        if jump.kind == "suspended":
            return f"this machine was suspended {begin} - {end}"
        way = "forward" if jump.kind == "set_forward" else "back"
        return f"the clock was set {way} by {span(jump.seconds)}, from {begin} to {end}"


def as_sentence(phrase: str) -> str:
    """Return a phrase as a sentence of its own."""
    return f"{phrase[:1].upper()}{phrase[1:]}."
