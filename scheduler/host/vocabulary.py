"""The vocabulary of this machine: what is built in, and what installed plug-ins add to it.

A crontab that uses no plug-in imports none and does not read the list of installed distributions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scheduler.core.crontab.options import OPTIONS
from scheduler.core.job.option import Option
from scheduler.core.job.vocabulary import Vocabulary
from scheduler.core.registry import Registry
from scheduler.core.time.trigger import KINDS, Trigger
from scheduler.core.time.triggers.base import EventKind, EventKinds
from scheduler.errors import AgentcronError, ConfigError
from scheduler.host.plug_ins import Group, require_object

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

TRIGGERS, OPTIONS_GROUP, SOURCES = "agentcron.triggers", "agentcron.options", "agentcron.sources"

_BUILT_IN_OPTIONS = {option.name: option for option in OPTIONS}


def vocabulary() -> Vocabulary:
    """Return what a crontab and a stored job may consist of, with what is installed now."""
    sources = Group(SOURCES, "source", _source)
    return Vocabulary(
        triggers=Registry(KINDS.built_in, Group(TRIGGERS, "schedule", _trigger)),
        options=Registry(_BUILT_IN_OPTIONS, Group(OPTIONS_GROUP, "option", _option)),
        events=lambda: _declared(sources),
    )


def _trigger(point: EntryPoint, found: object) -> type[Trigger]:
    if not isinstance(found, type) or not issubclass(found, Trigger):
        raise ConfigError("is no class that extends scheduler.core.time.triggers.base.Trigger")
    if (getattr(found, "kind", None), found.word) != (point.name, f"@{point.name}"):
        raise ConfigError(f'must have the kind "{point.name}" and the word "@{point.name}"')
    return found


def _option(point: EntryPoint, found: object) -> Option:
    if not isinstance(found, Option):
        raise ConfigError("is no Option")
    if found.name != point.name or found.field or found.upper or found.alias:
        raise ConfigError(f'must have the name "{point.name}", and no field, upper or alias')
    return replace(found, read=_guarded(point.name, found.read))


def _source(_point: EntryPoint, found: object) -> Callable[[], Sequence[EventKind]]:
    source = require_object(found, "source", ("declares",))
    return lambda: tuple(source.declares())


def _guarded(name: str, read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a reader of an option that gives a JSON value and fails as our own ones do."""

    def guarded(text: str) -> Any:
        try:
            return json.loads(json.dumps(read(text), allow_nan=False))
        except AgentcronError:
            raise
        except Exception as error:  # a plug-in may raise anything; the other jobs go on
            raise ConfigError(f"the plug-in of {name}= failed: {type(error).__name__}: {error}") from error

    return guarded


def _declared(sources: Group[Callable[[], Sequence[EventKind]]]) -> EventKinds:
    kinds: list[EventKind] = []
    faults: list[str] = []
    for name in sources.names():
        try:
            declares = sources.load(name)
            kinds += declares() if declares else ()
        except ConfigError as error:
            faults.append(error.message)
        except Exception as error:  # one source that fails leaves the others
            faults.append(f"the source {name} failed: {type(error).__name__}: {error}")
    return EventKinds(tuple(kinds), tuple(faults))
