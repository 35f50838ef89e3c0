"""Sleeping: an agent ends its turn until a time of its choice, and continues in the same conversation.

A sleeping run is only rows in a database.  It uses no process, no memory and no money.  So "check again in
three days" is a normal thing to write in a prompt.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from scheduler.core.run.run import State
from scheduler.testing.rehearsal import script
from scheduler.testing.world import open_world

NAP = '@manual  nap  "Take a nap."  model=rehearsal:nap.jsonl tz=Europe/Berlin'
NINE = "2026-11-24T09:00:00+01:00, Tuesday, in 23h"


async def test_an_agent_sleeps_for_three_days(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("nap", script().sleep("in 3 days", "the review").finish("The review is done."))
        await world.load(NAP)
        started = world.clock.now()

        run = await world.play("nap")
        assert run.state is State.SLEEPING
        assert run.wake_at == started + timedelta(days=3)
        assert run.waiting_for == "the review"

        await world.jump()
        run = await world.run(run.id)
        assert run.state is State.SUCCEEDED
        assert run.summary == "The review is done."


async def test_nothing_happens_while_it_sleeps(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("nap", script().sleep("in 3 days").finish("Rested."))
        await world.load(NAP)
        await world.play("nap")

        world.clock.advance(2 * 86_400)
        await world.settle()

        assert len(world.model.asks) == 1  # requests to the model so far


async def test_times_are_written_as_people_write_them(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("nap", script().sleep("next business day 9am").finish("Good morning."))
        await world.load(NAP)

        run = await world.play("nap")

        assert run.wake_at is not None
        assert run.wake_at.isoformat() == "2026-11-24T08:00:00+00:00"  # 9 in Berlin


async def test_a_time_that_could_mean_two_things_is_refused_with_a_hint(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("nap", script().sleep("tomorrow at 9").sleep(NINE).finish("Up."))
        await world.load(NAP)

        run = await world.play("nap")

        answer = world.messages(run.id)[2].content[0]
        assert answer["is_error"] is True
        assert "(ambiguous)" in answer["content"]
        assert f'write "{NINE}" or "2026-11-24T21:00:00+01:00, Tuesday, ' in answer["content"]
        assert run.state is State.SLEEPING  # it took the hint


async def test_on_waking_the_agent_is_told_what_time_it_is(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("nap", script().sleep("in 2h").note("Where was I?").finish("Done."))
        await world.load(NAP)
        run = await world.play("nap")

        await world.jump()

        answer = world.messages(run.id)[2].content[0]["content"]
        assert answer.startswith("You are awake. It is 2026-11-23T12:00:00+01:00 (Europe/Berlin).")
        assert "You slept 2h." in answer


async def test_the_conversation_continues_where_it_was(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("nap", script().sleep("in 2h").finish("Done."))
        await world.load(NAP)
        await world.play("nap")
        await world.jump()

        before, after = world.model.asks

        assert list(after.messages[:1]) == list(before.messages)
        assert len(after.messages) == 3  # ... and the sleep call, and its answer


async def test_other_calls_of_the_same_message_finish_first(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        play = script().call("write", file_path="todo.md", content="buy tea").also("sleep", until="1d")
        world.script("nap", play.finish("Done."))
        await world.load(NAP)

        run = await world.play("nap")

        assert run.state is State.SLEEPING
        assert (world.workdir / "nap" / "todo.md").read_text() == "buy tea"


async def test_a_person_may_wake_it_early_and_say_why(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("nap", script().sleep("in 3 days").note("Oh.").finish("Done."))
        await world.load(NAP)
        run = await world.play("nap")

        run = await world.resume(run.id, "The review came early.")

        assert run.state is State.SUCCEEDED
        answer = world.messages(run.id)[2].content[0]["content"]
        assert "A person woke you early." in answer
        assert "They say: The review came early." in answer


async def test_a_sleeping_run_can_be_cancelled(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("nap", script().sleep("in 3 days").finish("Done."))
        await world.load(NAP)
        run = await world.play("nap")

        run = await world.cancel(run.id, "not needed any more")

        assert run.state is State.CANCELLED
        assert run.reason == "not needed any more"


async def test_a_machine_that_was_off_wakes_it_late_and_says_so(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("nap", script().sleep("in 1h").note("Late!").finish("Done."))
        await world.load(NAP)
        run = await world.play("nap")

        world.clock.advance(5 * 3600)
        await world.settle()

        answer = world.messages(run.id)[2].content[0]["content"]
        assert "That was 4h ago; no daemon ran in between." in answer
