"""JSON Schema: validate declarations of tools, and arguments of calls.

``jsonschema`` validates, in the draft that ``$schema`` names, by default 2020-12.  It differs from the
defaults of that library in three points.  A ``$ref`` may refer only to the same schema: nothing is fetched.
Regular expressions are matched by ``regex``, which has a time limit: an expression such as ``(a+)+$`` keeps
``re`` busy for hours with forty characters chosen by an attacker.  ``format`` is an annotation.

Neither library is imported before the first schema is validated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from itertools import islice
from typing import Any, TypeAlias

from scheduler.engine.schema_errors import phrases
from scheduler.errors import ConfigError

Schema: TypeAlias = Mapping[str, Any]
Validator: TypeAlias = Any
"""A class of jsonschema, which is not imported here, and has no types."""

MAX_PHRASES = 3
"""Errors that are reported at a time: a model corrects a few better than a list."""

MAX_ERRORS = 100
"""Errors that are collected; a list of a million wrong numbers needs no more."""

MATCH_SECONDS = 0.1
"""The time limit of one regular expression for one text; everything else waits for it."""


def check_schema(schema: Schema) -> None:
    """Refuse a schema that cannot validate the arguments of a tool.

    Raises:
        ConfigError: it is not JSON, violates its draft, does not describe an object, refers to something
            outside of it, or has a regular expression that cannot be compiled.
    """
    text = _text(schema)
    if schema.get("type") != "object":
        raise ConfigError('its schema must say "type": "object": arguments have names')
    _validator(text)


def wrong_arguments(schema: Schema, args: object) -> str:
    """Return what is wrong with ``args`` in one sentence that repeats no value, or an empty text.

    Raises:
        ConfigError: the schema is wrong, as for ``check_schema``.
    """
    validator = _validator(_text(schema))
    try:
        errors = sorted(islice(validator.iter_errors(args), MAX_ERRORS), key=lambda e: len(e.absolute_path))
        found = list(dict.fromkeys(phrase for error in errors for phrase in phrases(error)))
    except TimeoutError:
        return "the input takes too long to match with a regular expression of the schema"
    except RecursionError:
        return "the input, or the schema, is nested too deep"
    return "; ".join(found[:MAX_PHRASES]) + ("; and more is wrong" if len(found) > MAX_PHRASES else "")


def _text(schema: Schema) -> str:
    try:
        return json.dumps(dict(schema), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"its schema is not JSON: {error}") from error


@lru_cache(maxsize=512)
def _validator(text: str) -> Validator:
    """Return the validator of a schema, which is inspected once."""
    import jsonschema
    import regex
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import specification_with

    schema = json.loads(text)
    draft = jsonschema.validators.validator_for(schema, default=None)
    if "$schema" not in schema:
        draft = jsonschema.Draft202012Validator
    elif draft is None:
        raise ConfigError(f"its schema has an unknown $schema: {str(schema['$schema'])[:200]!r}")
    try:
        # No formats: `re`, which would be used for "regex", supports less than `regex` does.
        draft.check_schema(schema, format_checker=jsonschema.FormatChecker(formats=()))
        _inspect(schema, specification_with(draft.META_SCHEMA["$schema"]).create_resource)
    except jsonschema.SchemaError as error:
        raise ConfigError(f"its schema is wrong at {error.json_path}: {error.message[:300]}") from error
    except Unresolvable as error:
        raise ConfigError(
            f"its schema refers to {error.ref[:200]!r}, which is not in it",
            help="put what is meant under $defs; nothing is fetched",
        ) from error
    except regex.error as error:
        raise ConfigError(f"its schema has a wrong regular expression: {error}") from error
    except RecursionError as error:
        raise ConfigError("its schema is nested too deep") from error
    return _bounded(draft)(schema, registry=Registry())


def _inspect(whole: Schema, create: Callable[[Any], Any]) -> None:
    """Resolve every reference and compile every expression of a schema.

    Args:
        create: makes a resource of a schema, by the rules of its draft.

    Raises:
        ConfigError: it contains what could not be checked within a time limit.
    """
    import regex
    from referencing import Registry

    keywords: set[str] = set()
    root = create(whole)
    for schema in _subschemas(root, Registry().resolver_with_root(root), create, set()):
        if schema is not whole and "$schema" in schema:
            raise ConfigError("its schema has $schema below the top, which is not supported")
        keywords |= schema.keys()
        for pattern in (schema.get("pattern"), *schema.get("patternProperties", ())):
            if pattern is not None:
                regex.compile(pattern)
    if keywords >= {"patternProperties", "unevaluatedProperties"}:
        # Here the library would match names with `re`.
        raise ConfigError(
            "its schema has patternProperties and unevaluatedProperties, which are not supported together",
            help="use additionalProperties instead",
        )


def _subschemas(
    resource: Any, resolver: Any, create: Callable[[Any], Any], seen: set[int]
) -> Iterator[dict[str, Any]]:
    """Yield a schema and all that it contains or refers to, each once."""
    schema = resource.contents
    if not isinstance(schema, dict) or id(schema) in seen:
        return
    seen.add(id(schema))
    yield schema
    for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
        if isinstance(schema.get(keyword), str):
            target = resolver.lookup(schema[keyword])
            # It may be at a place that no keyword declares as a schema.
            yield from _subschemas(create(target.contents), target.resolver, create, seen)
    for each in resource.subresources():
        yield from _subschemas(each, resolver.in_subresource(each), create, seen)


@cache
def _bounded(draft: Any) -> Any:
    """Return a draft's validator that matches regular expressions within a time limit."""
    import jsonschema

    keywords = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    }
    return jsonschema.validators.extend(draft, keywords)


def _matches(pattern: str, text: str) -> bool:
    """Whether an expression is found in a text.

    Raises:
        TimeoutError: it took too long.
    """
    import regex

    return regex.search(pattern, text, timeout=MATCH_SECONDS) is not None


def _pattern(validator: Validator, pattern: str, text: Any, _: Schema) -> Iterator[Any]:
    from jsonschema import ValidationError

    if validator.is_type(text, "string") and not _matches(pattern, text):
        yield ValidationError("does not match")


def _pattern_properties(
    validator: Validator, patterns: Mapping[str, Any], value: Any, _: Schema
) -> Iterator[Any]:
    if not validator.is_type(value, "object"):
        return
    for pattern, schema in patterns.items():
        for name, item in value.items():
            if _matches(pattern, name):
                yield from validator.descend(item, schema, path=name, schema_path=pattern)


def _additional_properties(validator: Validator, rest: Any, value: Any, schema: Schema) -> Iterator[Any]:
    """As the library does, with one error for each name, which is its instance."""
    from jsonschema import ValidationError

    if not validator.is_type(value, "object"):
        return
    for name, item in value.items():
        if name in schema.get("properties", {}):
            continue
        if any(_matches(pattern, name) for pattern in schema.get("patternProperties", {})):
            continue
        if rest is False:
            yield ValidationError("not an argument", instance=name)
        else:
            yield from validator.descend(item, rest, path=name)
