"""Every tool says what it may do; silence would be a claim."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from scheduler.core.trust.effect import Effect
from scheduler.ports.tool import AnyTool, ControlTool, ToolSpec
from scheduler.tools.registry import ALWAYS, BUILT_IN, tool, tools_for

TOOLS = [tool(name) for name in (*BUILT_IN, "fetch", "shell")]
LOOKING = {"read", "glob", "grep"}


def name_of(each: AnyTool) -> str:
    """Return a tool's name, for the names of tests."""
    return each.spec.name


def test_nothing_of_a_declaration_goes_without_saying() -> None:
    defaults = {
        field.name for field in dataclasses.fields(ToolSpec) if field.default is not dataclasses.MISSING
    }
    assert defaults == {"timeout_seconds", "targets"}, "who says no targets has the fewest rights"


@pytest.mark.parametrize("each", TOOLS, ids=name_of)
def test_a_tool_describes_itself_and_every_argument(each: AnyTool) -> None:
    spec = each.spec
    assert re.fullmatch(r"[a-z][a-z_]{0,63}", spec.name)
    assert len(spec.description) > 40
    schema = spec.schema
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) <= set(schema["properties"])
    for name, argument in schema["properties"].items():
        assert argument.get("description"), f"{spec.name}.{name} is not explained"
        if isinstance(each, ControlTool) and argument["type"] == "string" and "enum" not in argument:
            assert argument["maxLength"] > 0, "it is stored beside the conversation"
    assert 0 < spec.timeout_seconds <= 600


@pytest.mark.parametrize("each", TOOLS, ids=name_of)
def test_a_declaration_is_the_same_in_every_process(each: AnyTool) -> None:
    assert json.loads(json.dumps(each.spec.as_param())) == each.spec.as_param()


@pytest.mark.parametrize("each", TOOLS, ids=name_of)
def test_what_only_looks_may_be_repeated_and_what_writes_says_how(each: AnyTool) -> None:
    if isinstance(each, ControlTool):
        assert each.spec.name in ALWAYS
        assert not each.spec.external
    elif each.spec.name in LOOKING:
        assert each.spec.effect is Effect.PURE
        assert each.spec.reads_untrusted, "nobody knows who wrote a file"
    else:
        assert each.spec.effect is not Effect.PURE


def test_the_control_tools_are_always_there_and_come_first() -> None:
    for names in (None, (), ("grep",), ("grep", "read")):
        assert tuple(tools_for(names))[:3] == ALWAYS
    assert tuple(tools_for(("grep", "read"))) == (*ALWAYS, "read", "grep"), "in one order, for the cache"
