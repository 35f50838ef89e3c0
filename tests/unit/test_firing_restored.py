"""What becomes of slots that came due before a restore: nobody knows whether they fired, so none is fired."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.job.firing import FireFacts, decide
from scheduler.core.job.job import CatchUp
from scheduler.core.job.restored import Restored
from scheduler.core.time.trigger import At
from tests.unit.test_firing import DAY, HOUR, MINUTE, NINE, SECOND, job


def restored(at: datetime) -> Restored:
    return Restored(at - 3 * HOUR, at)


def test_slots_before_a_restore_are_skipped_and_later_ones_fire() -> None:
    now = NINE + 2 * DAY
    facts = FireFacts(NINE - DAY, restored=restored(NINE + HOUR))
    decision = decide(job(), facts, now)
    assert [(fire.fire_time, fire.action, fire.reason) for fire in decision.fires] == [
        (NINE, "skip", "restored"),
        (NINE + DAY, "skip", "misfire"),
        (NINE + 2 * DAY, "fire", ""),
    ]
    assert decision.fires[0].missed == 1
    assert decision.next_fire == NINE + 3 * DAY


def test_a_restore_in_the_future_is_one_whose_clock_was_set_back() -> None:
    decision = decide(job(), FireFacts(NINE, restored=restored(NINE + DAY)), NINE + MINUTE)
    assert [fire.reason for fire in decision.fires] == ["restored"]
    assert decision.next_fire == NINE + DAY


def test_an_old_restore_changes_nothing() -> None:
    plain = decide(job(), FireFacts(NINE), NINE)
    assert decide(job(), FireFacts(NINE, restored=restored(NINE - SECOND)), NINE) == plain


def test_a_one_shot_from_before_a_restore_never_fires() -> None:
    decision = decide(job(At(NINE)), FireFacts(NINE, restored=restored(NINE + HOUR)), NINE + 2 * HOUR)
    assert [(fire.fire_time, fire.reason) for fire in decision.fires] == [(NINE, "restored")]
    assert decision.next_fire is None


@given(st.integers(0, 5 * 86_400), st.integers(0, 5 * 86_400), st.sampled_from(["skip", "latest", "all"]))
def test_no_slot_up_to_a_restore_is_ever_fired(until: int, later: int, catchup: CatchUp) -> None:
    at = NINE + until * SECOND
    now = at + later * SECOND
    decision = decide(job("0 * * * *", catchup=catchup), FireFacts(NINE, restored=restored(at)), now)
    assert all(fire.fire_time > at for fire in decision.fires if fire.action == "fire")
    assert sum(fire.reason == "restored" for fire in decision.fires) == 1
    assert decision.next_fire is not None
    assert decision.next_fire > now
