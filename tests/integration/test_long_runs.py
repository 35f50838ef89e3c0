"""A run of months: thousands of steps, and the last ones cost what the first ones did.

The real engine and the real store, against the loopback API in a process of its own, which refuses what the
real one refuses.  The gate runs the short form; ``AGENTCRON_SOAK=1`` runs 5,000 steps and looks at the times.
CPU time and bytes of the last hundred steps are compared with those of the first hundred; time by the clock,
which a busy machine spoils, with that of young runs that live between the last stretches of the old one.
"""

from __future__ import annotations

import gc
import itertools
import os
import resource
import sys
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from scheduler.adapters.anthropic.model import AnthropicModel
from scheduler.core.run.conversation import Message
from scheduler.core.run.run import State
from scheduler.ports.model import Ask, Reply
from scheduler.testing.world import World, open_world
from tests.fake_messages_api import ApiProcess, api_process, read_log
from tests.messages_api_rules import Conversations

SOAK = os.environ.get("AGENTCRON_SOAK") == "1"
EXCHANGES = 2_500 if SOAK else 150
"""Answers, each with the message of its results: two commits, and one step."""

SLEEP_EVERY = 50
WARM_UP = 200 if SOAK else 20
SPAN = 50
"""Exchanges that are compared: a hundred steps."""

MAX_RATIO = 1.3
MAX_GROWTH_KB = 16_000

YOUNG_RUNS = 6 if SOAK else 0
OLD, YOUNG = "claude-haiku-5-5", "claude-sonnet-5-5"

CRONTAB = f"""
TOOLS = read
COMPACT = 10k
MAX_STEPS = 1000
BUDGET = 999/run,999/day
@manual  old    "Watch the tide."  model={OLD}
@manual  young  "Watch the tide."  model={YOUNG}
"""

pytestmark = [pytest.mark.process, pytest.mark.soak, pytest.mark.timeout(3600 if SOAK else 240)]


def script() -> Iterator[dict[str, Any]]:
    """Yield the answers: reading and thinking aloud, a sleep now and then, and an end."""
    for number in range(EXCHANGES):
        if number % SLEEP_EVERY == SLEEP_EVERY - 1:
            call = {"name": "sleep", "input": {"until": "in 1h", "reason": f"tide {number:05d}"}}
        else:
            # By turns: what is called thrice alike, with the same result, counts as a run without progress.
            call = {"name": "read", "input": {"file_path": ("ebb.md", "tide.md")[number % 2]}}
        yield {"text": f"Look {number:05d} at the water. " * 5, "calls": [call]}
    yield {"calls": [{"name": "finish", "input": {"summary": "The tide was watched.", "outcome": "done"}}]}


@dataclass
class Gauge:
    """Passes requests on to the API, and reads the process's meters before each one that wants an answer.

    ``others`` counts the messages that other tests have left in this process.
    """

    inner: AnthropicModel
    wall: array[float] = field(default_factory=lambda: array("d"))
    cpu: array[float] = field(default_factory=lambda: array("d"))
    written: array[float] = field(default_factory=lambda: array("d"))
    summaries: int = 0
    others: int = field(default_factory=lambda: messages_alive())
    max_messages: int = 0
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
        self.max_messages = max(self.max_messages, messages_alive() - self.others)
        if len(self.wall) >= WARM_UP:
            self.rss.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

    def spans(self, meter: array[float]) -> tuple[list[float], list[float]]:
        """Return what each of the first exchanges after the warm-up took, and each of the last ones."""
        took = each(meter)
        return took[WARM_UP : WARM_UP + SPAN], took[-SPAN:]


def messages_alive() -> int:
    """Count the messages in this process, those of tests before this one too."""
    gc.collect()
    return sum(isinstance(thing, Message) for thing in gc.get_objects())


def each(meter: array[float]) -> list[float]:
    """Return what each exchange took."""
    return [after - before for before, after in itertools.pairwise(meter)]


def written_bytes() -> float:
    """Return what this process has handed to the kernel in files (sockets do not count there)."""
    if sys.platform != "linux":
        return 0.0
    lines = Path("/proc/self/io").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("wchar:")))


async def live(world: World) -> str:
    """Let a run live to its end, from sleep to sleep, with young ones in its last sleeps; return its id."""
    run_id = await world.fire("old")
    await world.settle()
    last = EXCHANGES // SLEEP_EVERY
    for sleep in range(1, last + 1):
        if last - YOUNG_RUNS <= sleep < last:
            young = await world.play("young")
            await world.cancel(young.id)
        await world.jump()
    return run_id


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiProcess]:
    with api_process(tmp_path, list(script()), bytes_per_token=2) as process:
        yield process


async def test_the_last_steps_of_a_long_run_cost_what_the_first_ones_did(
    tmp_path: Path, api: ApiProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    model = AnthropicModel(api_key="k", base_url=api.url)
    gauges = {OLD: Gauge(model), YOUNG: Gauge(model)}
    old, young = gauges.values()
    async with open_world(tmp_path / "home") as world:
        world.services = replace(world.services, model_for=gauges.__getitem__)
        await world.load(CRONTAB)
        for job in world.jobs:
            (world.workdir / job).mkdir(parents=True)
            for name in ("ebb.md", "tide.md"):
                (world.workdir / job / name).write_text("The water stands at the third step.\n" * 10)
        run_id = await live(world)
        await model.close()
        check_history(world, run_id, api, gauges)
    costs = {
        "bytes written": [sum(span) for span in old.spans(old.written)],
        "seconds of CPU": [sum(span) for span in old.spans(old.cpu)],
    }
    if SOAK:
        costs["seconds by the clock"] = [
            median(each(young.wall)),
            median(each(old.wall)[-SPAN * YOUNG_RUNS :]),
        ]
    ratios = {name: last / first if first else 1.0 for name, (first, last) in costs.items()}
    lines = [f"{EXCHANGES} steps, {old.summaries} summaries, at most {old.max_messages} messages in memory"]
    for name, (first, last) in costs.items():
        lines.append(f"{name}: first {first:.6g}, last {last:.6g}, ratio {ratios[name]:.3f}")
    lines.append(f"the most memory after the warm-up and at the end: {old.rss[0]} and {old.rss[-1]} kB")
    with capsys.disabled():
        print("", *lines, sep="\n  ")
    assert old.max_messages < 200, "a window is held, not the conversation"
    assert ratios["bytes written"] <= MAX_RATIO
    if SOAK:
        assert max(ratios.values()) <= MAX_RATIO
        assert old.rss[-1] - old.rss[0] < MAX_GROWTH_KB


def check_history(world: World, run_id: str, api: ApiProcess, gauges: Mapping[str, Gauge]) -> None:
    """Check that the run ended well, that all of it is stored, and that all that was sent is valid."""
    with world.reader() as reader:
        runs = reader.runs(limit=100)
        run = reader.run(run_id)
        requests = {each.id: reader.requests(each.id) for each in runs}
        assert len(reader.messages(run_id)) == 2 * EXCHANGES + 3, "the transcript is kept whole"
    assert (run.state, run.summary) == (State.SUCCEEDED, "The tide was watched.")
    assert run.steps == EXCHANGES + 1
    assert sum(request.summary is not None for request in requests[run_id]) == gauges[OLD].summaries
    assert gauges[OLD].summaries > EXCHANGES / 30
    known, sent = Conversations(), 0
    for seen in read_log(api.log):
        known.see(seen)
        assert seen.got.startswith("answer"), seen.got
        sent += 1
    assert sent == sum(map(len, requests.values()))
