"""Arguments that contradict the schema are refused in words that a model can act on."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from scheduler.engine.schema import check_schema, wrong_arguments
from scheduler.errors import ConfigError
from scheduler.tools import registry

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

SLOW = "^(a|a)*$"
"""Takes twice as long with each further ``a`` in front of a ``b``."""

ATTACK = "a" * 60 + "b"


def one(schema: Any, **more: Any) -> dict[str, Any]:
    """Return the schema of one argument."""
    return {"type": "object", "properties": {"x": schema}, **more}


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
        ({"name": "x", "free": 1}, "free must be a string or null"),
        ({"name": "x", "nme": 1}, "nme is not an argument (there are: name, count, rate, mode, deep, free)"),
        (
            {"count": "1", "rate": "2", "mode": 3},
            "name is missing; count must be an integer; rate must be a number; and more is wrong",
        ),
    ],
)
def test_what_is_wrong_is_named(args: object, wrong: str) -> None:
    assert wrong_arguments(SCHEMA, args) == wrong


@pytest.mark.parametrize(
    ("schema", "value", "wrong"),
    [
        ({"const": "yes"}, "no", 'x must be "yes"'),
        ({"oneOf": [{"minimum": 1}, {"maximum": 3}]}, 2, "x fits several alternatives"),
        ({"anyOf": [{"minimum": 5}, {"maximum": 1}]}, 2, "x fits none of the alternatives"),
        (
            {"anyOf": [{"type": "null"}, {"properties": {"y": {"type": "null"}}}]},
            {"y": 1},
            "x.y must be null",
        ),
        ({"type": "array", "minItems": 2}, [1], "x must have at least 2 items"),
        ({"type": "array", "maxItems": 1}, [1, 2], "x has 2 items, more than 1"),
        ({"uniqueItems": True}, [1, 1], "x has an item twice"),
        ({"prefixItems": [{}, {"type": "null"}]}, [1, 2], "x[1] must be null"),
        ({"exclusiveMinimum": 0}, 0, "x must be more than 0"),
        ({"multipleOf": 5}, 7, "x must be a multiple of 5"),
        ({"pattern": "^[a-z]+-[0-9]+$"}, "A1", "x does not match the regular expression ^[a-z]+-[0-9]+$"),
        ({"pattern": r"^\p{Lu}\p{Ll}*$"}, "Émile", ""),
        ({"not": {"type": "string"}}, "a", "x is what the schema excludes"),
        ({"propertyNames": {"maxLength": 2}}, {"abc": 1}, "x has 3 characters, more than 2"),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, 'x does not satisfy dependentRequired: {"a": ["b"]}'),
        ({"patternProperties": {"^a": {"type": "null"}}}, {"ab": 1}, "x.ab must be null"),
        ({"patternProperties": {"^a": {}}, "additionalProperties": False}, {"a": 1}, ""),
        (
            {"patternProperties": {"^a": {}}, "additionalProperties": False},
            {"b": 1},
            "x.b is not an argument",
        ),
        ({"additionalProperties": {"type": "null"}}, {"b": 1}, "x.b must be null"),
        ({"if": {"type": "string"}, "then": {"minLength": 2}}, "a", "x must have at least 2 characters"),
        (False, 1, "a part of the input is not allowed"),
        ({"$ref": "#/$defs/id"}, "a", "x must be an integer"),
        ({"$ref": "#id"}, "a", "x must be an integer"),
        ({"format": "date"}, "no date", ""),
    ],
)
def test_the_whole_of_the_specification_counts(schema: Any, value: object, wrong: str) -> None:
    whole = one(schema, **{"$defs": {"id": {"$anchor": "id", "type": "integer"}}})
    check_schema(whole)
    found = wrong_arguments(whole, {"x": value})
    assert found.startswith(wrong) if wrong else not found


def test_a_schema_is_read_by_the_rules_of_its_draft() -> None:
    pair = {"type": "array", "items": [{"type": "integer"}, {"type": "null"}]}
    seven = one(pair, **{"$schema": "http://json-schema.org/draft-07/schema#"})
    check_schema(seven)
    assert wrong_arguments(seven, {"x": [1, 2]}) == "x[1] must be null"
    with pytest.raises(ConfigError, match=r"wrong at \$\.properties\.x\.items"):
        check_schema(one(pair))


def test_no_value_is_repeated_and_no_name_at_length() -> None:
    long = "v" * 100_000
    schema = one({"enum": [f"choice {n}" for n in range(1000)]}, additionalProperties=False)
    for args in ({"x": long}, {long: 1}, {"x": {long: long}}):
        found = wrong_arguments(schema, args)
        assert found
        assert len(found) < 500
        assert "v" * 100 not in found
    assert (
        wrong_arguments(one({"type": "array", "items": {"type": "null"}}), {"x": [1] * 100_000}).count(";")
        == 3
    )
    assert "\udc80" not in wrong_arguments(schema, {"\udc80": 1}), "a text that can be sent"


@pytest.mark.parametrize(
    "schema",
    [
        one({"pattern": SLOW}),
        one({"patternProperties": {SLOW: {"type": "null"}}}),
        one({"patternProperties": {SLOW: {"type": "null"}}, "additionalProperties": False}),
        one({"additionalProperties": False, "patternProperties": {SLOW: {"type": "null"}}}),
        one({"propertyNames": {"pattern": SLOW}}),
    ],
)
@pytest.mark.timeout(20)
def test_an_expression_that_takes_too_long_refuses_the_call(schema: dict[str, Any]) -> None:
    value: Any = ATTACK if "pattern" in schema["properties"]["x"] else {ATTACK: 1}
    assert "takes too long to match" in wrong_arguments(schema, {"x": value})


def test_names_are_never_matched_without_a_time_limit() -> None:
    with pytest.raises(ConfigError, match="unevaluatedProperties") as caught:
        check_schema(one({"patternProperties": {SLOW: {}}, "unevaluatedProperties": False}))
    assert caught.value.help == "use additionalProperties instead"
    part = {"$schema": "http://json-schema.org/draft-07/schema#", "$id": "urn:part", "pattern": SLOW}
    with pytest.raises(ConfigError, match=r"\$schema below the top"):
        check_schema(one({"$ref": "urn:part"}, **{"$defs": {"part": part}}))


@pytest.mark.parametrize(
    "ref",
    ["http://127.0.0.1:1/schema.json", "file:///etc/passwd", "#/$defs/missing", "other.json", "#missing"],
)
def test_nothing_outside_the_schema_is_referred_to_or_fetched(
    monkeypatch: pytest.MonkeyPatch, ref: str
) -> None:
    def connect(*_: object) -> None:
        raise AssertionError("a schema was fetched")

    monkeypatch.setattr(socket.socket, "connect", connect)
    for schema in (one({"$ref": ref}), one({"$dynamicRef": ref}), one({"allOf": [{"not": {"$ref": ref}}]})):
        with pytest.raises(ConfigError, match="which is not in it") as caught:
            check_schema(schema)
        assert "nothing is fetched" in caught.value.help
        with pytest.raises(ConfigError):
            wrong_arguments(schema, {"x": 1})


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        (one({"type": "mystery"}), "'mystery' is not valid"),
        (one({"minLength": -1}), r"\$\.properties\.x\.minLength"),
        (one({"pattern": "("}), "a wrong regular expression"),
        (one({"$ref": "#/odd"}, odd={"pattern": "("}), "a wrong regular expression"),
        (one({"$schema": "https://example.org/mine"}), "below the top"),
        (one({}, **{"$schema": "https://example.org/mine"}), r"unknown \$schema"),
        (one({"const": {1, 2}}), "is not JSON"),
        (one({"maximum": float("nan")}), "is not JSON"),
        ({"type": "string"}, '"type": "object"'),
        ({}, '"type": "object"'),
    ],
)
def test_a_schema_that_cannot_check_is_refused(schema: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        check_schema(schema)


def test_depth_refuses_the_call_or_the_schema_and_breaks_nothing() -> None:
    assert "nested too deep" in wrong_arguments({"type": "object", "$ref": "#"}, {})
    value: Any = {}
    for _ in range(5000):
        value = {"x": value}
    assert "nested too deep" in wrong_arguments({"type": "object", "properties": {"x": {"$ref": "#"}}}, value)
    with pytest.raises(ConfigError):
        check_schema(one({"const": value}))
    deep: Any = {}
    for _ in range(300):
        deep = {"not": deep}
    with pytest.raises(ConfigError, match="nested too deep"):
        check_schema(one(deep))


@pytest.mark.parametrize("name", registry.known_names())
def test_the_schemas_of_our_own_tools_are_valid(name: str) -> None:
    check_schema(registry.tool(name).spec.schema)
