"""The dispatcher is the only way to an effect: nothing else calls a tool, and few things start a process."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator

import pytest

from scheduler import tool
from scheduler.core.trust.effect import Effect
from scheduler.ports.tool import Args, ToolContext
from tests.house.tree import parsed, python_files

PACKAGE = [name for name in python_files("scheduler") if not name.startswith("scheduler/testing/")]

ATTEMPT = "scheduler/engine/attempt"

STARTERS = {
    "run_child",
    "run_sandboxed",
    "subprocess",
    "subprocess_exec",
    "subprocess_shell",
    "Popen",
    "fork",
}
MAY_START = {
    "scheduler/host/child.py": "the one that starts them",
    "scheduler/host/sandbox.py": "around the command of a tool",
    "scheduler/host/sandbox_proof.py": "the proof of the sandbox",
    "scheduler/engine/attempt/gate.py": "the owner's gate",
    "scheduler/tools/grep.py": "a tool",
    "scheduler/tools/shell.py": "a tool",
    "scheduler/adapters/report_command.py": "the owner's report command",
    "scheduler/adapters/system.py": "this machine's boot",
    "scheduler/doors/cli/verbs/start/demo.py": "a person's verb",
    "scheduler/doors/cli/verbs/start/edit.py": "a person's editor",
}


def callers(*methods: str) -> Iterator[tuple[str, str]]:
    """Yield the file and the function of every call of a method, whatever it is called on."""
    for name in PACKAGE:
        for function in ast.walk(parsed(name)):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    if (
                        isinstance(node, ast.Call)
                        and isinstance(node.func, ast.Attribute)
                        and node.func.attr in methods
                    ):
                        yield name, function.name


def users(wanted: str) -> set[str]:
    """Return the files in which a name is used, whether it is imported or an attribute."""
    return {
        name
        for name in PACKAGE
        for node in ast.walk(parsed(name))
        if (isinstance(node, ast.Name) and node.id == wanted)
        or (isinstance(node, ast.Attribute) and node.attr == wanted)
        or (isinstance(node, ast.alias) and node.name == wanted)
    }


def test_tools_are_called_at_one_place() -> None:
    found = set(callers("call", "probe"))
    inside = ("scheduler/tools/files.py", "_sdk")  # the SDK's function, within a tool of ours
    assert found - {inside} == {
        ("scheduler/engine/attempt/calls.py", "_outcome"),
        ("scheduler/engine/attempt/calls.py", "_settle_doubt"),
    }


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("run_calls", {f"{ATTEMPT}/calls.py", f"{ATTEMPT}/turns.py"}),
        ("_outcome", {f"{ATTEMPT}/calls.py"}),
        ("decide_calls", {f"{ATTEMPT}/{name}.py" for name in ("decisions", "begin", "controls")}),
        ("begin_calls", {f"{ATTEMPT}/{name}.py" for name in ("begin", "calls", "desk")}),
        # Only a desk says to a foreign loop that a call may begin.
        ("Allowed", {"scheduler/ports/backend.py", f"{ATTEMPT}/desk.py"}),
        ("prober", {"scheduler/toolkit.py"}),
        ("function", {"scheduler/toolkit.py"}),
    ],
)
def test_the_way_to_a_tool_has_no_second_door(name: str, where: set[str]) -> None:
    assert users(name) <= where


STEPS = (
    *("facts", "decide_calls", "sync", "commit"),
    *("begin_calls", "begin_again", "is_stopped", "_do", "_settle_doubt", "_outcome", "record", "Allowed"),
)


def order_in(file: str, function: str) -> list[str]:
    """Return in their order the steps of dispatch that a function takes."""
    [found] = [
        node
        for node in ast.walk(parsed(f"{ATTEMPT}/{file}.py"))
        if isinstance(node, ast.AsyncFunctionDef) and node.name == function
    ]
    calls = sorted((n for n in ast.walk(found) if isinstance(n, ast.Call)), key=lambda n: n.lineno)
    names = (n.func.attr if isinstance(n.func, ast.Attribute) else getattr(n.func, "id", "") for n in calls)
    return [n for n in names if n in STEPS]


def test_calls_are_judged_and_logged_before_they_are_started() -> None:
    # Those in doubt are judged once more: what held then may hold no longer.
    assert order_in("begin", "begin_calls") == ["facts", "decide_calls", "decide_calls", "sync", "commit"]


def test_our_own_loop_acts_after_the_beginning_and_records_after_it_has_acted() -> None:
    assert order_in("calls", "run_calls") == ["begin_calls", "_do", "_settle_doubt"]
    assert order_in("calls", "_do") == ["is_stopped", "_outcome", "record"]


def test_the_desk_allows_a_call_after_the_same_beginning() -> None:
    assert order_in("desk", "_begin") == ["begin_calls", "begin_again", "is_stopped", "Allowed"]


def test_few_things_start_a_process() -> None:
    assert set().union(*(users(name) for name in STARTERS)) == set(MAY_START)


def test_a_tool_that_declares_nothing_is_taken_for_the_worst() -> None:
    @tool(name="silent", description="It says nothing of itself.", schema={"type": "object"})
    async def silent(args: Args, context: ToolContext) -> str:
        return ""

    spec = silent.spec
    assert (spec.effect, spec.external, spec.reads_private, spec.reads_untrusted) == (
        Effect.OPAQUE,
        True,
        True,
        True,
    )
    assert spec.provenance == "untrusted:silent"
    defaults = {p.name: p.default for p in inspect.signature(tool).parameters.values()}
    assert defaults["effect"] is Effect.OPAQUE
