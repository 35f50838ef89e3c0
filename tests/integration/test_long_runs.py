"""A run of months: thousands of steps, and the last ones cost what the first ones did.

The real engine and the real store, against the loopback API in a process of its own, which refuses what the
real one refuses.  The gate runs the short form; ``AGENTCRON_SOAK=1`` runs 5,000 steps and looks at the times.
"""

from __future__ import annotations

import gc
import itertools
import os
import resource
import statistics
import sys
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from scheduler.adapters.anthropic import AnthropicModel
from scheduler.core.conversation import Message
from scheduler.core.run import State
from scheduler.ports.model import Ask, Reply
from scheduler.testing.world import World, open_world
from tests.fake_messages_api import ApiProcess, api_process, read_log
from tests.messages_api_rules import Conversations

SOAK = os.environ.get("AGENTCRON_SOAK") == "1"
STEPS = 5_000 if SOAK else 300
EXCHANGES = STEPS // 2
"""An answer and the message with its results are two steps."""

SLEEP_EVERY = 50
WARM_UP = 200 if SOAK else 20
SPAN = 50
"""Exchanges that are compared: a hundred steps."""

MOST_RATIO = 1.3
MOST_GROWTH_KB = 16_000

CRONTAB = """
@manual  long  "Watch the tide."  tools=read compact=10k max-steps=1000 timeout=2h budget=999/run,999/day
"""

pytestmark = [pytest.mark.process, pytest.mark.soak, pytest.mark.timeout(3600 if SOAK else 240)]


def script() -> Iterator[dict[str, Any]]:
    """Yield the answers: reading and thinking aloud, a sleep now and then, and an end."""
    for number in range(EXCHANGES):
        if number % SLEEP_EVERY == SLEEP_EVERY - 1:
            call = {"name": "sleep", "input": {"until": "in 1h", "reason": f"tide {number:05d}"}}
        else:
            call = {"name": "read", "input": {"file_path": "tide.md"}}
        yield {"text": f"Look {number:05d} at the water. " * 5, "calls": [call]}
    yield {"calls": [{"name": "finish", "input": {"summary": "The tide was watched.", "outcome": "done"}}]}


@dataclass
class Gauge:
    """Passes requests on to the API, and reads the process's meters before each one that wants an answer."""

    inner: AnthropicModel
    wall: array[float] = field(default_factory=lambda: array("d"))
    cpu: array[float] = field(default_factory=lambda: array("d"))
    written: array[float] = field(default_factory=lambda: array("d"))
    summaries: int = 0
    most_messages: int = 0
    rss: list[int] = field(default_factory=list)

    async def ask(self, ask: Ask, *, on_text: Callable[[str], None] | None = None) -> Reply:
        """Read the meters, and let the API answer."""
        if ask.compact:
            self.summaries += 1
        else:
            if len(self.wall) % SPAN == 0:
                self._look_at_memory()
            self.wall.append(time.monotonic())
            self.cpu.append(time.process_time())
            self.written.append(written_bytes())
        return await self.inner.ask(ask, on_text=on_text)

    async def close(self) -> None:
        """Close the connections."""
        await self.inner.close()

    def _look_at_memory(self) -> None:
        alive = sum(isinstance(thing, Message) for thing in gc.get_objects())
        self.most_messages = max(self.most_messages, alive)
        if len(self.wall) >= WARM_UP:
            self.rss.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

    def spans(self, meter: array[float]) -> tuple[list[float], list[float]]:
        """Return what each of the first exchanges after the warm-up took, and each of the last ones."""
        each = [after - before for before, after in itertools.pairwise(meter)]
        return each[WARM_UP : WARM_UP + SPAN], each[-SPAN:]


def written_bytes() -> float:
    """Return what this process has handed to the kernel in files (sockets do not count there)."""
    if sys.platform != "linux":
        return 0.0
    lines = Path("/proc/self/io").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("wchar:")))


async def live(world: World) -> str:
    """Let the run live to its end, from sleep to sleep; return its id."""
    run_id = await world.fire("long")
    await world.settle()
    while (await world.run(run_id)).state is State.SLEEPING:
        await world.jump()
    return run_id


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiProcess]:
    with api_process(tmp_path, list(script()), bytes_per_token=2) as process:
        yield process


async def test_the_last_steps_of_a_long_run_cost_what_the_first_ones_did(
    tmp_path: Path, api: ApiProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    gauge = Gauge(AnthropicModel(api_key="k", base_url=api.url))
    async with open_world(tmp_path / "home") as world:
        world.kit = replace(world.kit, model_for=lambda _: gauge)
        await world.load(CRONTAB)
        (world.workdir / "long").mkdir(parents=True)
        (world.workdir / "long" / "tide.md").write_text("The water stands at the third step.\n" * 10)
        run_id = await live(world)
        await gauge.close()
        await check_history(world, run_id, api, gauge)
    lines = [f"{STEPS} steps, {gauge.summaries} summaries, at most {gauge.most_messages} messages in memory"]
    ratios = {}
    for name, meter, typical in (
        ("bytes written", gauge.written, sum),
        ("seconds of CPU", gauge.cpu, sum),
        ("seconds by the clock, median", gauge.wall, statistics.median),
    ):
        first, last = (typical(span) for span in gauge.spans(meter))
        ratios[name] = last / first if first else 1.0
        lines.append(
            f"{name}: {first:.6g} in the first exchanges, {last:.6g} in the last: {ratios[name]:.3f}"
        )
    lines.append(f"the most memory after the warm-up and at the end: {gauge.rss[0]} and {gauge.rss[-1]} kB")
    with capsys.disabled():
        print("", *lines, sep="\n  ")
    assert gauge.most_messages < 200, "a window is held, not the conversation"
    assert ratios["bytes written"] <= MOST_RATIO
    if SOAK:
        assert all(ratio <= MOST_RATIO for ratio in ratios.values())
        assert gauge.rss[-1] - gauge.rss[0] < MOST_GROWTH_KB


async def check_history(world: World, run_id: str, api: ApiProcess, gauge: Gauge) -> None:
    """Check that the run ended well, that all of it is stored, and that all that was sent is valid."""
    run = await world.run(run_id)
    assert (run.state, run.summary) == (State.SUCCEEDED, "The tide was watched.")
    assert run.steps >= STEPS
    with world.reader() as reader:
        stored = reader.requests(run_id)
        assert len(reader.messages(run_id)) == 2 * EXCHANGES + 3, "the transcript is kept whole"
    assert sum(request.summary is not None for request in stored) == gauge.summaries
    assert gauge.summaries > EXCHANGES / 30
    known, sent = Conversations(), 0
    for seen in read_log(api.log):
        known.see(seen)
        assert seen.got.startswith("answer"), seen.got
        sent += 1
    assert sent == len(stored)
