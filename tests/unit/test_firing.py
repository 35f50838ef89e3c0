"""What becomes of due slots: on time, missed, too old, overlapping, paused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.core.job.firing import (
    GRACE_SECONDS,
    MAX_COUNTED,
    MAX_REPLAYS,
    MAX_WAITING,
    Decision,
    Fire,
    FireFacts,
    decide,
    decide_at_once,
    first_fire,
)
from scheduler.core.job.job import CatchUp, Job, Overlap
from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.time.trigger import At, CronTrigger, Every, Manual, Reboot, Trigger

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def job(
    expr: str | Trigger = "0 9 * * *",
    *,
    name: str = "brief",
    overlap: Overlap = "skip",
    catchup: CatchUp = "latest",
    window: timedelta = 6 * HOUR,
    jitter: int = 0,
    enabled: bool = True,
) -> Job:
    trigger = CronTrigger(expr, name=name) if isinstance(expr, str) else expr
    return Job(
        name=name,
        trigger=trigger,
        prompt="Say hello",
        overlap=overlap,
        catchup=catchup,
        window_seconds=int(window.total_seconds()),
        jitter_seconds=jitter,
        enabled=enabled,
    )


def facts(next_fire: datetime | None = NINE, **more: Any) -> FireFacts:
    return replace(FireFacts(next_fire), **more)


def rows(decision: Decision) -> list[tuple[str, str, datetime, int]]:
    return [(fire.action, fire.reason, fire.fire_time, fire.missed) for fire in decision.fires]


class TestOnTime:
    """Nothing was missed."""

    def test_nothing_is_due_before_the_slot(self) -> None:
        assert decide(job(), facts(), NINE - SECOND) == Decision((), NINE)
        assert decide(job(), facts(None), NINE) == Decision((), None)

    @pytest.mark.parametrize("late_seconds", [0, 1, GRACE_SECONDS])
    @pytest.mark.parametrize("catchup", ["skip", "latest", "all"])
    def test_up_to_a_minute_late_is_on_time(self, late_seconds: int, catchup: CatchUp) -> None:
        decision = decide(job(catchup=catchup), facts(), NINE + late_seconds * SECOND)
        assert decision == Decision((Fire(NINE, "fire"),), NINE + DAY)

    def test_a_clock_that_was_set_back_fires_nothing_again(self) -> None:
        after = decide(job(), facts(), NINE).next_fire
        assert decide(job(), facts(after), NINE - HOUR) == Decision((), NINE + DAY)

    def test_a_job_that_is_off_keeps_no_account(self) -> None:
        assert decide(job(enabled=False), facts(), NINE) == Decision((), NINE + DAY)
        assert decide(job(), facts(enabled=False), NINE) == Decision((), NINE + DAY)

    def test_slots_closer_together_than_the_grace_make_one_fire(self) -> None:
        every = Every("10s", "brief")
        first = every.next_after(NINE)
        decision = decide(job(every, catchup="skip"), facts(first), first + 25 * SECOND)
        assert rows(decision) == [("fire", "", first + 20 * SECOND, 2)]
        assert decision.fires[0].last_missed == first + 10 * SECOND
        assert decision.next_fire == first + 30 * SECOND


class TestMissed:
    """Slots that went by while nothing ran."""

    NOON = NINE + 3 * HOUR + 30 * MINUTE

    def test_latest_makes_one_fire_of_all_and_says_so(self) -> None:
        decision = decide(job("0 * * * *"), facts(), self.NOON)
        assert rows(decision) == [("fire", "", NINE + 3 * HOUR, 3)]
        fire = decision.fires[0]
        assert fire.last_missed == NINE + 2 * HOUR
        assert fire.detail == "planned for 2026-11-23T12:00:00Z, 30m late, and also covers 3 earlier slots"
        assert decision.next_fire == NINE + 4 * HOUR

    def test_skip_records_the_missed_ones_in_one_row(self) -> None:
        decision = decide(job("0 * * * *", catchup="skip"), facts(), self.NOON)
        assert rows(decision) == [("skip", "misfire", NINE + 3 * HOUR, 3)]
        assert decision.fires[0].detail == "4 slots were missed, the last one 30m ago; catchup=skip"

    def test_skip_still_fires_what_is_on_time(self) -> None:
        decision = decide(job("0 * * * *", catchup="skip"), facts(), NINE + 3 * HOUR)
        assert rows(decision) == [("skip", "misfire", NINE + 2 * HOUR, 2), ("fire", "", NINE + 3 * HOUR, 0)]

    def test_all_replays_each_oldest_first(self) -> None:
        decision = decide(job("0 * * * *", catchup="all"), facts(), self.NOON)
        assert rows(decision) == [("fire", "", NINE + n * HOUR, 0) for n in range(4)]
        assert all(fire.serial for fire in decision.fires)

    def test_all_replays_at_most_ten(self) -> None:
        decision = decide(job("*/5 * * * *", catchup="all"), facts(), NINE + 2 * HOUR + 2 * MINUTE)
        assert rows(decision)[0] == ("skip", "misfire", NINE + 70 * MINUTE, 14)
        assert [fire.fire_time for fire in decision.fires[1:]] == [
            NINE + n * 5 * MINUTE for n in range(15, 25)
        ]
        assert len(decision.fires) == 1 + MAX_REPLAYS

    @pytest.mark.parametrize("catchup", ["skip", "latest", "all"])
    def test_older_than_the_window_is_given_up(self, catchup: CatchUp) -> None:
        decision = decide(job(catchup=catchup), facts(), NINE + 6 * HOUR + SECOND)
        assert rows(decision) == [("skip", "misfire", NINE, 0)]
        if catchup != "skip":
            assert decision.fires[0].detail == "the slot was missed 6h ago; older than the window of 6h"

    def test_the_edge_of_the_window_belongs_to_it(self) -> None:
        assert rows(decide(job(), facts(), NINE + 6 * HOUR)) == [("fire", "", NINE, 0)]

    def test_some_too_old_and_some_not(self) -> None:
        decision = decide(job("0 * * * *", window=2 * HOUR), facts(), NINE + 9 * HOUR + 30 * MINUTE)
        assert rows(decision) == [
            ("skip", "misfire", NINE + 7 * HOUR, 7),
            ("fire", "", NINE + 9 * HOUR, 1),
        ]

    def test_the_default_window_is_until_the_next_slot_at_most_a_day(self) -> None:
        """A laptop that is opened at 09:12 runs the job of 01:00; a job of every 5 minutes runs once."""
        nightly = Job("nightly", CronTrigger("0 1 * * *", name="nightly"), "Say hello")
        one = NINE - 8 * HOUR
        assert rows(decide(nightly, facts(one), NINE + 12 * MINUTE)) == [("fire", "", one, 0)]
        often = Job("often", CronTrigger("*/5 * * * *", name="often"), "Say hello")
        assert rows(decide(often, facts(), NINE + 3 * HOUR + 2 * MINUTE)) == [
            ("fire", "", NINE + 3 * HOUR, 36)
        ]
        weekly = Job("weekly", CronTrigger("0 9 * * 1", name="weekly"), "Say hello")
        assert rows(decide(weekly, facts(), NINE + DAY)) == [("fire", "", NINE, 0)]
        assert rows(decide(weekly, facts(), NINE + DAY + SECOND)) == [("skip", "misfire", NINE, 0)]
        once = Job("once", At(NINE), "Say hello")
        assert rows(decide(once, facts(), NINE + 23 * HOUR)) == [("fire", "", NINE, 0)]
        assert rows(decide(once, facts(), NINE + DAY + SECOND)) == [("skip", "misfire", NINE, 0)]
        every = Job("all", CronTrigger("0 */8 * * *", name="all"), "Say hello", catchup="all")
        eight = NINE - HOUR
        assert rows(decide(every, facts(eight), eight + 30 * HOUR)) == [
            ("skip", "misfire", eight, 0),
            *(("fire", "", eight + n * 8 * HOUR, 0) for n in (1, 2, 3)),
        ]

    def test_a_window_of_zero_fires_on_time_only(self) -> None:
        none = timedelta(0)
        assert rows(decide(job(window=none), facts(), NINE + MINUTE)) == [("fire", "", NINE, 0)]
        assert rows(decide(job(window=none), facts(), NINE + MINUTE + SECOND)) == [
            ("skip", "misfire", NINE, 0)
        ]

    @pytest.mark.parametrize("catchup", ["skip", "latest", "all"])
    def test_years_of_downtime_cost_no_more_than_a_day(
        self, catchup: CatchUp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two and a half million missed slots."""
        calls = 0
        before = CronTrigger.before

        def counted(self: CronTrigger, instant: datetime) -> datetime | None:
            nonlocal calls
            calls += 1
            return before(self, instant)

        monkeypatch.setattr(CronTrigger, "before", counted)
        decision = decide(job("* * * * *", catchup=catchup), facts(), NINE + 5 * 365 * DAY)
        assert calls < 3 * MAX_COUNTED
        assert sum(fire.missed for fire in decision.fires) <= 2 * MAX_COUNTED
        assert decision.fires[0].missed == MAX_COUNTED
        assert "1000 or more slots" in decision.fires[0].detail

    def test_a_slot_of_an_older_table_still_counts(self) -> None:
        """The stored slot is none of the trigger's any more, for the zone's rules changed."""
        assert rows(decide(job(), facts(NINE + 5 * MINUTE), NINE + 5 * MINUTE)) == [
            ("fire", "", NINE + 5 * MINUTE, 0)
        ]


class TestAt:
    """A single instant."""

    AT = At(NINE, "2026-11-23T09:00")

    def test_it_fires_once(self) -> None:
        assert decide(job(self.AT), facts(), NINE) == Decision((Fire(NINE, "fire"),), None)

    def test_a_past_one_is_its_own_first_slot_so_that_the_misfire_rule_speaks(self) -> None:
        assert first_fire(self.AT, NINE + HOUR) == NINE
        assert rows(decide(job(self.AT), facts(), NINE + HOUR)) == [("fire", "", NINE, 0)]
        assert rows(decide(job(self.AT), facts(), NINE + DAY)) == [("skip", "misfire", NINE, 0)]

    def test_other_triggers_begin_after_the_job_was_loaded(self) -> None:
        assert first_fire(CronTrigger("0 9 * * *"), NINE) == NINE + DAY
        assert first_fire(Manual(), NINE) is None
        assert first_fire(Reboot(), NINE) is None


class TestSpread:
    """Jitter, and the first minutes of a daemon."""

    def test_jitter_puts_off_the_start_and_leaves_the_fire_time(self) -> None:
        fire = decide(job(jitter=600), facts(), NINE).fires[0]
        assert fire.fire_time == NINE
        assert fire.not_before is not None
        assert NINE <= fire.not_before < NINE + 10 * MINUTE
        assert (
            decide(job(jitter=600), facts(NINE + DAY), NINE + DAY).fires[0].not_before
            == fire.not_before + DAY
        )

    def test_a_start_that_jitter_put_off_is_not_late(self) -> None:
        on_time = decide(job(jitter=600, catchup="skip"), facts(), NINE).fires[0]
        assert on_time.not_before is not None
        again = decide(job(jitter=600, catchup="skip"), facts(), on_time.not_before + MINUTE)
        assert again.fires == (on_time,)

    def test_late_fires_of_many_jobs_are_spread_at_the_start(self) -> None:
        starts = {
            decide(job(name=f"job-{n}"), facts(), NINE + HOUR, 600).fires[0].not_before or NINE + HOUR
            for n in range(40)
        }
        assert len(starts) > 30
        assert all(NINE + HOUR <= start < NINE + HOUR + 10 * MINUTE for start in starts)

    def test_a_fire_on_time_is_not_spread(self) -> None:
        assert decide(job(), facts(), NINE, fleet_spread_seconds=600).fires[0].not_before is None

    def test_replays_follow_each_other_by_the_jitter(self) -> None:
        decision = decide(job("0 * * * *", catchup="all", jitter=60), facts(), NINE + 2 * HOUR + 30 * MINUTE)
        starts = [fire.not_before for fire in decision.fires]
        assert starts[0] is not None
        assert starts == [starts[0], starts[0] + MINUTE, starts[0] + 2 * MINUTE]


class TestOverlap:
    """Earlier runs are still live."""

    LIVE = ("r_1", "r_2")

    def fire(self, overlap: Overlap, **more: Any) -> Fire:
        decision = decide(job(overlap=overlap), facts(live_runs=self.LIVE, **more), NINE)
        assert decision.next_fire == NINE + DAY
        return decision.fires[0]

    def test_skip_names_the_run(self) -> None:
        assert self.fire("skip") == Fire(NINE, "skip", ReasonCode.OVERLAP, "run r_1 is not over")

    def test_skip_names_the_parked_run_first(self) -> None:
        assert self.fire("skip", parked=("r_2",)).detail == "run r_2 is parked and waits for a person"

    def test_queue_waits(self) -> None:
        assert self.fire("queue") == Fire(NINE, "fire", serial=True)

    def test_queue_has_an_end(self) -> None:
        live = tuple(f"r_{n}" for n in range(MAX_WAITING))
        fire = decide(job(overlap="queue"), facts(live_runs=live), NINE).fires[0]
        assert (fire.action, fire.reason) == ("skip", "overlap")

    def test_replace_cancels_the_live_ones(self) -> None:
        assert self.fire("replace") == Fire(NINE, "fire", replaces=self.LIVE)

    def test_allow_runs_next_to_them(self) -> None:
        assert self.fire("allow") == Fire(NINE, "fire", serial=False)

    def test_only_the_first_of_several_replaces(self) -> None:
        hourly = job("0 * * * *", catchup="all", overlap="replace")
        decision = decide(hourly, facts(live_runs=self.LIVE), NINE + 90 * MINUTE)
        assert [fire.replaces for fire in decision.fires] == [self.LIVE, ()]

    def test_given_up_slots_are_no_overlap(self) -> None:
        decision = decide(job("0 * * * *", window=HOUR), facts(live_runs=self.LIVE), NINE + 3 * HOUR)
        assert [fire.reason for fire in decision.fires] == ["misfire", "overlap"]


class TestPaused:
    """Somebody, or too many failures, paused the job."""

    def test_one_row_for_each_pass(self) -> None:
        decision = decide(job("0 * * * *"), facts(paused_reason="by a person"), NINE + 2 * HOUR)
        assert rows(decision) == [("skip", "paused", NINE + 2 * HOUR, 2)]
        assert decision.fires[0].detail == "the job is paused: by a person"

    def test_unpausing_makes_nothing_up(self) -> None:
        paused = decide(job("0 * * * *"), facts(paused_reason="by a person"), NINE + 2 * HOUR)
        assert rows(decide(job("0 * * * *"), facts(paused.next_fire), NINE + 2 * HOUR + MINUTE)) == []


class TestReboot:
    """At the daemon's start; that it is asked once per boot is the store's part."""

    def fire(self, **more: Any) -> Fire | None:
        decision = decide_at_once(job(Reboot()), NINE, facts(None, **more))
        assert decision.next_fire is None
        return decision.fires[0] if decision.fires else None

    def test_it_fires_now(self) -> None:
        assert self.fire() == Fire(NINE, "fire")

    def test_it_obeys_pause_and_overlap_and_the_switch(self) -> None:
        paused, busy = self.fire(paused_reason="by a person"), self.fire(live_runs=("r_1",))
        assert paused is not None
        assert busy is not None
        assert (paused.reason, busy.reason) == ("paused", "overlap")
        assert self.fire(enabled=False) is None


@given(
    expr=st.sampled_from(["*/7 * * * *", "0 * * * *", "30 9 * * 1-5", "0 0 1 * *"]),
    catchup=st.sampled_from(["skip", "latest", "all"]),
    window_seconds=st.integers(0, 40_000),
    jitter=st.sampled_from([0, 300]),
    gaps=st.lists(st.integers(0, 300_000), min_size=1, max_size=5),
    paused=st.lists(st.booleans(), min_size=5, max_size=5),
)
@settings(max_examples=100, deadline=None)
def test_every_slot_is_accounted_for_exactly_once(
    expr: str, catchup: CatchUp, window_seconds: int, jitter: int, gaps: list[int], paused: list[bool]
) -> None:
    """Whatever the pauses between two looks, rows and the slots they stand for add up to all slots."""
    it = job(expr, catchup=catchup, window=timedelta(seconds=window_seconds), jitter=jitter)
    next_fire, now, accounted = first_fire(it.trigger, NINE), NINE, 0
    times: list[datetime] = []
    for gap_seconds, is_paused in zip(gaps, paused, strict=False):
        now += timedelta(seconds=gap_seconds)
        decision = decide(it, facts(next_fire, paused_reason="x" if is_paused else None), now)
        accounted += sum(1 + fire.missed for fire in decision.fires)
        times += [fire.fire_time for fire in decision.fires]
        next_fire = decision.next_fire
    slots, slot = 0, it.trigger.next_after(NINE)
    while slot is not None and slot <= now:
        slots, slot = slots + 1, it.trigger.next_after(slot)
    assert accounted == slots
    assert times == sorted(set(times))


class Counting(Every):
    """An interval that counts how often it is asked."""

    asked = 0

    def next_after(self, instant: datetime) -> datetime:
        Counting.asked += 1
        return super().next_after(instant)

    def before(self, instant: datetime) -> datetime:
        Counting.asked += 1
        return super().before(instant)


@pytest.mark.parametrize("catchup", ["skip", "latest", "all"])
def test_f44_ten_thousand_missed_fires_cost_what_ten_million_cost(catchup: CatchUp) -> None:
    asked = []
    for missed in (10_000, 10_000_000):
        Counting.asked = 0
        decision = decide(job(Counting("1m", name="brief"), catchup=catchup), facts(), NINE + missed * MINUTE)
        asked.append(Counting.asked)
        assert len(decision.fires) <= 1 + MAX_REPLAYS + 1
        assert decision.next_fire is not None
    assert asked[1] <= asked[0] + 5
    assert asked[0] < 3 * MAX_COUNTED
