"""The plug-ins of this machine: what installed distributions provide, found by their entry points.

A module is imported when a name of it is first used; a crontab that uses no plug-in imports none, and asks
for no list of what is installed either.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from scheduler.core.crontab.options import OPTIONS
from scheduler.core.job.option import Option
from scheduler.core.job.vocabulary import Vocabulary
from scheduler.core.registry import Registry
from scheduler.core.time.trigger import KINDS, Trigger
from scheduler.core.time.triggers.base import EventKind, EventKinds
from scheduler.errors import AgentcronError, ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

TRIGGERS, OPTIONS_GROUP, SOURCES = "agentcron.triggers", "agentcron.options", "agentcron.sources"

T = TypeVar("T")

_BUILT_IN_OPTIONS = {option.name: option for option in OPTIONS}


class Group(Generic[T]):
    """The plug-ins of one group; what is installed is looked up once, at the first question.

    Args:
        noun: what one of them is to people.
        checked: returns what was loaded as what it should be, or raises ConfigError saying what it is not.
    """

    def __init__(self, group: str, noun: str, checked: Callable[[str, object], T]) -> None:
        self._group = group
        self._noun = noun
        self._checked = checked
        self._loaded: dict[str, T] = {}

    def names(self) -> Sequence[str]:
        """Return the names of all, sorted, without importing any."""
        return sorted(self._points)

    def load(self, name: str) -> T | None:
        """Return what has this name, importing it on first use; None when nothing has.

        Raises:
            ConfigError: it is provided twice, cannot be imported, or is not what it should be.
        """
        if name in self._loaded:
            return self._loaded[name]
        if (points := self._points.get(name)) is None:
            return None
        what = f"the {self._noun} {name}"
        owners = {point.dist.name if point.dist else "an unnamed distribution": point for point in points}
        if len(owners) > 1:
            raise ConfigError(
                f"{what} is provided twice, by {' and '.join(owners)}", help="uninstall one of them"
            )
        point = points[0]
        try:
            found = self._checked(name, point.load())
        except ConfigError as error:
            raise ConfigError(f"{what} ({point.value}) {error.message}", help=error.help) from error
        except Exception as error:  # whatever a stranger's module does at import
            problem = f"{type(error).__name__}: {error}"
            raise ConfigError(f"{what} ({point.value}) cannot be loaded: {problem}") from error
        self._loaded[name] = found
        return found

    @cached_property
    def _points(self) -> dict[str, list[EntryPoint]]:
        # 25 ms with all that it imports, and most crontabs and stored jobs never ask.
        from importlib.metadata import entry_points

        points: dict[str, list[EntryPoint]] = {}
        for point in entry_points(group=self._group):
            points.setdefault(point.name, []).append(point)
        return points


def vocabulary() -> Vocabulary:
    """Return what a crontab and a stored job may consist of here and now."""
    sources = Group(SOURCES, "source", _source)
    return Vocabulary(
        triggers=Registry(KINDS.built_in, Group(TRIGGERS, "schedule", _trigger)),
        options=Registry(_BUILT_IN_OPTIONS, Group(OPTIONS_GROUP, "option", _option)),
        events=lambda: _declared(sources),
    )


def _trigger(name: str, found: object) -> type[Trigger]:
    if not isinstance(found, type) or not issubclass(found, Trigger):
        raise ConfigError("is no class that extends scheduler.core.time.triggers.base.Trigger")
    if (getattr(found, "kind", None), found.word) != (name, f"@{name}"):
        raise ConfigError(f'must have the kind "{name}" and the word "@{name}"')
    return found


def _option(name: str, found: object) -> Option:
    if not isinstance(found, Option):
        raise ConfigError("is no Option")
    if found.name != name or found.field or found.upper or found.alias:
        raise ConfigError(f'must have the name "{name}", and no field, upper or alias')
    return replace(found, read=_guarded(name, found.read))


def _source(_name: str, found: object) -> Callable[[], Sequence[EventKind]]:
    declares = getattr(found, "declares", None)
    if not callable(declares):
        raise ConfigError("has no method declares")
    return lambda: tuple(declares())


def _guarded(name: str, read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a reader of an option that gives a JSON value and fails as our own ones do."""

    def guarded(text: str) -> Any:
        try:
            return json.loads(json.dumps(read(text), allow_nan=False))
        except AgentcronError:
            raise
        except Exception as error:  # whatever a stranger's code does must not stop the other jobs
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
        except Exception as error:  # as above: one source that fails leaves the others
            faults.append(f"the source {name} failed: {type(error).__name__}: {error}")
    return EventKinds(tuple(kinds), tuple(faults))
