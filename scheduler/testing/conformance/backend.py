"""What a backend must hold to, whatever loop its agent has.

::

    class TestMyBackend(BackendConformance):
        def make_case(self, folder: Path) -> MyCase:
            return MyCase(folder)

pytest then runs every check with a case, a store and a desk of its own.  Without pytest,
``check_backend(MyCase, folder)`` does the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from scheduler.adapters.halt_file import HaltFile
from scheduler.core.actor import PERSON
from scheduler.core.run.conversation import CallState
from scheduler.core.run.run import State
from scheduler.ports.store.people import NewCaps
from scheduler.testing.conformance import backend_case
from scheduler.testing.conformance.backend_case import BackendCase, Move, Setup, Watched, must
from scheduler.testing.world import open_world

_USD = 0.03
_TRUST = """\
default = "tests"
[profile.tests]
base = "propose"
[[profile.tests.grant]]
tool = "{}"
"""


ONE, TWO, SLEEP, END = Move("act", "one"), Move("act", "two"), Move("sleep"), Move("end", "Done.")


class BackendConformance:
    """The checks; a subclass says what is checked."""

    def make_case(self, folder: Path) -> BackendCase:
        """Return the backend, whose agent may use ``folder``."""
        raise NotImplementedError

    def test_a_run_acts_and_sleeps_until_its_end(self, tmp_path: Path) -> None:
        """Each act happens once, the run sleeps in between, and its end is the agent's."""

        async def check(s: Setup) -> None:
            run = await s.play()
            must(run.state is State.SLEEPING, f"its state is {run.state}, not sleeping: {run.reason}")
            must(s.case.acted() == ["one"], f"before its sleep it had acted with {s.case.acted()}")
            run = await s.to_its_end(run)
            must(run.summary == "Done.", f"its summary is {run.summary!r}")
            s.must_have_acted("one", "two")

        self._run(tmp_path, check, ONE, SLEEP, TWO, END)

    def test_nothing_acts_before_a_person_has_approved(self, tmp_path: Path) -> None:
        """A call that needs an approval rests the run, and happens once after it was given."""

        async def check(s: Setup) -> None:
            run = await s.asked()
            await s.answer(approve=True)
            await s.to_its_end(run)
            s.must_have_acted("one")

        self._run(tmp_path, check, ONE, END, granted=False)

    def test_a_call_that_a_person_denies_does_not_happen(self, tmp_path: Path) -> None:
        """The agent is told so, and goes on."""

        async def check(s: Setup) -> None:
            run = await s.asked()
            await s.answer(approve=False)
            await s.to_its_end(run)
            s.must_have_acted()
            s.must_be_told(run, "A person denied this call")

        self._run(tmp_path, check, ONE, END, granted=False)

    def test_a_job_that_may_only_observe_does_not_act(self, tmp_path: Path) -> None:
        """The agent is told so, and goes on."""

        async def check(s: Setup) -> None:
            await s.to_its_end(await s.play())
            s.must_have_acted()

        self._run(tmp_path, check, ONE, END, options="trust=observe")

    def test_a_halt_hands_the_run_back_after_the_call_under_way(self, tmp_path: Path) -> None:
        """It stops when the attempt must stop, and goes on later where it was."""

        async def check(s: Setup) -> None:
            switch = HaltFile(s.world.config.halt)

            async def halt() -> None:
                switch.write("stop")

            s.case.set_hook(halt)
            run = await s.play()
            must(run.state is State.QUEUED, f"after a halt its state is {run.state}: {run.reason}")
            must(s.case.acted() == ["one"], f"it acted with {s.case.acted()}")
            s.case.set_hook(_nothing)
            switch.remove()
            await s.to_its_end(run)
            s.must_have_acted("one", "two")

        self._run(tmp_path, check, ONE, TWO, END)

    def test_a_cancel_ends_the_run_after_the_call_under_way(self, tmp_path: Path) -> None:
        """Nothing begins any more."""

        async def check(s: Setup) -> None:
            async def cancel() -> None:
                [run] = s.world.runs()
                await s.world.store.cancel(run.id, s.world.clock.now(), "enough", actor=PERSON)

            s.case.set_hook(cancel)
            run = await s.play()
            must(run.state is State.CANCELLED, f"after a cancel its state is {run.state}: {run.reason}")
            must(s.case.acted() == ["one"], f"it acted with {s.case.acted()}")

        self._run(tmp_path, check, ONE, TWO, END)

    def test_an_attempt_that_takes_too_long_is_ended_in_the_middle_of_a_call(self, tmp_path: Path) -> None:
        """It lets itself be cancelled, and leaves nothing running."""

        async def check(s: Setup) -> None:
            underway = await s.begun_and_hanging()
            underway.attempt.interrupt("timeout")
            await asyncio.wait({underway.task}, timeout=backend_case.WAIT_SECONDS)
            must(underway.task.done(), "it swallowed the cancellation, or goes on")
            await asyncio.sleep(0.05)
            must(not s.hanging, "it has left the call running")
            [run] = s.world.runs()
            must((run.state, run.reason_code) == (State.FAILED, "timeout"), f"its state is {run.state}")

        self._run(tmp_path, check, ONE, END)

    def test_a_call_that_a_kill_interrupts_is_not_repeated(self, tmp_path: Path) -> None:
        """The agent is told that its outcome is unknown."""

        async def check(s: Setup) -> None:
            underway = await s.begun_and_hanging()
            await underway.kill()
            s.case.set_hook(_nothing)
            [run] = s.world.runs()
            await s.to_its_end(run)
            must(s.case.acted() == ["one"], f"it acted with {s.case.acted()}")
            states = [call.state for call in s.calls(run)]
            must(states == [CallState.UNKNOWN], f"the call is recorded as {states}")
            s.must_be_told(run, "Its outcome is unknown")

        self._run(tmp_path, check, ONE, END)

    def test_it_rests_when_its_budget_is_spent_and_hears_who_raises_it(self, tmp_path: Path) -> None:
        """It spends no more than the budget and one request, and the agent is told what the person says."""

        async def check(s: Setup) -> None:
            run = await s.play()
            must(
                (run.state, run.reason_code) == (State.PARKED, "budget"),
                f"its state is {run.state}: {run.reason}",
            )
            spent = run.cost_microusd / 1_000_000
            must(spent <= 0.05 + _USD, f"it has spent ${spent} of $0.05")
            now = s.world.clock.now()
            await s.world.store.resume(
                run.id, now, "Be quick.", NewCaps(run_microusd=1_000_000), actor=PERSON
            )
            await s.to_its_end(run)
            s.must_have_acted("one", "two")
            s.must_be_told(run, "Be quick.")

        self._run(tmp_path, check, ONE, TWO, END, options="budget=0.05/run", cost_usd=_USD)

    def test_it_goes_on_from_what_is_stored_wherever_it_was_killed(self, tmp_path: Path) -> None:
        """Killed before and after every commit, each act happens at most once, and the run ends."""
        number, alive = 0, False
        while not alive:
            number += 1
            for after in (False, True):

                async def check(s: Setup, number: int = number, after: bool = after) -> None:
                    nonlocal alive
                    alive = not await s.killed_at(number, after=after)
                    [run] = s.world.runs()
                    run = await s.to_its_end(run)
                    must(run.summary == "Done.", f"killed at commit {number}, it ended with {run.summary!r}")
                    s.must_agree_with_the_record(run, 2)

                self._run(tmp_path, check, ONE, SLEEP, TWO, END, name=f"{number}.{after:d}")

    def _run(
        self,
        folder: Path,
        check: Callable[[Setup], Coroutine[Any, Any, None]],
        *moves: Move,
        granted: bool = True,
        options: str = "",
        cost_usd: float = 0.0,
        name: str = "",
    ) -> None:
        folder = folder / name
        (folder / "agent").mkdir(parents=True)
        case = self.make_case(folder / "agent")

        async def run() -> None:
            watched, home = Watched(case.backend), folder / "home"
            async with open_world(
                home, tools=case.tools, backends={"job": watched}, price_usd=cost_usd or None
            ) as world:
                (home / "trust.toml").write_text(_TRUST.format(case.acting) if granted else "")
                (home / "trust.toml").chmod(0o600)
                own = case.prepare(home, world.workdir / "job", moves, cost_usd)
                await world.load(f'@manual  job  "Do it."  {own} {options}\n')
                try:
                    async with asyncio.timeout(backend_case.WAIT_SECONDS * 3):
                        await check(Setup(world, case))
                except TimeoutError:
                    must(False, f"after {backend_case.WAIT_SECONDS * 3:g} s it had not come to an end")
            must(not watched.late, f"after it was told to return, it asked the desk for {watched.late}")

        asyncio.run(run())


def check_backend(make_case: Callable[[Path], BackendCase], folder: Path) -> None:
    """Run all checks, each in an empty folder below ``folder``.

    Raises:
        AssertionError: the backend does not hold to one of them.
    """
    suite = type("Suite", (BackendConformance,), {"make_case": lambda _, folder: make_case(folder)})()
    for name in (name for name in vars(BackendConformance) if name.startswith("test_")):
        (folder / name).mkdir(parents=True)
        getattr(suite, name)(folder / name)


async def _nothing() -> None:
    """Let an act be done."""
