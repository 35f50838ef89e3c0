"""Arguments that contradict the schema are refused in words that a model can act on."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.core.arguments import wrong_arguments

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 3},
        "count": {"type": "integer"},
        "rate": {"type": "number"},
        "mode": {"type": "string", "enum": ["a", "b"]},
        "deep": {"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"]},
        "free": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["name"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("args", "wrong"),
    [
        ({"name": "x"}, ""),
        ({"name": "x", "count": 1, "rate": 0.5, "mode": "a", "deep": {"on": True}, "free": None}, ""),
        ([], "the input must be an object"),
        ({}, "name is missing"),
        ({"name": ""}, "name is empty"),
        ({"name": "four"}, "name has 4 characters, more than 3"),
        ({"name": None}, "name must be a string"),
        ({"name": "x", "count": True}, "count must be an integer"),
        ({"name": "x", "count": 1.5}, "count must be an integer"),
        ({"name": "x", "mode": "c"}, "mode must be one of a, b"),
        ({"name": "x", "deep": {}}, "deep.on is missing"),
        ({"name": "x", "nme": 1}, "nme is not an argument (there are: name, count, rate, mode, deep, free)"),
    ],
)
def test_what_is_wrong_is_named(args: object, wrong: str) -> None:
    assert wrong_arguments(SCHEMA, args) == wrong


def test_what_a_schema_says_beyond_the_plain_part_is_left_to_the_tool() -> None:
    assert wrong_arguments({"oneOf": [{"type": "string"}]}, 3) == ""
    assert wrong_arguments({"type": "mystery"}, 3) == ""
