"""The verb ``show``: a run as a chat, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from scheduler.adapters.rehearsal.model import RehearsalModel
from scheduler.core.run.conversation import Usage
from scheduler.core.trust.effect import Effect
from scheduler.ports.model import Ask, Reply
from scheduler.testing.clock import FakeClock
from scheduler.testing.rehearsal import script
from scheduler.testing.world import World
from tests.unit.cli import scenes
from tests.unit.cli.conftest import Build, Call


def test_a_sleeping_run_reads_like_a_chat(call: Call, build: Build) -> None:
    build(scenes.busy)
    answer = call("show", "run00003").fits()
    lines = answer.out.splitlines()
    assert lines[:3] == [
        "run run00003 of review: sleeping",
        "  fired by hand for Fri 20 Nov 09:00 (Europe/Berlin)",
        "  started Fri 20 Nov 09:00; worked 0s, 1 step, 1 sleep",
    ]
    assert "Fri 20 Nov 09:00:00  owner\n  Review the pull request\n" in answer.out
    assert "Fri 20 Nov 09:00:00  agent\n  Not reviewed yet.\n" in answer.out
    assert "~~~ sleeping since 09:00, wakes Sat 21 Nov 09:00 (in 23h 53m): waiting for ~~~" in lines
    assert lines[-3:] == [
        "wakes Sat 21 Nov 09:00 (in 23h 53m)",
        "no daemon is running; due jobs wait. Start: agentcron up",
        "sooner: agentcron resume run00003",
    ]


def test_a_sleep_that_is_over_is_a_gap(call: Call, build: Build) -> None:
    async def scene(world: World) -> None:
        await scenes.load(world)
        await world.fire("review")
        await world.settle()
        while world.clock.now() < scenes.START.replace(day=21, hour=8):
            await world.jump()

    build(scene)
    out = call("show", "run00001").fits().out
    assert "~~~ slept 1d: waiting for the reviewers ~~~" in out
    assert "Sat 21 Nov 09:00:00  scheduler\n  You are awake." in out
    assert "summary: Reviewed." in out


def test_an_open_call_is_named_with_its_class_and_what_will_become_of_it(call: Call, build: Build) -> None:
    async def scene(world: World) -> None:
        await scenes.load(world)
        await scenes.interrupt(world)

    build(scene)
    answer = call("show", "run00001").fits()
    assert "run run00001 of writer: running, but its runner is dead" in answer.out
    assert '  > post(text="Numbers are up", n=3)' in answer.out
    assert "open call: post (opaque); it will not be repeated; its outcome will be unknown" in answer.out
    assert answer.out.splitlines()[-1] == "a daemon resumes it: agentcron up"


def test_a_keyed_call_will_be_repeated(call: Call, build: Build) -> None:
    async def scene(world: World) -> None:
        await scenes.load(world)
        await scenes.interrupt(world, Effect.KEYED)

    build(scene)
    assert "open call: post (keyed); it will be repeated with the same key" in call("show", "run00001").out


def test_an_unknown_outcome_is_said_and_not_hidden(call: Call, build: Build) -> None:
    async def scene(world: World) -> None:
        await scenes.load(world)
        await scenes.give_up(world, await scenes.interrupt(world))

    build(scene)
    answer = call("show", "run0").fits()
    assert "! outcome UNKNOWN (opaque): not repeated" in answer.out
    assert "~~~ 0s: its runner died; the run was requeued ~~~" in answer.out
    assert "unknown: whether post (opaque) happened; it was not repeated" in answer.out
    assert "spent $0.01: 1 request, 5,200 tokens in (4,000 from the cache), 80 out" in answer.out
    assert answer.out.splitlines()[-1] == "continue: agentcron resume run00001 --budget 1.01"


def test_long_results_are_cut_with_a_count(call: Call, build: Build) -> None:
    async def scene(world: World) -> None:
        scenes.files(world)
        world.script("long", script().call("read", file_path="long.txt").finish("Read."))
        await world.load('@manual long "Read it" model=rehearsal:long.jsonl\n')
        folder = world.workdir / "long"
        folder.mkdir(parents=True)
        (folder / "long.txt").write_text("".join(f"line {n}\n" for n in range(100)))
        await world.fire("long")
        await world.settle()

    build(scene)
    short, full = call("show", "run00001").fits().out, call("show", "run00001", "--full").fits().out
    assert "line 3" in short
    assert "line 60" not in short
    assert "more lines," in short
    assert "--full to see them" in short
    assert "line 60" in full
    assert "line 99" in full


def test_json(call: Call, build: Build, clock: FakeClock) -> None:
    async def scene(world: World) -> None:
        await scenes.load(world)
        await scenes.give_up(world, await scenes.interrupt(world))

    build(scene)
    answer = call("show", "run00001", "--json")
    assert answer.out.isascii()
    values = json.loads(answer.out)
    assert {"run", "messages", "calls", "attempts", "usage", "cost_usd"} <= set(values)
    assert (values["run"]["id"], values["run"]["state"]) == ("run00001", "parked")
    assert values["run"]["fire_time"] == "2026-11-20T07:30:00Z"
    assert [(m["seq"], m["role"], m["provenance"]) for m in values["messages"]] == [
        (1, "user", "owner"),
        (2, "assistant", "own"),
    ]
    assert values["messages"][0]["content"] == [{"type": "text", "text": "Post the report"}]
    [made] = values["calls"]
    assert (made["id"], made["name"], made["effect"], made["state"]) == (
        "toolu_1",
        "post",
        "opaque",
        "unknown",
    )
    first, second = values["attempts"]
    assert (first["number"], first["ended_as"], first["claimed_at"]) == (1, "rescue", "2026-11-20T07:30:00Z")
    assert first["released_at"] is not None
    assert (first["request_id"], second["request_id"]) == ("req_1", None)
    [request] = first["requests"]
    assert {"number", "request_id", "state", "stop_reason", "usage", "cost_usd", "error"} <= set(request)
    usage = {"input_tokens": 1200, "output_tokens": 80, "cache_read_tokens": 4000, "cache_write_tokens": 0}
    assert request["usage"] == first["usage"] == values["usage"] == usage
    assert values["cost_usd"] == request["cost_usd"] == 0.012345


def test_runs_that_are_not_there(call: Call, build: Build) -> None:
    answer = call("show", "x")
    assert (answer.status, answer.out) == (3, "")
    build(scenes.busy)
    answer = call("show", "zzz")
    assert (answer.status, answer.out) == (3, "")
    assert "no run begins with" in answer.err
    answer = call("show", "run")
    assert (answer.status, answer.out) == (3, "")
    assert "more than one run" in answer.err


def test_hostile_words_of_a_model_are_escaped(call: Call, build: Build) -> None:
    async def scene(world: World) -> None:
        scenes.files(world)
        evil = "\x1b[2J\u202eevil\x07"
        world.script(
            "evil", script().say(evil).call("read", file_path=evil).call(evil, **{evil: evil}).finish(evil)
        )
        await world.load('@manual evil "Go" model=rehearsal:evil.jsonl\n')
        await world.fire("evil")
        await world.settle()

    build(scene)
    for args in (
        ("show", "run00001"),
        ("show", "run00001", "--full"),
        ("show", "run00001", "--json"),
        ("list", "--all"),
    ):
        out = call(*args).out
        assert not set(out) & {"\x1b", "\x07", "\u202e"}, args


class Unpriced(RehearsalModel):
    """A rehearsal that counts tokens, and of which nobody knows the price."""

    async def ask(self, ask: Ask, *, on_text: Callable[[str], None] | None = None) -> Reply:
        reply = await super().ask(ask, on_text=on_text)
        return replace(reply, usage=Usage(input_tokens=20_000), cost_microusd=None)


def test_an_assumed_price_is_said(call: Call, build: Build) -> None:
    async def scene(world: World) -> None:
        world.model.inner = Unpriced()
        await scenes.load(world)
        await world.play("writer")

    build(scene)
    out = " ".join(call("show", "run00001").fits().out.split())
    assert "spent $0.30: 1 request, 20,000 tokens in, 0 out; the price of rehearsal:" in out
    assert "is unknown, $15 per million tokens is assumed" in out
    [attempt] = json.loads(call("show", "run00001", "--json").out)["attempts"]
    assert [request["cost_assumed"] for request in attempt["requests"]] == [True]
