"""The verb ``spend``, and what ``resume --budget +1.00`` adds to."""

from __future__ import annotations

import json
from pathlib import Path

from scheduler.core.run import State
from scheduler.testing.clock import FakeClock
from scheduler.testing.rehearsal import script
from scheduler.testing.world import World
from tests.unit.cli.conftest import Build, Call


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
        "work       $0.20      2 requests  " + 30 * "#",
        "brief      $0.10       1 request  " + 15 * "#",
        "total      $0.30      3 requests",
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
    assert call("spend").out == "nothing was spent: no request was answered in that time\n"


def test_a_plus_raises_the_cap_by_so_much(call: Call, build: Build, home: Path, clock: FakeClock) -> None:
    build(spender)
    (run,) = [each for each in json.loads(call("list", "--json").out)["runs"] if each["job"] == "work"]
    assert run["state"] == "parked"
    answer = call("resume", run["id"], "--budget", "+0.15")
    assert (answer.status, "goes on" in answer.out) == (0, True)

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
