"""The text of an answer while it is produced: observers hear it piece by piece, and no secret in any cut."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.run.run import Run
from scheduler.core.text.redact import Redactor
from scheduler.engine.attempt.live_text import FORM_FACTOR, LiveText
from scheduler.engine.move_log import MoveLog
from scheduler.ports.backend import Desk, Rested
from scheduler.ports.observer import Observer
from scheduler.ports.secrets import NoSecrets
from scheduler.testing.rehearsal import script
from scheduler.testing.world import open_world
from tests.kit.checkpoints import running
from tests.kit.office import act, office, one

SECRET = "hunter/2 hünter"
FORMS = (SECRET, quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode(), SECRET.encode().hex())


class Ears(Observer):
    """Keeps the pieces."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    def said(self, _run: Run, delta: str) -> None:
        self.pieces.append(delta)


class Known(NoSecrets):
    """One secret."""

    longest = len(SECRET)

    def __init__(self) -> None:
        self.hidden = Redactor({"TOKEN": frozenset({SECRET})}).hidden  # type: ignore[method-assign]


def heard(deltas: Sequence[str], secrets: NoSecrets) -> list[str]:
    """Return the pieces that an observer gets of an answer."""
    ears = Ears()
    live = LiveText(running(), MoveLog(ears), secrets)
    for delta in deltas:
        live.feed(delta)
    live.end()
    return ears.pieces


def test_without_secrets_each_delta_is_heard_at_once() -> None:
    assert heard(["Good ", "", "morning."], NoSecrets()) == ["Good ", "morning."]


@given(
    st.lists(st.one_of(st.sampled_from(FORMS), st.text("ab 2ü%/", max_size=90)), max_size=6),
    st.lists(st.integers(1, 30), min_size=1, max_size=20),
)
def test_a_secret_in_any_form_is_hidden_however_the_text_is_cut(words: list[str], sizes: list[int]) -> None:
    deltas: list[str] = []
    text, place = " ".join(words), 0
    while place < len(text):
        size = sizes[len(deltas) % len(sizes)]
        deltas.append(text[place : place + size])
        place += size
    pieces = heard(deltas, Known())
    assert "".join(pieces) == Known().hidden(text)


def test_no_more_is_held_back_than_a_form_of_a_secret_can_be() -> None:
    ears = Ears()
    live = LiveText(running(), MoveLog(ears), Known())
    text = "An ordinary sentence without anything in it. " * 20
    for char in text:
        live.feed(char)
    assert len(text) - len("".join(ears.pieces)) == FORM_FACTOR * len(SECRET)


def test_an_observer_that_breaks_or_a_redaction_that_does_disturbs_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Ears):
        def said(self, *_: Any) -> None:
            raise ZeroDivisionError("no ears")

    ears = Ears()
    live = LiveText(running(), MoveLog(Broken(), ears), NoSecrets())
    live.feed("Hello.")
    assert ears.pieces == ["Hello."]

    class Unable(NoSecrets):
        longest = 1

        def hidden(self, _: Any) -> Any:
            raise RecursionError

    live = LiveText(running(), MoveLog(ears), Unable())
    live.feed("Never to be shown.")
    live.end()
    assert ears.pieces == ["Hello."]
    assert "is not shown live any more" in caplog.text


def test_nothing_is_done_for_nobody() -> None:
    class Unasked(NoSecrets):
        @property
        def longest(self) -> int:  # type: ignore[override]
            raise AssertionError("nobody listens")

    live = LiveText(running(), MoveLog(Observer()), Unasked())
    live.feed("Hello.")
    live.end()


async def test_the_answers_of_a_model_are_heard_while_they_come(tmp_path: Path) -> None:
    ears = Ears()
    async with open_world(tmp_path) as world:
        world.services = replace(world.services, move_log=MoveLog(ears))
        world.script("talk", script().say("I think, therefore I am."))
        await world.load('@manual  talk  "Talk."  model=rehearsal:talk.jsonl')
        run = await world.play("talk")
        assert run.state == "succeeded"
    assert ears.pieces == ["I think, therefore I am."]


async def test_what_a_foreign_agent_says_is_heard_once_and_before_it_is_recorded(tmp_path: Path) -> None:
    ears = Ears()

    async def play(desk: Desk) -> None:
        await desk.open()
        desk.saying("I th")
        desk.saying("ink.")
        assert ears.pieces == ["I th", "ink."]
        assert len(desk.checkpoint.messages) == 1
        await desk.said("I think.")
        await desk.said("I act.")
        await act(desk, one())
        desk.saying("I end.")
        assert not isinstance(await desk.begin(one(2)), Rested)
        await desk.record("call-2", "ok")
        await desk.end("Done.")

    async with office(tmp_path, play) as o:
        o.world.services = replace(o.world.services, move_log=MoveLog(ears))
        assert (await o.play()).state == "succeeded"
    assert ears.pieces == ["I th", "ink.", "I act.", "I end."]
