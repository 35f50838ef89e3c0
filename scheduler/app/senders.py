"""Senders by the kind of their notices: entry points of the group ``agentcron.senders``.

The built-in sender uses the same group as plug-ins.  Its module is imported when its kind is first used.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from scheduler.errors import ConfigError
from scheduler.ports.sender import Sender

GROUP = "agentcron.senders"


def find_sender(kind: str) -> Sender | None:
    """Return the sender of a kind, importing its module on first use; None when there is none.

    Raises:
        ConfigError: two distributions provide it, it cannot be imported, or it is not a sender of this kind.
    """
    # Not remembered: a plug-in that is installed while a daemon runs is found at the next notice.
    return _load(kind) if kind in entry_points(group=GROUP).names else None


@cache
def _load(kind: str) -> Sender:
    points = entry_points(group=GROUP, name=kind)
    owners = sorted({point.dist.name if point.dist else "an unnamed distribution" for point in points})
    if len(owners) > 1:
        raise ConfigError(
            f"the sender of {kind!r} notices is provided by {' and by '.join(owners)}",
            help="uninstall one of them",
        )
    point = points[kind]
    try:
        found = point.load()
    except Exception as error:  # a plug-in may raise anything at its import
        problem = f"{type(error).__name__}: {error}"
        raise ConfigError(f"the sender {kind} ({point.value}) cannot be loaded: {problem}") from error
    if not callable(getattr(found, "send", None)) or isinstance(found, type):
        raise ConfigError(
            f"the sender {kind} ({point.value}) is not a sender but {found!r}",
            help="name an object with `kind` and an async `send(notice, context)`",
        )
    if found.kind != kind:
        raise ConfigError(f"the sender {kind} ({point.value}) says that it is for {found.kind!r} notices")
    sender: Sender = found
    return sender
