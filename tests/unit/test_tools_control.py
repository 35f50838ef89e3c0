"""sleep, note and finish: what the model may say, and what it is told when it says something else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scheduler.core.run.wakeup import WakeUp, Waking
from scheduler.engine.schema import wrong_arguments
from scheduler.errors import ToolFault
from scheduler.ports.tool import End, Outcome
from scheduler.tools.finish import FINISH
from scheduler.tools.note import NOTE
from scheduler.tools.sleep import SLEEP

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # a Friday
TZ = "Europe/Berlin"


def test_sleep_understands_in_the_zone_of_the_job_and_stores_utc() -> None:
    wanted = SLEEP.decide({"until": "tomorrow 09:00", "reason": "the review"}, NOW, TZ)
    assert wanted.rest is not None
    assert wanted.rest.wakeups == (WakeUp(Waking.TIME, due=datetime(2026, 11, 21, 8, 0, tzinfo=UTC)),)
    due = wanted.rest.wakeups[0].due
    assert due is not None
    assert due.tzinfo is UTC
    assert wanted.rest.reason == "the review"


EXAMPLES = """
2026-12-01T09:00:00+01:00 | 2026-12-01T08:00:00Z | 45m | 2h30m | in 3 days | PT15M | tomorrow 09:00
| friday 17:00 | next business day 9am | in 3 days at 9am | 2026-12-01 09:00 Asia/Tokyo | 17:30 | 9am | noon
"""


@pytest.mark.parametrize("until", [example.strip() for example in EXAMPLES.split("|")])
def test_every_example_of_the_description_is_understood(until: str) -> None:
    assert f'"{until}"' in SLEEP.spec.description
    assert SLEEP.decide({"until": until}, NOW, TZ).rest is not None


@pytest.mark.parametrize("until", ["tomorrow", "9", "1M", "03/04"])
def test_a_time_that_may_mean_several_is_refused_with_texts_that_are_accepted(until: str) -> None:
    with pytest.raises(ToolFault, match=r"\(ambiguous\); write ") as caught:
        SLEEP.decide({"until": until}, NOW, TZ)
    _, *quoted = caught.value.message.split('"')
    suggestions = quoted[::2]
    assert 2 <= len(suggestions) <= 3
    for suggestion in suggestions:
        assert SLEEP.decide({"until": suggestion}, NOW, TZ).rest is not None
    assert f'"{until}"' in SLEEP.spec.description


@pytest.mark.parametrize(
    ("until", "code"), [("2020-01-01T09:00Z", "past"), ("someday", "unknown_word"), ("in 900d", "too_far")]
)
def test_a_time_that_cannot_be_is_refused_without_a_suggestion(until: str, code: str) -> None:
    with pytest.raises(ToolFault, match=rf"\({code}\)$"):
        SLEEP.decide({"until": until}, NOW, TZ)


def test_note_and_finish() -> None:
    assert NOTE.decide({"text": "seen"}, NOW, TZ) == Outcome("Noted.")
    assert FINISH.decide({"summary": "ok"}, NOW, TZ) == Outcome("The run is finished.", end=End("ok", "done"))
    failed = FINISH.decide({"summary": "no", "outcome": "failed"}, NOW, TZ)
    assert failed.end == End("no", "failed")


def test_wrong_arguments_are_explained() -> None:
    for control, args, problem in (
        (SLEEP, {}, "until is missing"),
        (SLEEP, {"until": 5}, "until must be a string"),
        (NOTE, {"text": ""}, "text is empty"),
        (FINISH, {"summary": "x", "outcome": "great"}, "one of done, nothing_to_do, failed"),
    ):
        assert problem in wrong_arguments(control.spec.schema, args)
