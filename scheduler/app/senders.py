"""Senders by the kind of their notices: entry points of the group ``agentcron.senders``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler.host.plug_ins import Group, require_name, require_object
from scheduler.ports.sender import Sender

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "agentcron.senders"


def find_sender(kind: str) -> Sender | None:
    """Return the sender of a kind, importing its module on first use; None when there is none.

    Raises:
        ConfigError: two distributions provide it, it cannot be imported, or it is not a sender of this kind.
    """
    # A new group each time: a plug-in that is installed while a daemon runs is found at the next notice.
    return Group(GROUP, "sender", _checked).load(kind)


def _checked(point: EntryPoint, found: object) -> Sender:
    sender: Sender = require_object(found, "sender", ("send",), "kind")
    require_name(point, sender.kind)
    return sender
