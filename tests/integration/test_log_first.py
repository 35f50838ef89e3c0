"""What acts without being a call of the agent's stands in the daily log first, too: gates and reports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scheduler.adapters.daylog import files
from scheduler.core.record import from_line
from scheduler.core.run.run import State
from scheduler.ports.tool import ToolContext
from scheduler.testing.rehearsal import script
from scheduler.testing.world import World, open_world
from scheduler.toolkit import tool


def kinds(world: World) -> list[str]:
    return [
        from_line(line).kind for path in files(world.config.log) for line in path.read_bytes().splitlines()
    ]


async def test_a_gate_waits_for_the_log(tmp_path: Path) -> None:
    trace = tmp_path / "asked"
    async with open_world(tmp_path) as world:
        world.script("work", script().finish("Done."))
        await world.load(f'@manual  work  "Do it."  model=rehearsal:work.jsonl gate="touch {trace}"')
        world.config.log.write_text("a file where the folder should be")

        run = await world.play("work")
        assert (run.state, run.reason_code) == (State.PARKED, "log")
        assert not trace.exists()

        world.config.log.unlink()
        await world.jump()
        assert (await world.run(run.id)).state is State.SUCCEEDED
        assert trace.exists()
        assert "gate" in kinds(world)


async def test_a_report_waits_for_the_log_and_no_try_is_lost(tmp_path: Path) -> None:
    trace = tmp_path / "told"
    async with open_world(tmp_path) as world:
        world.script("work", script().finish("Done."))
        await world.load(f'@manual  work  "Do it."  model=rehearsal:work.jsonl report="touch {trace}"')
        world.config.log.write_text("a file where the folder should be")
        await world.play("work")
        for _ in range(7):  # more often than a report is tried
            assert await world.send_reports() == 0
            world.clock.advance(world.services.settings.soon_seconds)
        assert not trace.exists()

        world.config.log.unlink()
        assert await world.send_reports() == 1
        assert trace.exists()
        assert kinds(world)[-1] == "report"


async def test_a_tool_that_is_pure_and_acts_outside_waits_for_the_log(tmp_path: Path) -> None:
    asked: list[str] = []

    @tool(name="ask_web", description="Ask.", schema={"type": "object"}, effect="pure", reads_private=False)
    async def ask_web(args: Mapping[str, Any], context: ToolContext) -> str:
        asked.append(context.key)
        return "Rain."

    async with open_world(tmp_path, tools={"ask_web": ask_web}) as world:
        (tmp_path / "trust.toml").write_text(
            '[profile.web]\nbase = "act"\n[[profile.web.grant]]\ntool = "ask_web"\n'
        )
        (tmp_path / "trust.toml").chmod(0o600)
        world.script("work", script().call("ask_web").finish("Done."))
        await world.load('@manual  work  "Do it."  model=rehearsal:work.jsonl trust=web')
        world.config.log.write_text("a file where the folder should be")
        run = await world.play("work")
        assert (run.state, run.reason_code, asked) == (State.PARKED, "log", [])

        world.config.log.unlink()
        await world.jump()
        assert len(asked) == 1
        assert "planned" in kinds(world)
