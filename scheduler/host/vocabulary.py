"""The vocabulary of this machine: the built-in one, and the additions of installed plug-ins.

A crontab that uses no plug-in imports none and does not read the list of installed distributions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from scheduler.core.crontab.options import OPTIONS
from scheduler.core.job.option import Option
from scheduler.core.job.vocabulary import Vocabulary
from scheduler.core.registry import Registry
from scheduler.core.time.trigger import KINDS, Trigger
from scheduler.errors import AgentcronError, ConfigError
from scheduler.host.plug_ins import Group
from scheduler.host.sources import declared_events

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

TRIGGERS, OPTIONS_GROUP = "agentcron.triggers", "agentcron.options"

_BUILT_IN_OPTIONS = {option.name: option for option in OPTIONS}


def vocabulary() -> Vocabulary:
    """Return the vocabulary of crontabs and stored jobs with the plug-ins installed now."""
    return Vocabulary(
        triggers=Registry(KINDS.built_in, Group(TRIGGERS, "schedule", _trigger)),
        options=Registry(_BUILT_IN_OPTIONS, Group(OPTIONS_GROUP, "option", _option)),
        events=cache(declared_events),
    )


def _trigger(point: EntryPoint, found: object) -> type[Trigger]:
    if not isinstance(found, type) or not issubclass(found, Trigger):
        raise ConfigError("is not a class that extends scheduler.core.time.triggers.base.Trigger")
    if (getattr(found, "kind", None), found.word) != (point.name, f"@{point.name}"):
        raise ConfigError(f'must have the kind "{point.name}" and the word "@{point.name}"')
    return found


def _option(point: EntryPoint, found: object) -> Option:
    if not isinstance(found, Option):
        raise ConfigError("is not an Option")
    if found.name != point.name or found.field or found.upper or found.alias:
        raise ConfigError(f'must have the name "{point.name}", and no field, upper or alias')
    return replace(found, read=_guarded(point.name, found.read))


def _guarded(name: str, read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a reader of an option that returns a JSON value and fails like the built-in ones."""

    def guarded(text: str) -> Any:
        try:
            return json.loads(json.dumps(read(text), allow_nan=False))
        except AgentcronError:
            raise
        except Exception as error:  # a plug-in may raise anything; other jobs are not affected
            raise ConfigError(f"the plug-in of {name}= failed: {type(error).__name__}: {error}") from error

    return guarded
