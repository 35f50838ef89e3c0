"""Tools by name: built-in and plugged in, and each of them declared in full."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from scheduler.core.trust.effect import Effect
from scheduler.errors import ConfigError
from scheduler.ports.tool import ToolSpec
from scheduler.toolkit import tool
from scheduler.tools import registry
from tests.kit.plug_ins import Distributions


@tool(name="weather", description="d", schema={"type": "object"}, effect="pure")
async def WEATHER(args: Any, context: Any) -> str:
    return "sunny"


@tool(name="crooked", description="d", schema={"type": "object", "required": "city"}, effect="pure")
async def CROOKED(args: Any, context: Any) -> str:
    return "never"


@tool(name="remote", description="d", schema={"type": "object", "$ref": "https://example.org/s"})
async def REMOTE(args: Any, context: Any) -> str:
    return "never"


NOT_A_TOOL = "a text"


def test_a_job_that_names_no_tools_gets_the_built_in_ones() -> None:
    assert tuple(registry.tools_for(None)) == registry.BUILT_IN


def test_sleep_note_and_finish_are_always_there_and_the_order_never_changes() -> None:
    assert list(registry.tools_for(())) == ["sleep", "note", "finish"]
    assert list(registry.tools_for(("grep", "read"))) == ["sleep", "note", "finish", "read", "grep"]
    assert list(registry.tools_for(("read", "grep", "read", "note"))) == list(
        registry.tools_for(("grep", "read"))
    )


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_every_built_in_tool_declares_what_it_does(name: str) -> None:
    spec = registry.tool(name).spec
    assert isinstance(spec, ToolSpec)
    assert spec.name == name
    assert isinstance(spec.effect, Effect)
    assert len(spec.description) > 20
    assert 0 < spec.timeout_seconds <= 120
    for flag in (spec.reads_private, spec.reads_untrusted, spec.external):
        assert isinstance(flag, bool)


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_every_schema_is_closed_and_describes_each_argument(name: str) -> None:
    param = registry.tool(name).spec.as_param()
    assert set(param) == {"name", "description", "input_schema"}
    schema = param["input_schema"]
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) <= set(schema["properties"])
    for prop in schema["properties"].values():
        assert prop["type"] in ("string", "boolean", "array", "integer")
        assert prop["description"]


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="no tool is called gerp") as caught:
        registry.tool("gerp")
    assert caught.value.help == "did you mean grep?"
    with pytest.raises(ConfigError) as caught:
        registry.tool("qqqq")
    assert "known tools: sleep, note, finish, read" in caught.value.help


def test_a_plug_in_is_found_after_the_built_in_ones(distributions: Distributions) -> None:
    distributions.provide(registry.GROUP, "weather", f"{__name__}:WEATHER")
    assert registry.known_names() == (*registry.BUILT_IN, "fetch", "schedule", "shell", "weather")
    assert list(registry.tools_for(("weather",)))[-1] == "weather"


def test_a_shell_is_there_for_those_who_ask() -> None:
    assert "shell" in registry.known_names()
    assert "shell" not in registry.tools_for(None)
    assert list(registry.tools_for(("shell", "read"))) == ["sleep", "note", "finish", "read", "shell"]


def test_two_distributions_cannot_provide_one_name(distributions: Distributions) -> None:
    distributions.provide(registry.GROUP, "read", f"{__name__}:WEATHER")
    with pytest.raises(ConfigError, match="read is provided twice, by agentcron and strangers"):
        registry.tool("read")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("NOT_A_TOOL", "is not a tool but a str"),
        ("MISSING", "cannot be loaded: AttributeError"),
        ("WEATHER", "calls itself weather"),
    ],
)
def test_a_plug_in_that_is_no_tool_is_refused(distributions: Distributions, value: str, problem: str) -> None:
    distributions.provide(registry.GROUP, "odd", f"{__name__}:{value}")
    with pytest.raises(ConfigError, match=problem):
        registry.tool("odd")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("crooked", r"CROOKED\) cannot be used: its schema is wrong at \$\.required: 'city' is not of type"),
        ("remote", r"REMOTE\) cannot be used: its schema refers to 'https://example.org/s'"),
    ],
)
def test_a_tool_whose_schema_cannot_check_arguments_is_refused(
    distributions: Distributions, name: str, problem: str
) -> None:
    distributions.provide(registry.GROUP, name, f"{__name__}:{name.upper()}")
    with pytest.raises(ConfigError, match=problem):
        registry.tools_for((name,))


@pytest.mark.process
def test_looking_names_up_imports_neither_tools_nor_the_sdk() -> None:
    code = (
        "import sys; from scheduler.tools import registry; registry.known_names();"
        "print([m for m in sys.modules if m.startswith(('anthropic', 'scheduler.tools.files', 'asyncio'))]);"
        "registry.tools_for(None); print('anthropic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\nFalse\n"
