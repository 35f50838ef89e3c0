"""Long runs: when a conversation grows too long it is summarised, and nothing of it is lost."""

from __future__ import annotations

from pathlib import Path

from scheduler.core.run.run import State
from scheduler.testing.rehearsal import script
from scheduler.testing.world import open_world

LONG = (
    script()
    .call("glob", pattern="*.md")
    .call("glob", pattern="*.txt")
    .say("I have found")
    .stopped("model_context_window_exceeded")
    .say("nothing.")
)
"""An agent that reads twice; then its context window is full in the middle of a sentence."""


async def test_a_conversation_that_no_longer_fits_is_summed_up_and_continues(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("long", LONG)
        await world.load('@manual  long  "Find it."  model=rehearsal:long.jsonl')
        run = await world.play("long")
        assert (run.state, run.summary) == (State.SUCCEEDED, "nothing.")

        # The model gets a summary of the beginning, and then the rest, word for word.
        first, *rest = world.model.asks[-1].messages
        assert first["content"][0]["type"] == "compaction"
        assert rest[-2]["content"][0]["text"] == "I have found"


async def test_the_whole_conversation_stays_stored(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("long", LONG)
        await world.load('@manual  long  "Find it."  model=rehearsal:long.jsonl')
        run = await world.play("long")
        stored = world.messages(run.id)
        assert [message.seq for message in stored] == list(range(1, 9))
        assert stored[0].text.startswith("Find it.")

        # The summary belongs to the request that produced it, which says what it covers.
        with world.reader() as reader:
            (summed,) = [request for request in reader.requests(run.id) if request.summary is not None]
        assert summed.covers == 3
