"""The end of what an agent says, for the live line of a terminal."""

from __future__ import annotations

from scheduler.core.run.step import Step
from scheduler.doors.cli.text.live import MAX_CHARS, Live
from tests.kit.checkpoints import START, at, running


def test_the_line_is_the_end_of_what_is_said_and_empty_after_the_step() -> None:
    live = Live()
    assert live.line() == ""
    for piece in ("Dear\n", "reader, ", "good morning."):
        live.said(running(), piece)
    assert live.line() == "Dear reader, good morning."
    live.said(running(), " And so on." * 100)
    assert len(live.line()) == MAX_CHARS
    assert live.line().endswith("And so on.")
    live.stepped(at(), Step(at=START), at())
    assert live.line() == ""
