"""F16: daemons that are killed at random moments and at random points, over and over, while agents live."""

from __future__ import annotations

import pytest

from tests.fake_messages_api import FakeMessagesAPI
from tests.kit.processes import Installation
from tests.kit.soak import SOAK, chance
from tests.kit.storm import Storm, agents

pytestmark = [pytest.mark.process, pytest.mark.soak]


@pytest.mark.timeout(3600)
def test_f16_nothing_is_lost_or_doubled_however_often_daemons_are_killed(
    place: Installation, api: FakeMessagesAPI
) -> None:
    draw = chance("kill loop")
    place.environment |= {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": api.url}
    storm = Storm(place, draw, list(agents(draw, 12, faults=True)), api=api)
    storm.begin()
    storm.rage(kills=500 if SOAK else 15)
    storm.settle()
    ends = storm.check()
    print(f"{storm.kills} kills, {ends.total()} runs: {dict(ends)}; {len(api.requests)} requests")
    assert ends["succeeded"]


@pytest.mark.timeout(3600)
def test_four_daemons_two_thousand_runs_and_random_kills(place: Installation) -> None:
    draw = chance("two thousand")
    storm = Storm(place, draw, list(agents(draw, 40, faults=False)), daemons=(4, 4))
    storm.begin()
    storm.rage(kills=100 if SOAK else 10, runs=2000 if SOAK else 60, calmness=1.0 if SOAK else 0.5)
    storm.settle(seconds=600)
    ends = storm.check()
    print(f"{storm.kills} kills, {ends.total()} runs: {dict(ends)}")
    assert ends["succeeded"]
