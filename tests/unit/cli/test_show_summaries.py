"""The verb ``show``: where a conversation was summed up, and where that came to nothing."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

from scheduler.adapters.rehearsal.model import RehearsalModel
from scheduler.core.run.conversation import Usage
from scheduler.ports.model import Ask, Reply
from scheduler.testing.rehearsal import script
from scheduler.testing.world import World
from tests.unit.cli.conftest import Build, Call

JOB = '@manual  long  "Read it all."  model=rehearsal:long.jsonl compact=10k\n'


class Counting(RehearsalModel):
    """A rehearsal that counts 3,000 tokens a message; its first ``in_vain`` summaries come to nothing."""

    def __init__(self, in_vain: int = 0) -> None:
        super().__init__()
        self.in_vain = in_vain

    async def ask(self, ask: Ask, *, on_text: Callable[[str], None] | None = None) -> Reply:
        reply = await super().ask(ask, on_text=on_text)
        usage = Usage(input_tokens=3_000 * len(ask.messages), output_tokens=900)
        if ask.compact and self.in_vain:
            self.in_vain -= 1
            return replace(reply, content=(), stop_reason="max_tokens", usage=usage)
        return replace(reply, usage=usage)


def scene(in_vain: int = 0) -> Callable[[World], Awaitable[None]]:
    """Return a home whose run reads three times, and then has read enough."""

    async def play(world: World) -> None:
        world.model.inner = Counting(in_vain)
        lines = script()
        for number in range(3):
            lines.say(f"Look {number}.").call("read", file_path=f"\x1b[2J{number}.md")
        world.script("long", lines.finish("Read."))
        await world.load(JOB)
        await world.play("long")

    return play


def test_a_summary_is_a_line_and_nothing_before_it_is_hidden(call: Call, build: Build) -> None:
    build(scene())
    out = call("show", "run00001").fits().out
    assert "~~~ messages 1 to 5 (15,000 tokens) summarised in 900 tokens ~~~" in out
    assert all(f"Look {number}." in out for number in range(3))
    assert "The rehearsal was at line" not in out
    assert "5 requests" in out


def test_the_whole_summary_is_shown_with_full(call: Call, build: Build) -> None:
    build(scene())
    assert "  The rehearsal was at line 3.\n" in call("show", "run00001", "--full").out


def test_a_summary_that_came_to_nothing_is_said(call: Call, build: Build) -> None:
    build(scene(in_vain=1))
    out = " ".join(call("show", "run00001").fits().out.split())
    assert "! request 4, for a summary, gave no usable summary: no summary came of it (max_tokens)" in out
    assert "summed up" not in out


def test_a_summary_stands_in_the_json(call: Call, build: Build) -> None:
    build(scene())
    values = json.loads(call("show", "run00001", "--json").out)
    requests = [request for attempt in values["attempts"] for request in attempt["requests"]]
    assert [request["covers"] for request in requests] == [None, None, None, 5, None]
    assert requests[3]["summary"]["type"] == "compaction"
    assert values["usage"]["input_tokens"] == sum(r["usage"]["input_tokens"] for r in requests)
