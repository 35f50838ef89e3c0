"""Gates and reports: your own commands before and after the agent.

A *gate* runs before anything is paid: exit 0 starts the agent and passes the output of the command on,
exit 1 skips this time, anything else is a failure.  A *report* is a command that gets the summary on its
standard input when a run has ended, or needs a person.
"""

from __future__ import annotations

from pathlib import Path

from scheduler.core.run.run import State
from scheduler.testing.rehearsal import script
from scheduler.testing.world import open_world


async def test_an_open_gate_wakes_the_agent_and_tells_it_why(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("ci", script().finish("Fixed."))
        await world.load('@manual  ci  "Fix CI."  model=rehearsal:ci.jsonl  gate="echo 3 tests are red"')

        run = await world.play("ci")

        assert run.state is State.SUCCEEDED
        first = world.messages(run.id)[0]
        assert "3 tests are red" in first.content[2]["text"]


async def test_a_shut_gate_costs_nothing(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("ci", script().finish("Fixed."))
        await world.load('@manual  ci  "Fix CI."  model=rehearsal:ci.jsonl  gate="echo all green; exit 1"')

        run = await world.play("ci")

        assert run.state is State.SKIPPED
        assert run.reason == "the gate said no: all green"
        assert world.model.asks == []  # no request was made


async def test_a_broken_gate_is_a_failure_not_a_no(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("ci", script().finish("Fixed."))
        await world.load('@manual  ci  "Fix CI."  model=rehearsal:ci.jsonl  gate="test one -lt two"')

        run = await world.play("ci")

        assert run.state is State.FAILED
        assert run.reason.startswith("the gate ended with status 2: ")


async def test_a_gate_runs_in_the_folder_of_the_crontab_and_gets_the_workdir(tmp_path: Path) -> None:
    """Never in the workdir: many programs obey files in their folder, and the agent writes there."""
    async with open_world(tmp_path) as world:
        world.script("ci", script().finish("Fixed."))
        (world.workdir / "ci").mkdir(parents=True)
        (world.workdir / "ci" / "json.py").write_text("open('owned', 'w')")
        (tmp_path / "gate.sh").write_text(
            "cd $AGENTCRON_WORKDIR; python3 -c 'import json'; echo $BRANCH $PWD"
        )
        await world.load(
            '@manual  ci  "Fix CI."  model=rehearsal:ci.jsonl  env.BRANCH=main  env.AGENTCRON_WORKDIR=/'
            "  gate=\"sh gate.sh > seen; python3 -c 'import json'\""
        )

        run = await world.play("ci")

        assert run.state is State.SUCCEEDED
        assert (tmp_path / "seen").read_text() == f"main {world.workdir}/ci\n"
        assert not list(tmp_path.rglob("owned"))


async def test_a_report_gets_the_summary_on_its_standard_input(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("ci", script().finish("Three flaky tests were fixed."))
        await world.load(
            f'@manual  ci  "Fix CI."  model=rehearsal:ci.jsonl  report="cat > {tmp_path}/letter"'
        )
        await world.play("ci")

        await world.send_reports()

        assert (tmp_path / "letter").read_text() == "Three flaky tests were fixed."


async def test_and_learns_from_its_environment_which_run_it_is_about(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("ci", script().finish("Done."))
        report = f"echo $AGENTCRON_JOB $AGENTCRON_RUN $AGENTCRON_STATE > {tmp_path}/letter"
        await world.load(f'@manual  ci  "Fix CI."  model=rehearsal:ci.jsonl  report="{report}"')
        run = await world.play("ci")

        await world.send_reports()

        assert (tmp_path / "letter").read_text() == f"ci {run.id} succeeded\n"


async def test_a_report_that_does_not_get_through_is_sent_again(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("ci", script().finish("Done."))
        report = f"test -e {tmp_path}/post-office && cat > {tmp_path}/letter"
        await world.load(f'@manual  ci  "Fix CI."  model=rehearsal:ci.jsonl  report="{report}"')
        await world.play("ci")
        await world.send_reports()
        assert not (tmp_path / "letter").exists()

        (tmp_path / "post-office").touch()
        world.clock.advance(60)
        await world.send_reports()

        assert (tmp_path / "letter").read_text() == "Done."


async def test_a_run_that_sleeps_is_not_reported_yet(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("ci", script().sleep("in 1h").finish("Done."))
        await world.load(
            f'@manual  ci  "Fix CI."  model=rehearsal:ci.jsonl  report="cat > {tmp_path}/letter"'
        )
        await world.play("ci")
        assert await world.send_reports() == 0

        await world.jump()

        assert await world.send_reports() == 1
