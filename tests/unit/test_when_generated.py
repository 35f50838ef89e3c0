"""Texts of "sleep until" made from their meaning: `parse_when` and a second evaluator agree on each."""

from __future__ import annotations

from collections import Counter

from scheduler.core.time.when import parse_when
from scheduler.errors import WhenError
from tests.kit.soak import SOAK, chance
from tests.kit.when_doubts import say
from tests.kit.when_evaluator import Said, Speaker, judge, speaker

TEXTS = 200_000 if SOAK else 5000


def _compare(said: Said, s: Speaker) -> str:
    """Check one text; return ``accepted``, or the code of its refusal."""
    verdict = judge(said, s.now)
    try:
        instant = parse_when(said.text, s.now, s.home_name)
    except WhenError as refusal:
        error = refusal
    else:
        assert instant == verdict.instant
        return "accepted"
    assert verdict.instant is None
    assert error.code in verdict.codes
    assert set(error.readings) <= set(verdict.readings)
    assert len(error.readings) == min(3, len(verdict.readings))
    assert error.readings[:1] == verdict.readings[:1]
    for reading, suggestion in zip(error.readings, error.suggestions, strict=True):
        assert parse_when(suggestion, s.now, s.home_name) == reading
    return error.code


def test_a_second_evaluator_agrees_on_thousands_of_texts() -> None:
    random = chance("meanings of sleep until")
    outcomes: Counter[str] = Counter()
    for _ in range(TEXTS):
        s = speaker(random)
        said = say(s)
        try:
            outcomes[_compare(said, s)] += 1
        except Exception:
            print(f"{said} at {s.now.astimezone(s.home).isoformat()} in {s.home_name}")
            raise
    assert outcomes["accepted"] > TEXTS / 3, outcomes
    assert outcomes["ambiguous"] > TEXTS / 5, outcomes
    assert outcomes["past"] > TEXTS / 50, outcomes
