"""Describe JSON Schema errors for a model: the place and the requirement, never the value."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from scheduler.core.text.capped import sendable

Error: TypeAlias = Any
"""A ValidationError of jsonschema, which has no types."""

MAX_NAME = 80
MAX_TEXT = 300


def phrases(error: Error) -> Iterator[str]:
    """Yield the meaning of an error, one phrase for each argument that it is about."""
    from jsonschema.exceptions import best_match

    error = best_match([error])
    where = _where(error)
    if error.validator == "required" and isinstance(error.validator_value, list):
        for name in error.validator_value:
            if name not in error.instance:
                yield f"{_join(where, name)} is missing"
    elif error.validator == "additionalProperties":
        there_are = ", ".join(map(_short, error.schema.get("properties", ())))
        yield f"{_join(where, error.instance)} is not an argument (there are: {_cut(there_are) or 'none'})"
    elif error.validator is None:
        # The schema is `false`, and the library does not report the place.
        yield "a part of the input is not allowed"
    else:
        yield f"{where or 'the input'} {_PHRASES.get(error.validator, _unfit)(error)}"


def _where(error: Error) -> str:
    where = ""
    for part in error.absolute_path:
        where = f"{where}[{part}]" if isinstance(part, int) else _join(where, part)
    return _cut(where)


def _join(where: str, name: str) -> str:
    return f"{where}.{_short(name)}" if where else _short(name)


def _unfit(error: Error) -> str:
    return f"does not satisfy {error.validator}: {_json(error.validator_value)}"


def _wrong_type(error: Error) -> str:
    return f"must be {_kinds([error])}"


def _wrong_choice(error: Error) -> str:
    return f"must be one of {_cut(', '.join(_plain(each) for each in error.validator_value))}"


def _no_alternative(error: Error) -> str:
    if error.validator == "oneOf" and not error.context:
        return "fits several alternatives of the schema, and must fit exactly one"
    if all(each.validator == "type" and not each.path for each in error.context):
        return f"must be {_kinds(error.context)}"
    return "fits none of the alternatives of the schema"


def _too_small(unit: str) -> Callable[[Error], str]:
    def phrase(error: Error) -> str:
        if len(error.instance) == 0:
            return "is empty"
        return f"must have at least {error.validator_value} {unit}"

    return phrase


def _too_big(unit: str) -> Callable[[Error], str]:
    return lambda error: f"has {len(error.instance)} {unit}, more than {error.validator_value}"


def _must_be(words: str) -> Callable[[Error], str]:
    return lambda error: f"must be {words}{_json(error.validator_value)}"


_PHRASES: Mapping[str | None, Callable[[Error], str]] = {
    "type": _wrong_type,
    "enum": _wrong_choice,
    "const": _must_be(""),
    "anyOf": _no_alternative,
    "oneOf": _no_alternative,
    "minLength": _too_small("characters"),
    "maxLength": _too_big("characters"),
    "minItems": _too_small("items"),
    "maxItems": _too_big("items"),
    "minProperties": _too_small("entries"),
    "maxProperties": _too_big("entries"),
    "minimum": _must_be("at least "),
    "maximum": _must_be("at most "),
    "exclusiveMinimum": _must_be("more than "),
    "exclusiveMaximum": _must_be("less than "),
    "multipleOf": _must_be("a multiple of "),
    "uniqueItems": lambda _: "has an item twice",
    "pattern": lambda error: f"does not match the regular expression {_short(error.validator_value)}",
    "not": lambda _: "is what the schema excludes",
}


def _kinds(errors: list[Error]) -> str:
    names: list[str] = []
    for error in errors:
        kinds = error.validator_value
        names += [kinds] if isinstance(kinds, str) else kinds
    return " or ".join(dict.fromkeys(_article(name) for name in names))


def _article(kind: str) -> str:
    if kind == "null":
        return kind
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: object) -> str:
    return _cut(json.dumps(value))


def _short(text: str) -> str:
    return _cut(text, MAX_NAME)


def _cut(text: str, most: int = MAX_TEXT) -> str:
    return sendable(text if len(text) <= most else f"{text[:most]}...")
