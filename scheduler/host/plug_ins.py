"""The plug-ins of this machine: what installed distributions provide, found by their entry points.

A module is imported when a name of it is first used; a crontab that uses no plug-in imports none, and asks
for no list of what is installed either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from scheduler.core.crontab.options import OPTIONS
from scheduler.core.job.option import Option
from scheduler.core.job.vocabulary import Vocabulary
from scheduler.core.registry import Registry
from scheduler.core.run.event import OWN_KINDS
from scheduler.core.time.trigger import KINDS, Trigger
from scheduler.core.time.triggers.base import EventKind, EventKinds
from scheduler.errors import AgentcronError, ConfigError
from scheduler.ports.source import Source

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

TRIGGERS, OPTIONS_GROUP, SOURCES = "agentcron.triggers", "agentcron.options", "agentcron.sources"

T = TypeVar("T")

_SOURCE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")
"""It names a folder of the home, and stands in the label of what the source reports."""

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


def _source(name: str, found: Any) -> Source:
    if not _SOURCE_NAME.match(name):
        raise ConfigError("must have a name of small letters, digits, - and _")
    for method in ("declares", "watch"):
        if isinstance(found, type) or not callable(getattr(found, method, None)):
            raise ConfigError(f"is no source but {found!r}", help="it needs the methods declares and watch")
    source: Source = found
    return source


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


def installed_sources() -> tuple[Mapping[str, Source], Sequence[str]]:
    """Return the sources by their names, and why others cannot be loaded."""
    return _loaded(Group(SOURCES, "source", _source))


def _loaded(group: Group[Source]) -> tuple[dict[str, Source], list[str]]:
    loaded: dict[str, Source] = {}
    faults: list[str] = []
    for name in group.names():
        try:
            if (source := group.load(name)) is not None:
                loaded[name] = source
        except ConfigError as error:
            faults.append(error.message)
    return loaded, faults


def _declared(group: Group[Source]) -> EventKinds:
    kinds: list[EventKind] = []
    loaded, faults = _loaded(group)
    for name, source in loaded.items():
        try:
            declared = tuple(source.declares())
            if own := sorted({each.name for each in declared} & OWN_KINDS):
                raise ConfigError(f"{own[0]} is a kind of agentcron's own")
            kinds += declared
        except Exception as error:  # as above: one source that fails leaves the others
            faults.append(f"the source {name} failed: {type(error).__name__}: {error}")
    return EventKinds(tuple(kinds), tuple(faults))
