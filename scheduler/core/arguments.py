"""The arguments that a model gives a tool, checked against the tool's schema before anything happens.

Only the plain part of JSON Schema is looked at: types, required and unknown names, enumerations, sizes.
What a schema says beyond that is left to the tool.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (Mapping,),
    "null": (type(None),),
}


def wrong_arguments(schema: Mapping[str, Any], args: object) -> str:
    """Return what is wrong with ``args`` in one phrase, or an empty text."""
    return _wrong(schema, args, "")


def _wrong(schema: Mapping[str, Any], value: object, where: str) -> str:
    kind = schema.get("type")
    if isinstance(kind, str) and not _is(kind, value):
        return f"{where or 'the input'} must be {_article(kind)}"
    choices = schema.get("enum")
    if choices and value not in choices:
        return f"{where} must be one of {', '.join(map(str, choices))}"
    if isinstance(value, str):
        return _wrong_size(schema, len(value), where, "characters", "minLength", "maxLength")
    if isinstance(value, Mapping):
        return _wrong_object(schema, value, where)
    if isinstance(value, list | tuple):
        return _wrong_array(schema, value, where)
    return ""


def _wrong_object(schema: Mapping[str, Any], value: Mapping[str, Any], where: str) -> str:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            return f"{_join(where, name)} is missing"
    for name, item in value.items():
        if name in properties:
            if wrong := _wrong(properties[name], item, _join(where, name)):
                return wrong
        elif schema.get("additionalProperties") is False:
            return f"{_join(where, str(name))} is not an argument (there are: {', '.join(properties)})"
    return ""


def _wrong_array(schema: Mapping[str, Any], value: list[Any] | tuple[Any, ...], where: str) -> str:
    if wrong := _wrong_size(schema, len(value), where, "items", "minItems", "maxItems"):
        return wrong
    items = schema.get("items")
    if isinstance(items, Mapping):
        for index, item in enumerate(value):
            if wrong := _wrong(items, item, f"{where}[{index}]"):
                return wrong
    return ""


def _wrong_size(
    schema: Mapping[str, Any], size: int, where: str, unit: str, least_key: str, most_key: str
) -> str:
    least, most = schema.get(least_key), schema.get(most_key)
    if least is not None and size < least:
        return f"{where} is empty" if size == 0 else f"{where} must have at least {least} {unit}"
    if most is not None and size > most:
        return f"{where} has {size} {unit}, more than {most}"
    return ""


def _is(kind: str, value: object) -> bool:
    if isinstance(value, bool) and kind in ("integer", "number"):
        return False  # bool is an int to Python, not to JSON
    return isinstance(value, _KINDS.get(kind, (object,)))


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
