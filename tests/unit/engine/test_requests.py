"""Requests: recorded before they are sent, closed when they are answered, and what their failures lead to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.core.actor import PERSON
from scheduler.core.run.budget import assumed_microusd
from scheduler.core.run.run import State
from scheduler.core.run.wakeup import Waking
from scheduler.errors import CannotWorkError, FaultKind
from tests.kit.models import CENT, Answer, call, fault, finish, say, sleep
from tests.kit.stage import Recorder, Stage, stage

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


async def test_a_request_is_on_record_before_it_is_sent(tmp_path: Path) -> None:
    async with stage(tmp_path, finish()) as s:
        s.model.hold = asyncio.Event()
        run_id = await s.fire()
        (underway,) = await s.world.begin()
        await s.model.asked.wait()
        (request,) = s.requests(run_id)
        assert (request.state, request.number) == ("sent", 1)
        s.model.hold.set()
        await underway.task
        (request,) = s.requests(run_id)
        assert (request.state, request.request_id, request.cost_microusd) == ("answered", "req_1", CENT)
        assert request.usage.output_tokens == 10


async def test_every_request_begins_with_the_one_before_it(tmp_path: Path) -> None:
    lines = [call(("note", {"text": "a"})), sleep("3d"), call(("glob", {"pattern": "*"})), finish()]
    async with stage(tmp_path, *lines) as s:
        run = await s.play()
        await s.jump(run.id)
        first, *_, last = s.world.model.asks
        assert len(s.world.model.asks) == 4
        assert last.messages[: len(first.messages)] == first.messages  # and bytewise, by the stage's check
        assert "2026" not in first.system, "a date in the system prompt would empty the cache every day"


# -- how an answer may stop --------------------------------------------------------------------------


async def test_an_answer_without_tools_ends_the_run_and_its_text_is_the_summary(tmp_path: Path) -> None:
    async with stage(tmp_path, say("  All quiet.\n")) as s:
        run = await s.play()
        assert (run.state, run.outcome, run.summary) == (State.SUCCEEDED, "done", "All quiet.")


async def test_a_call_that_was_cut_at_the_token_limit_is_not_run(tmp_path: Path) -> None:
    look = Recorder()
    cut = call(("look", {}), ("sleep", {}), stop="max_tokens")
    async with stage(tmp_path, cut, recorders=(look,)) as s:
        run = await s.play()
        assert look.calls == []
        for block in s.messages(run.id)[2].content:
            assert block["is_error"] is True
            assert "cut off at the token limit" in block["content"]
        assert run.state is State.SUCCEEDED


async def test_a_text_that_was_cut_at_the_token_limit_is_continued(tmp_path: Path) -> None:
    async with stage(tmp_path, say("Once upon", "max_tokens"), say("a time.")) as s:
        run = await s.play()
        assert "cut off at the token limit" in s.last_user_text()
        assert run.summary == "a time."


async def test_a_paused_turn_is_sent_back_unchanged(tmp_path: Path) -> None:
    async with stage(tmp_path, say("Searching", "pause_turn"), say("Found.")) as s:
        run = await s.play()
        first, second = s.world.model.asks
        assert list(second.messages) == [
            *first.messages,
            {"role": "assistant", "content": [{"type": "text", "text": "Searching"}]},
        ]
        assert run.summary == "Found."


@pytest.mark.parametrize("line", [say("No.", "refusal"), call(("note", {}), stop="refusal")])
async def test_a_refusal_fails_and_is_not_asked_again(tmp_path: Path, line: Answer) -> None:
    async with stage(tmp_path, line) as s:
        run = await s.play()
        assert (run.state, run.reason_code) == (State.FAILED, "refusal")
        assert s.model.requests == 1


@pytest.mark.parametrize("with_call", [False, True])
async def test_a_full_context_window_parks(tmp_path: Path, with_call: bool) -> None:
    stop = "model_context_window_exceeded"
    line = call(("note", {"text": "x"}), stop=stop) if with_call else say("Long.", stop)
    async with stage(tmp_path, line) as s:
        run = await s.play()
        assert (run.state, run.reason_code) == (State.PARKED, "context")
        assert s.model.requests == 1
        run = await s.resume(run.id, "Just finish.")
        assert run.state is State.SUCCEEDED


@pytest.mark.parametrize("stop", ["tool_use", "a_new_reason"])
async def test_an_unknown_stop_parks(tmp_path: Path, stop: str) -> None:
    async with stage(tmp_path, say("Hm.", stop)) as s:
        run = await s.play()
        assert (run.state, run.reason_code) == (State.PARKED, "unknown-answer")


# -- failures ----------------------------------------------------------------------------------------


async def test_an_answer_of_an_unknown_kind_parks(tmp_path: Path) -> None:
    async with stage(tmp_path, fault("unknown")) as s:
        run = await s.play()
        assert (run.state, run.reason_code) == (State.PARKED, "unknown-answer")
        assert s.model.requests == 1


async def test_a_conversation_that_the_api_refuses_is_parked_after_one_try(tmp_path: Path) -> None:
    async with stage(tmp_path, fault("invalid")) as s:
        run = await s.play()
        assert (run.state, run.reason_code) == (State.PARKED, "invalid")
        assert [(each.state, each.request_id) for each in s.requests(run.id)] == [("failed", "req_fault")]
        assert [wake.kind for wake in s.wakeups(run.id)] == [Waking.DEADLINE]


@pytest.mark.parametrize("kind", ["auth", "billing"])
async def test_a_refused_key_is_probed_hourly_and_given_up_after_a_week(
    tmp_path: Path, kind: FaultKind
) -> None:
    async with stage(tmp_path, *[fault(kind) for _ in range(400)]) as s:
        run = await s.play()
        assert (run.state, run.reason_code) == (State.PARKED, kind)
        hour, week = START + timedelta(hours=1), START + timedelta(days=7)
        assert [(wake.kind, wake.due) for wake in s.wakeups(run.id)] == [
            (Waking.PROBE, hour),
            (Waking.DEADLINE, week),
        ]
        run = await s.jump(run.id)
        assert s.world.clock.now() == hour
        assert (run.state, s.model.requests) == (State.PARKED, 2)


async def test_a_key_that_works_again_lets_the_run_continue_by_itself(tmp_path: Path) -> None:
    async with stage(tmp_path, fault("auth"), fault("auth"), finish("At last.")) as s:
        run = await s.play()
        run = await s.jump(run.id)
        run = await s.jump(run.id)
        assert (run.state, run.summary) == (State.SUCCEEDED, "At last.")


async def test_a_parked_run_that_nobody_helps_fails_after_a_week_and_can_be_resumed(tmp_path: Path) -> None:
    async with stage(tmp_path, fault("invalid"), finish("After all.")) as s:
        run = await s.play()
        run = await s.jump(run.id)
        assert s.world.clock.now() == START + timedelta(days=7)
        assert (run.state, run.reason_code) == (State.FAILED, "deadline")
        run = await s.resume(run.id)
        assert run.state is State.SUCCEEDED


async def test_no_key_at_all_parks_and_is_probed(tmp_path: Path) -> None:
    async with stage(tmp_path, CannotWorkError("ANTHROPIC_API_KEY is not set"), finish()) as s:
        run = await s.play()
        assert (run.state, run.reason_code) == (State.PARKED, "key")
        assert s.wakeups(run.id)[0].kind == Waking.PROBE


async def test_a_long_retry_after_is_a_durable_wake_up_and_frees_the_lease(tmp_path: Path) -> None:
    async with stage(tmp_path, fault("rate_limited", 3600), finish()) as s:
        run = await s.play()
        assert (run.state, run.reason_code) == (State.RETRYING, "rate_limited")
        assert run.wake_at == START + timedelta(seconds=3600)
        assert s.attempts(run.id)[0].ended_as == "back_off"
        assert s.world.clock.now() == START, "nobody waited in memory"
        run = await s.jump(run.id)
        assert (run.state, run.attempts) == (State.SUCCEEDED, 1)


async def test_a_short_retry_after_is_waited_for_within_the_attempt(tmp_path: Path) -> None:
    async with stage(tmp_path, fault("rate_limited", 20), finish()) as s:
        run = await s.play()
        assert (run.state, run.attempts) == (State.SUCCEEDED, 1)
        assert s.world.clock.now() == START + timedelta(seconds=20)
        assert [each.state for each in s.requests(run.id)] == ["failed", "answered"]


async def test_a_rate_limit_without_a_stated_wait_is_not_hammered(tmp_path: Path) -> None:
    async with stage(tmp_path, fault("rate_limited"), finish()) as s:
        run = await s.play()
        assert (run.state, s.model.requests) == (State.RETRYING, 1)


async def test_a_cut_stream_is_a_blip(tmp_path: Path) -> None:
    async with stage(tmp_path, fault("cut"), fault("cut"), finish()) as s:
        run = await s.play()
        assert (run.state, run.attempts, s.model.requests) == (State.SUCCEEDED, 1, 3)


async def storm(s: Stage, run_id: str) -> list[float]:
    """Jump from wake-up to wake-up; return the back-offs in seconds until the run is final."""
    waits: list[float] = []
    run = await s.world.run(run_id)
    while run.state is State.RETRYING:
        assert run.wake_at is not None
        waits.append((run.wake_at - s.world.clock.now()).total_seconds())
        run = await s.jump(run_id)
    return waits


async def test_an_overload_backs_off_30_s_doubling_and_fails_after_retries_plus_one(tmp_path: Path) -> None:
    async with stage(tmp_path, *[fault("overloaded") for _ in range(99)], options="retries=3") as s:
        run = await s.play()
        assert await storm(s, run.id) == [30.0, 60.0, 120.0]
        run = await s.world.run(run.id)
        assert (run.state, run.reason_code, run.attempts) == (State.FAILED, "model", 1)
        assert "4 attempts in a row" in run.reason
        assert s.model.requests == 12, "three requests to an attempt"


async def test_an_answer_resets_the_count_of_failures(tmp_path: Path) -> None:
    bad = [fault("overloaded") for _ in range(3)]
    lines: list[Answer] = [*bad, *bad, call(("note", {"text": "n"})), *bad, *bad, finish()]
    async with stage(tmp_path, *lines, options="retries=2") as s:
        run = await s.play()
        assert await storm(s, run.id) == [30.0, 60.0, 30.0, 60.0]
        assert (await s.world.run(run.id)).state is State.SUCCEEDED


async def test_without_retries_the_first_bad_attempt_is_the_last(tmp_path: Path) -> None:
    async with stage(tmp_path, *[fault("overloaded") for _ in range(9)], options="retries=0") as s:
        run = await s.play()
        assert (run.state, run.attempts) == (State.FAILED, 1)


async def test_a_model_that_breaks_fails_the_run_and_it_can_be_resumed(tmp_path: Path) -> None:
    async with stage(tmp_path, KeyError("an adapter's mistake"), finish("Later.")) as s:
        run = await s.play()
        assert (run.state, run.reason_code) == (State.FAILED, "internal")
        assert [each.state for each in s.requests(run.id)] == ["lost"]
        run = await s.resume(run.id)
        assert run.summary == "Later."


# -- money -------------------------------------------------------------------------------------------


async def test_a_run_parks_before_the_request_that_its_budget_does_not_cover(tmp_path: Path) -> None:
    lines = [call(("note", {"text": str(n)})) for n in range(9)]
    async with stage(tmp_path, *lines, options="budget=0.03/run") as s:
        run = await s.play()
        assert (run.state, run.reason_code) == (State.PARKED, "budget")
        assert run.reason == "the run has spent $0.03 of its $0.03"
        assert run.cost_microusd == 3 * CENT
        await s.world.store.raise_budget(
            run.id, s.world.clock.now(), {"run_microusd": 5 * CENT}, actor=PERSON
        )
        run = await s.resume(run.id)
        assert (run.state, run.cost_microusd) == (State.PARKED, 5 * CENT)


async def test_spend_is_at_most_the_budget_and_one_request(tmp_path: Path) -> None:
    lines = [call(("note", {"text": str(n)}), cost=7 * CENT) for n in range(9)]
    async with stage(tmp_path, *lines, options="budget=0.10/run") as s:
        run = await s.play()
        assert run.cost_microusd == 14 * CENT


async def test_a_used_up_day_parks_until_local_midnight_and_continues_by_itself(tmp_path: Path) -> None:
    lines = [say("First.", cost=3 * CENT), call(("note", {"text": "n"}), cost=3 * CENT), finish("Next day.")]
    async with stage(tmp_path, *lines, options="budget=0.05/run,0.05/day") as s:
        await s.play()
        run = await s.play()
        assert (run.state, run.reason_code) == (State.PARKED, "budget-day")
        assert run.wake_at == datetime(2026, 11, 23, 23, 0, tzinfo=UTC)  # midnight in Berlin
        run = await s.jump(run.id)
        assert (run.state, run.summary) == (State.SUCCEEDED, "Next day.")


async def test_the_days_money_is_shared_by_all_runs_of_a_job(tmp_path: Path) -> None:
    async with stage(tmp_path, say("Dear.", cost=6 * CENT), options="budget=0.05/run,0.05/day") as s:
        first = await s.play()
        assert first.state is State.SUCCEEDED
        second = await s.play()
        assert (second.state, second.reason_code) == (State.PARKED, "budget-day")
        assert s.requests(second.id) == []


async def test_midnight_within_an_attempt_gives_the_new_days_money(tmp_path: Path) -> None:
    look = Recorder()
    async with stage(
        tmp_path,
        say("First.", cost=3 * CENT),
        call(("look", {}), cost=3 * CENT),
        finish("On the new day."),
        recorders=(look,),
        options="budget=0.05/run,0.05/day",
    ) as s:
        await s.play()

        async def until_after_midnight(_: object) -> str:
            s.world.clock.advance(15 * 3600)
            return "late"

        look.then = until_after_midnight
        run = await s.play()
        assert run.summary == "On the new day."


async def test_without_a_price_the_budget_caps_tokens(tmp_path: Path) -> None:
    async with stage(tmp_path, say("Hi.", cost=None)) as s:
        run = await s.play()
        [request] = s.requests(run.id)
        assert run.cost_microusd == request.cost_microusd == assumed_microusd(request.usage) > 0
        assert request.cost_assumed


async def test_too_many_steps_fail_and_a_resume_gives_as_many_again(tmp_path: Path) -> None:
    lines = [call(("note", {"text": str(n)})) for n in range(9)]
    async with stage(tmp_path, *lines, options="max-steps=2") as s:
        run = await s.play()
        assert (run.state, run.reason_code, run.steps) == (State.FAILED, "max-steps", 2)
        assert s.model.requests == 2
        run = await s.resume(run.id)
        assert (run.state, s.model.requests) == (State.FAILED, 4)
