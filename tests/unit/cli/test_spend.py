"""The verb ``spend``, and what ``resume --budget +1.00`` adds to."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from scheduler import tool
from scheduler.core.run.conversation import Request
from scheduler.core.run.run import State
from scheduler.core.run.step import Step
from scheduler.ports.tool import Args, ToolContext
from scheduler.testing.clock import FakeClock
from scheduler.testing.rehearsal import script
from scheduler.testing.world import World, with_tools
from tests.unit.cli.conftest import Build, Call
from tests.unit.cli.scenes import load


async def spender(world: World) -> None:
    """Two jobs on two days; each answer of the model costs ten cents."""
    world.model.price_usd = 0.10
    world.script("work", script().note("one").note("two").note("three").finish("Done."))
    world.script("short", script().finish("Done."))
    await world.load(
        '@manual  work  "Do it."  model=rehearsal:work.jsonl tz=UTC budget=0.20/run\n'
        '@manual  brief  "Be brief."  model=rehearsal:short.jsonl tz=UTC\n'
    )
    await world.play("work")
    world.clock.advance(86_400)
    await world.play("brief")


def test_the_dearest_job_comes_first_with_the_longest_bar(call: Call, build: Build) -> None:
    build(spender)
    answer = call("spend").fits()
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.splitlines() == [
        "work       $0.20      2 requests        0 tok  " + 30 * "#",
        "brief      $0.10       1 request        0 tok  " + 15 * "#",
        "total      $0.30      3 requests        0 tok",
    ]


def test_by_day_and_by_model(call: Call, build: Build) -> None:
    build(spender)
    days = json.loads(call("spend", "--by", "day", "--json").out)
    assert [row["cost_usd"] for row in days["rows"]] == [0.20, 0.10]
    assert [row["name"] for row in days["rows"]] == sorted(row["name"] for row in days["rows"])
    models = json.loads(call("spend", "--by", "model", "--json").out)
    assert {row["name"].split(":")[0] for row in models["rows"]} == {"rehearsal"}
    assert models["total"]["cost_usd"] == 0.30


def test_since_looks_back_no_further(call: Call, build: Build) -> None:
    build(spender)
    assert json.loads(call("spend", "--since", "1h", "--json").out)["total"]["cost_usd"] == 0.10
    answer = call("spend", "--since", "soon")
    assert answer.status == 2
    assert "--since" in answer.err


def test_nothing_was_spent_where_nothing_has_run(call: Call) -> None:
    assert call("spend").out == "no spending: no request was answered in that period\n"


def test_a_plus_raises_the_cap_by_so_much(call: Call, build: Build, home: Path, clock: FakeClock) -> None:
    build(spender)
    (run,) = [each for each in json.loads(call("list", "--json").out)["runs"] if each["job"] == "work"]
    assert run["state"] == "parked"
    answer = call("resume", run["id"], "--budget", "+0.15")
    assert (answer.status, "continues" in answer.out) == (0, True)

    async def look(world: World) -> None:
        world.model.price_usd = 0.10
        await world.settle()
        again = await world.run(run["id"])
        assert (again.state, again.cost_microusd) == (State.SUCCEEDED, 400_000)

    build(look)
    assert call("resume", run["id"], "--budget", "+0").status == 2
    assert call("resume", run["id"], "--budget", "-1").status == 2


def test_check_says_the_worst_day_and_the_cap_of_all(call: Call, home: Path) -> None:
    (home / "crontab").write_text(
        'FLEET_BUDGET = 2/day\n@every 1h  work  "Do it."  model=rehearsal:x budget="1/run 5/day"\n'
    )
    (home / "x").write_text('{"text": "Done."}\n')
    answer = call("check")
    assert "at most $5.00/day by your budgets." in answer.out
    assert "FLEET_BUDGET stops all jobs together at $2.00/day." in answer.out
    assert json.loads(call("check", "--json").out)["fleet_usd_per_day"] == 2.0


def test_a_fleet_budget_is_one_per_day(call: Call, home: Path) -> None:
    (home / "crontab").write_text("FLEET_BUDGET = 2/run\n")
    answer = call("check")
    assert answer.status == 1
    assert "for example FLEET_BUDGET = 20/day" in answer.out


async def reader_of_much(world: World) -> None:
    """A run that has met its cap on tokens; each answer of its model uses sixty thousand."""
    world.model.tokens = 60_000
    world.script("work", script().note("one").note("two").note("three").finish("Done."))
    await world.load(
        '@manual  work  "Do it."  model=rehearsal:work.jsonl tz=UTC budget="100ktok/run 1Mtok/day"\n'
    )
    await world.play("work")


def test_a_cap_on_tokens_is_told_and_raised(call: Call, build: Build) -> None:
    build(reader_of_much)
    (run,) = json.loads(call("list", "--json").out)["runs"]
    assert (run["tokens"], run["reason"]) == (120_000, "the run has spent 120,000 of its 100,000 tokens")
    assert "the run has spent 120,000 of its 100,000 tokens" in call("list").out
    assert f"agentcron resume {run['id']} --budget 220ktok" in call("show", run["id"]).out
    assert json.loads(call("show", run["id"], "--json").out)["tokens"] == 120_000
    assert "$0.00 of $5.00 and 120,000 of 1,000,000 tokens spent since" in " ".join(
        call("why", "work").out.split()
    )
    assert json.loads(call("why", "work", "--json").out)["spent_today_tokens"] == 120_000
    assert "$0.50 and 100,000 tokens a run, and $5.00 and 1,000,000 tokens a day." in " ".join(
        call("trust", "explain", "work").out.split()
    )
    assert "120k tok" in call("spend").out
    assert json.loads(call("spend", "--json").out)["total"]["tokens"] == 120_000

    for budget in ((), ("--budget", "+1.00"), ("--budget", "120ktok")):
        refused = call("resume", run["id"], *budget)
        assert refused.status == 4
        assert "--budget 220ktok" in refused.err
    for none in ("+0tok", "12k", "tok", "-5ktok"):
        assert call("resume", run["id"], "--budget", none).status == 2
    assert call("resume", run["id"], "--budget", "+100ktok").status == 0

    async def look(world: World) -> None:
        world.model.tokens = 60_000
        await world.settle()
        again = await world.run(run["id"])
        # 220,000 from what it had spent; the fourth answer is its last.
        assert (again.state, again.tokens) == (State.SUCCEEDED, 240_000)

    build(look)


def rewrite(home: Path, code: str) -> None:
    """Give all runs a reason code that this version would not write."""
    with closing(sqlite3.connect(home / "agentcron.db")) as database, database:
        database.execute("UPDATE runs SET reason_code = ?", (code,))


def test_a_run_of_an_older_home_wants_what_its_sentence_says(call: Call, build: Build, home: Path) -> None:
    build(reader_of_much)
    rewrite(home, "budget")  # which once stood for tokens, too
    (run,) = json.loads(call("list", "--json").out)["runs"]
    assert run["reason_code"] == "budget-tokens"
    assert call("resume", run["id"], "--budget", "+1.00").status == 4
    assert call("resume", run["id"], "--budget", "+100ktok").status == 0


def test_a_code_that_is_not_known_is_shown_and_left_to_a_person(call: Call, build: Build, home: Path) -> None:
    build(reader_of_much)
    rewrite(home, "quota-of-the-moon")
    (run,) = json.loads(call("list", "--json").out)["runs"]
    assert run["reason_code"] == "quota-of-the-moon"
    assert f"continue: agentcron resume {run['id']}" in call("show", run["id"]).out.splitlines()
    assert f"then: agentcron resume {run['id']}" in call("doctor").out
    assert call("resume", run["id"]).status == 0


def test_check_says_the_tokens_of_the_worst_day(call: Call, home: Path) -> None:
    (home / "x").write_text('{"text": "Done."}\n')
    (home / "crontab").write_text(
        "FLEET_BUDGET = 2/day 3Mtok/day\n"
        '@every 1h  work  "Do it."  model=rehearsal:x budget="0.10/run 10ktok/run"\n'
        '@every 1h  more  "Do it."  model=rehearsal:x budget="0.10/run 1Mtok/day"\n'
    )
    said = " ".join(call("check").out.split())
    assert "at most $4.80/day and 1,240,000 tokens/day by your budgets." in said
    assert "FLEET_BUDGET stops all jobs together at $2.00/day or 3,000,000 tokens/day." in said
    found = json.loads(call("check", "--json").out)
    assert (found["tokens_per_day"], found["fleet_tokens_per_day"]) == (1_240_000, 3_000_000)

    with (home / "crontab").open("a") as crontab:
        crontab.write('@every 1h  free  "Do it."  model=rehearsal:x budget=0.10/run\n')
    assert json.loads(call("check", "--json").out)["tokens_per_day"] is None, "one job has no cap on them"


async def asleep(world: World) -> None:
    """A run that sleeps, without a cap on tokens."""
    world.script("nap", script().sleep("in 1h").finish("Done."))
    await world.load('@manual  nap  "Rest."  model=rehearsal:nap.jsonl tz=UTC\n')
    await world.play("nap")


def test_a_cap_that_is_not_there_cannot_be_added_to(call: Call, build: Build) -> None:
    build(asleep)
    (run,) = json.loads(call("list", "--json").out)["runs"]
    refused = call("resume", run["id"], "--budget", "+100ktok")
    assert refused.status == 4
    assert f"run {run['id']} has no cap on tokens to add to" in refused.err
    refused = call("resume", run["id"], "--budget", "+1effect")
    assert (refused.status, "no cap on effects to add to" in refused.err) == (4, True)
    assert call("resume", run["id"], "--budget", "100ktok").status == 0


async def poster(world: World) -> None:
    """A run that posts two letters, where its job may act once a day."""

    @tool(name="post", description="Post.", schema={"type": "object"}, reads_private=False)
    async def post(args: Args, context: ToolContext) -> str:
        return "posted"

    world.services = with_tools(world.services, {"post": post})
    (world.config.trust).write_text(
        'default = "post"\n[profile.post]\nbase = "act"\n[[profile.post.grant]]\ntool = "post"\n'
    )
    world.script("work", script().call("post", to="Ada").call("post", to="Bob").finish("Done."))
    await world.load('@manual  work  "Do it."  model=rehearsal:work.jsonl budget="1effect/day 2wakes/hour"\n')
    if world.runs():
        await world.settle()
    else:
        await world.play("work")


def test_a_cap_on_effects_is_told_and_raised(call: Call, build: Build) -> None:
    build(poster)
    (run,) = json.loads(call("list", "--json").out)["runs"]
    assert run["reason"] == "the job has acted outside its workdir 1 of 1 times today"
    assert f"continue: agentcron resume {run['id']} --budget +10effects" in call("show", run["id"]).out
    explained = call("trust", "explain", "work").out
    assert "It may act outside its workdir at most 1 times a day." in explained
    assert "Its sleeps may end at most 2 times within an hour; the rest waits." in explained
    policy = json.loads(call("why", "work", "--json").out)["policy"]
    assert (policy["day_effects"], policy["hour_wakes"]) == (1, 2)

    for budget in ((), ("--budget", "+1.00"), ("--budget", "+100ktok")):
        refused = call("resume", run["id"], *budget)
        assert refused.status == 4
    assert call("resume", run["id"], "--budget", "0effects").status == 2
    assert call("resume", run["id"], "--budget", "+10effects").status == 0
    build(poster)
    assert "succeeded" in call("show", run["id"]).out.splitlines()[0]


async def lost(world: World) -> None:
    """A run whose first request was under way when its process was killed."""
    await load(world)
    run_id = await world.fire("writer")
    [lease] = await world.store.claim("runner-9", world.clock.now(), limit=1, lease_seconds=30, only=[run_id])
    now = world.clock.now()
    opened = Request(1, lease.epoch, "claude-haiku-5-5", now, reserved_microusd=200_000, tokens=16_500)
    await world.store.commit(lease, Step(at=now, opened=opened))
    await world.store.rescue(now, ["runner-9"], 5)


def test_the_tokens_of_a_lost_request_are_told_apart(call: Call, build: Build) -> None:
    build(lost)
    (run,) = json.loads(call("list", "--json").out)["runs"]
    assert "0 tokens in, 0 out, and at most 16,500 of lost requests" in " ".join(
        call("show", run["id"]).out.split()
    )
