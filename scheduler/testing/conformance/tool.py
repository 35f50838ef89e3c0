"""The conformance suite of tools: those that act, staged ones, and control tools.

::

    class TestMyTool(ToolConformance):
        def make_case(self, folder: Path) -> ToolCase:
            return ToolCase(MY_TOOL, args={"text": "hello"}, wrong_args={"txt": "hello"})

pytest then runs every check that applies.  Without pytest, ``check_tool(make_case, folder)`` does the same.
The distribution of a staged tool must be installed, with the rooms of its changes.
"""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scheduler.core.job.job import Job
from scheduler.core.run.cause import BY_PERSON
from scheduler.core.run.conversation import Call, CallState, Usage
from scheduler.core.run.run import Run, State
from scheduler.core.text.redact import Redactor
from scheduler.core.time.trigger import Manual
from scheduler.core.trust.effect import Effect
from scheduler.engine.attempt.calls import clean
from scheduler.engine.schema import check_schema, wrong_arguments
from scheduler.errors import ConfigError, RefusedError, ToolFault
from scheduler.ports.model import Ask, Reply
from scheduler.ports.tool import (
    AnyTool,
    Args,
    ControlTool,
    InsideTool,
    Outcome,
    StageContext,
    Staged,
    StagedTool,
    Tool,
    ToolContext,
)
from scheduler.testing.conformance.checks import must, run_all
from scheduler.testing.world import open_world

_SECONDS = 20.0
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
_SECRET = "a-secret-of-the-suite-4711"
_TRUST = """\
default = "tests"
[profile.tests]
base = "act"
[[profile.tests.grant]]
tool = "{}"
"""


@dataclass(frozen=True, slots=True)
class ToolCase:
    """A tool, and how to use it; made afresh for each check.

    Args:
        args: a call that is right, and is answered within seconds.
        wrong_args: one that contradicts the schema.
        parts: of a staged tool, the parts that it reads, as they may be.
        slow_args: of one that acts, a call that takes long, to be cancelled; None: it has none.
        effects: of one that acts, how often it has acted so far; None: that cannot be counted.
        hosts: what it is granted to reach.
    """

    tool: AnyTool
    args: Args
    wrong_args: Args
    parts: Mapping[str, Any] = field(default_factory=dict)
    slow_args: Args | None = None
    effects: Callable[[], int] | None = None
    hosts: tuple[str, ...] = ()


class ToolConformance:
    """The checks; a subclass says what is checked."""

    def make_case(self, folder: Path) -> ToolCase:
        """Return the tool; ``folder`` is the workdir of its calls."""
        raise NotImplementedError

    def test_it_declares_what_it_is(self, tmp_path: Path) -> None:
        """Name, description, schema and flags are valid, and nothing is left open."""
        spec = self.make_case(tmp_path).tool.spec
        must(bool(_NAME.match(spec.name)), f"{spec.name!r} cannot be its name for the API")
        must(bool(spec.description.strip()), "it has no description")
        must(isinstance(spec.effect, Effect), f"its effect is {spec.effect!r}")
        flags = (spec.reads_private, spec.reads_untrusted, spec.external)
        must(all(isinstance(flag, bool) for flag in flags), f"its flags are {flags}")
        must(spec.timeout_seconds > 0, f"its timeout is {spec.timeout_seconds}")
        try:
            check_schema(spec.schema)
        except ConfigError as error:
            must(False, error.message)

    def test_its_schema_takes_what_is_right_and_refuses_what_is_wrong(self, tmp_path: Path) -> None:
        """A call that contradicts the schema is answered before the tool sees it."""
        case = self.make_case(tmp_path)
        wrong = wrong_arguments(case.tool.spec.schema, case.args)
        must(not wrong, f"its schema refuses the right arguments: {wrong}")
        must(
            bool(wrong_arguments(case.tool.spec.schema, case.wrong_args)), "its schema takes wrong arguments"
        )

    def test_a_call_that_is_cancelled_ends(self, tmp_path: Path) -> None:
        """After its time limit or a stop, nothing of it continues."""
        case, tool = self._acting(tmp_path)
        if tool is None or case.slow_args is None:
            return
        slow = case.slow_args

        async def check() -> None:
            calling = asyncio.create_task(_call(tool, slow, _context(case, tmp_path)))
            await asyncio.sleep(0.2)
            must(not calling.done(), "its slow call is over at once, and shows nothing")
            calling.cancel()
            await asyncio.wait({calling}, timeout=_SECONDS)
            must(calling.done(), "it swallowed the cancellation, or continues")
            left = asyncio.all_tasks() - {asyncio.current_task()}
            must(not left, "it has left something running")

        asyncio.run(check())

    def test_it_keeps_to_its_effect_class(self, tmp_path: Path) -> None:
        """``pure`` changes nothing in the workdir, ``keyed`` acts once for a key, ``probe`` can tell."""
        case, tool = self._acting(tmp_path)
        if tool is None:
            return
        context, effect = _context(case, tmp_path), tool.spec.effect

        async def check() -> None:
            before = _files(tmp_path)
            if effect is Effect.PROBE:
                found = await tool.probe(case.args, context)
                must(found == "did_not_happen", f"before its call the probe says {found}")
            await _call(tool, case.args, context)
            if effect is Effect.PURE:
                must(_files(tmp_path) == before, "it is pure, and has changed files of the workdir")
            if effect is Effect.PROBE:
                found = await tool.probe(case.args, context)
                must(found == "happened", f"after its call the probe says {found}")
            if effect is Effect.KEYED and case.effects is not None:
                await _call(tool, case.args, context)
                must(case.effects() == 1, f"with one key it has acted {case.effects()} times")

        asyncio.run(check())

    def test_staging_is_a_calculation(self, tmp_path: Path) -> None:
        """The same call comes to the same, whatever was done before; it touches no file and no argument."""
        case = self.make_case(tmp_path)
        if not isinstance(case.tool, InsideTool):
            return
        before = (_files(tmp_path), copy.deepcopy(dict(case.args)), copy.deepcopy(dict(case.parts)))
        first, second = _inside(case, case.args), _inside(case, case.args)
        must(first == second, f"it came to {first}, then to {second}")
        after = (_files(tmp_path), dict(case.args), dict(case.parts))
        must(after == before, "it has changed files, its arguments or the parts")

    def test_its_changes_are_declared_values(self, tmp_path: Path) -> None:
        """Each is a frozen dataclass of a declared kind, which folds into a new part."""
        case = self.make_case(tmp_path)
        if not isinstance(case.tool, StagedTool):
            return
        for change in _changes(case, case.args):
            kind = str(getattr(change, "kind", ""))
            must(
                kind in case.tool.changes,
                f"it makes a change of the kind {kind!r}, which it does not declare",
            )
            params = getattr(type(change), "__dataclass_params__", None)
            must(params is not None and params.frozen, f"{change!r} is no frozen dataclass")
            if kind in case.parts:
                before = copy.deepcopy(case.parts[kind])
                folded = change.fold(case.parts[kind])
                must(case.parts[kind] == before, "its fold changes the part that it is given")
                must(folded == change.fold(before), "its fold comes to something else the second time")

    def test_secrets_are_taken_out_of_its_changes(self, tmp_path: Path) -> None:
        """What a model wrote is not declared as ``OURS``, and stands where redaction finds it."""
        case = self.make_case(tmp_path)
        if not isinstance(case.tool, StagedTool):
            return
        args = _with_secret(case.args)
        if wrong_arguments(case.tool.spec.schema, args):
            return  # its schema leaves no room for one
        for change in _changes(case, args):
            hidden = Redactor({"SUITE": frozenset({_SECRET})}).hidden(change)
            must(_SECRET not in repr(hidden), f"a secret stays in {hidden!r}")

    def test_a_run_calls_it_and_goes_on(self, tmp_path: Path) -> None:
        """A right call is answered with a text or blocks, and a wrong one with an error."""
        workdir = tmp_path / "home" / "work" / "job"
        workdir.mkdir(parents=True)
        case = self.make_case(workdir)

        async def check() -> None:
            name, asked = case.tool.spec.name, _Asks(case.tool.spec.name, case.wrong_args, case.args)
            async with open_world(tmp_path / "home", model=asked, tools={name: case.tool}) as world:
                trust = world.config.crontab.parent / "trust.toml"
                trust.write_text(_TRUST.format(name))
                trust.chmod(0o600)
                await world.load('@manual  job  "Try it."\n')
                run = await world.play("job")
                with world.reader() as reader:
                    calls = [call for call in reader.calls(run.id) if call.name == name]
            _must_be_answered(run, calls)

        asyncio.run(check())

    def _acting(self, workdir: Path) -> tuple[ToolCase, Tool | None]:
        case = self.make_case(workdir)
        return case, None if isinstance(case.tool, InsideTool) else case.tool


def check_tool(make_case: Callable[[Path], ToolCase], folder: Path) -> None:
    """Run all checks, each in an empty folder below ``folder``.

    Raises:
        AssertionError: the tool does not hold to one of them.
    """
    run_all(ToolConformance, make_case, folder)


class _Asks:
    """A model that makes one call after the other, and is content."""

    def __init__(self, name: str, *args: Args) -> None:
        self._name, self._left = name, list(enumerate(args, 1))

    async def ask(self, ask: Ask, *, on_text: Callable[[str], None] | None = None) -> Reply:
        del ask, on_text
        if not self._left:
            return Reply(({"type": "text", "text": "Done."},), "end_turn", Usage(), None, 0)
        number, args = self._left.pop(0)
        block = {"type": "tool_use", "id": f"toolu_{number}", "name": self._name, "input": dict(args)}
        return Reply((block,), "tool_use", Usage(), None, 0)

    async def close(self) -> None:
        """Do nothing."""


def _must_be_answered(run: Run, calls: list[Call]) -> None:
    wrong, *right = calls
    must(wrong.state is CallState.FAILED, f"a wrong call is recorded as {wrong.state}: {wrong.result}")
    at_rest = run.state in (State.SLEEPING, State.SUCCEEDED, State.FAILED) and len(calls) == 2
    must(at_rest, f"the state of the run is {run.state} after {len(calls)} calls: {run.reason}")
    fine = right[0].state in (CallState.DONE, CallState.WAITING)
    must(fine, f"the right call is recorded as {right[0].state}: {right[0].result}")


async def _call(tool: Tool, args: Args, context: ToolContext) -> None:
    try:
        answer = await tool.call(args, context)
    except ToolFault as fault:
        raise AssertionError(f"a right call is refused: {fault.message}") from fault
    try:
        clean(answer)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"its result cannot be sent: {error}") from error


def _changes(case: ToolCase, args: Args) -> tuple[Any, ...]:
    staged = _inside(case, args)
    return staged.changes if isinstance(staged, Staged) else ()


def _inside(case: ToolCase, args: Args) -> Staged | Outcome:
    tool = case.tool
    try:
        if isinstance(tool, ControlTool):
            return tool.decide(args, _NOW, "UTC")
        assert isinstance(tool, StagedTool)
        missing = [kind for kind in tool.reads if kind not in case.parts]
        must(not missing, f"the case has no parts for {missing}")
        job = Job("job", Manual(), "Try it.")
        run = Run("run", "job", State.RUNNING, BY_PERSON, _NOW, _NOW)
        return tool.stage(args, StageContext(job, run, "toolu_1", _NOW, _NOW, case.parts))
    except (ToolFault, RefusedError) as fault:
        raise AssertionError(f"a right call is refused: {fault.message}") from fault


def _context(case: ToolCase, workdir: Path) -> ToolContext:
    return ToolContext("run", "job", str(workdir), "a key", {}, case.hosts, secret=lambda _: _SECRET)


def _with_secret(value: Any) -> Any:
    """Return arguments with a secret in each text."""
    if isinstance(value, str):
        return f"{value} {_SECRET}"
    if isinstance(value, Mapping):
        return {name: _with_secret(each) for name, each in value.items()}
    return [_with_secret(each) for each in value] if isinstance(value, list) else value


def _files(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}
