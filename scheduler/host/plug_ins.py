"""Plug-ins: what installed distributions provide, found by the group and the name of their entry points.

Every group is read here, those of built-in tools, models and senders too.  A module is imported when a name
of it is first used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from scheduler.core.text.english import listed
from scheduler.core.text.suggest import did_you_mean
from scheduler.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


class Group(Generic[T]):
    """The plug-ins of one group, as they are installed at the first question.

    A process that runs for long makes a new one for each search, so that it finds what was installed later.

    Args:
        name: the group of the entry points, such as ``agentcron.tools``.
        noun: what one plug-in of the group is called in messages.
        check: ``check(point, found)`` returns what an entry point has loaded as what it should be, or raises
            ConfigError; the message follows the name of the plug-in ("is not a sender but ...").
    """

    def __init__(self, name: str, noun: str, check: Callable[[EntryPoint, object], T]) -> None:
        self._name = name
        self._noun = noun
        self._check = check
        self._loaded: dict[str, T] = {}

    def names(self) -> Sequence[str]:
        """Return all names, sorted; nothing is imported."""
        return sorted(self._points)

    def all(self) -> dict[str, T]:
        """Import all plug-ins of the group; return them by name.

        Raises:
            ConfigError: as ``load``, for the first that cannot be used.
        """
        return {name: self.get(name) for name in self.names()}

    def load(self, name: str) -> T | None:
        """Return the plug-in of this name, importing it on first use; None when there is none.

        Raises:
            ConfigError: two distributions provide it, it cannot be imported, or it is not what it should be.
        """
        if name in self._loaded:
            return self._loaded[name]
        if (points := self._points.get(name)) is None:
            return None
        what = f"the {self._noun} {name}"
        owners = sorted({point.dist.name if point.dist else "an unnamed distribution" for point in points})
        if len(owners) > 1:
            raise ConfigError(f"{what} is provided twice, by {listed(owners)}", help="uninstall one of them")
        what = f"{what} ({points[0].value})"
        try:
            found = self._check(points[0], points[0].load())
        except ConfigError as error:
            raise ConfigError(f"{what} {error.message}", help=error.help) from error
        except Exception as error:  # a plug-in may raise anything at its import
            raise ConfigError(f"{what} cannot be loaded: {type(error).__name__}: {error}") from error
        self._loaded[name] = found
        return found

    def get(self, name: str, order: Callable[[Iterable[str]], Iterable[str]] = sorted) -> T:
        """Return the plug-in of this name, as ``load`` does.

        Args:
            order: puts the known names in order, for the message.

        Raises:
            ConfigError: as ``load``, or there is none.
        """
        found = self.load(name)
        if found is None:
            known = listed(list(order(self._points)))
            raise ConfigError(
                f"no {self._noun} is called {name}",
                help=did_you_mean(name, self._points)
                or (f"known {self._noun}s: {known}" if known else "none is installed"),
            )
        return found

    @cached_property
    def _points(self) -> Mapping[str, Sequence[EntryPoint]]:
        return _points_in(self._name)


def names_in(group: str) -> frozenset[str]:
    """Return the names of all plug-ins of a group; nothing is imported."""
    return frozenset(_points_in(group))


def _points_in(group: str) -> Mapping[str, Sequence[EntryPoint]]:
    # 25 ms with all that it imports, and most crontabs and stored jobs need no plug-in.
    from importlib.metadata import entry_points

    points: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=group):
        points.setdefault(point.name, []).append(point)
    return points


def require_object(found: object, noun: str, methods: Sequence[str], attributes: str = "") -> Any:
    """Return an object that has these methods; a class is none.

    Args:
        attributes: what else it must have, for the message.

    Raises:
        ConfigError: it is something else.
    """
    if isinstance(found, type) or not all(callable(getattr(found, method, None)) for method in methods):
        needed = f"the {'method' if len(methods) == 1 else 'methods'} {listed(methods)}"
        raise ConfigError(
            f"is not a {noun} but {found!r}",
            help=f"name an object with {attributes}{' and ' if attributes else ''}{needed}",
        )
    return found


def require_name(point: EntryPoint, own: object) -> None:
    """Raise ConfigError when a plug-in has another name than its entry point."""
    if own != point.name:
        raise ConfigError(f"calls itself {own}")
