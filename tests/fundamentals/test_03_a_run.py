"""A run: one activation of a job, from its fire to its end.

From here on there is a *world*: a folder with a crontab and a database, a clock that moves only when the
test moves it, and a *rehearsal*, a model whose answers are written beforehand.  Everything else is
real, and works as in a daemon.
"""

from __future__ import annotations

from pathlib import Path

from scheduler.core.run.run import State
from scheduler.testing.rehearsal import script
from scheduler.testing.world import open_world


async def test_a_job_fires_and_its_agent_does_the_work(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("hello", script().finish("I said hello."))
        await world.load('@manual  hello  "Say hello."  model=rehearsal:hello.jsonl')

        run = await world.play("hello")

        assert run.state is State.SUCCEEDED
        assert run.summary == "I said hello."


async def test_a_job_on_a_schedule_fires_when_its_time_has_come(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:  # it is Monday 23 November 2026, 09:00 UTC
        world.script("brief", script().finish("Three new pull requests."))
        await world.load('30 9 * * 1-5  brief  "Sum up the night."  model=rehearsal:brief.jsonl tz=UTC')

        await world.settle()
        assert world.runs() == []

        await world.jump()  # to the next instant at which anything is due
        (run,) = world.runs()
        assert f"{world.clock.now():%H:%M}" == "09:30"
        assert run.state is State.SUCCEEDED


async def test_the_first_message_is_your_prompt_and_what_the_agent_must_know(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("hello", script().finish("Done."))
        await world.load('@manual  hello  "Say hello."  model=rehearsal:hello.jsonl tz=Europe/Berlin')
        run = await world.play("hello")

        prompt, facts = (block["text"] for block in world.messages(run.id)[0].content)

        assert prompt == "Say hello."
        assert "It is 2026-11-23T10:00:00+01:00 (Europe/Berlin)." in facts
        assert "No user is present" in facts


async def test_an_agent_that_stops_talking_has_finished(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("hello", script().say("Nothing to do today."))
        await world.load('@manual  hello  "Say hello."  model=rehearsal:hello.jsonl')

        run = await world.play("hello")

        assert run.state is State.SUCCEEDED
        assert run.summary == "Nothing to do today."


async def test_an_agent_may_say_that_it_failed(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("deploy", script().finish("The tests are red.", outcome="failed"))
        await world.load('@manual  deploy  "Deploy."  model=rehearsal:deploy.jsonl')

        run = await world.play("deploy")

        assert run.state is State.FAILED
        assert run.reason == "The tests are red."


async def test_a_failed_run_can_be_resumed_where_it_stopped(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        play = script().finish("The tests are red.", outcome="failed").finish("Deployed.")
        world.script("deploy", play)
        await world.load('@manual  deploy  "Deploy."  model=rehearsal:deploy.jsonl')
        run = await world.play("deploy")

        run = await world.resume(run.id, "They are green now.")

        assert run.state is State.SUCCEEDED
        assert run.summary == "Deployed."
        everything = [message.text for message in world.messages(run.id)]
        assert any("They say: They are green now." in text for text in everything)


async def test_every_message_is_kept(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("hello", script().note("Hello was said.").finish("Done."))
        await world.load('@manual  hello  "Say hello."  model=rehearsal:hello.jsonl')

        run = await world.play("hello")

        roles = [message.role for message in world.messages(run.id)]
        assert roles == ["user", "assistant", "user", "assistant", "user"]
