"""When a job fires: the kinds of triggers that are built in, and how a kind is found.

A new kind is a file in ``triggers/`` and a line in ``KINDS``, or a plug-in with an entry point of the group
``agentcron.triggers``.  Nothing else lists them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scheduler.core.registry import Registry
from scheduler.core.text.suggest import did_you_mean
from scheduler.core.time.fields import ALIASES
from scheduler.core.time.triggers.at import At as At
from scheduler.core.time.triggers.base import Trigger as Trigger
from scheduler.core.time.triggers.cron import CronTrigger as CronTrigger
from scheduler.core.time.triggers.event import Event as Event
from scheduler.core.time.triggers.every import Every as Every
from scheduler.core.time.triggers.manual import Manual as Manual
from scheduler.core.time.triggers.missing import MissingTrigger as MissingTrigger
from scheduler.core.time.triggers.reboot import Reboot as Reboot
from scheduler.errors import ConfigError

Kinds = Registry[type[Trigger]]

KINDS: Kinds = Registry({kind.kind: kind for kind in (CronTrigger, Every, At, Reboot, Manual, Event)})
"""Every kind that is built in, by its name in the database."""

NOT_BUILT = frozenset({"@heartbeat", "@dream", "@idle", "@webhook", "@file"})
"""Words of later versions: refused by name, never accepted and ignored."""


def kind_of(words: Sequence[str], kinds: Kinds = KINDS) -> type[Trigger]:
    """Return the kind of trigger that the words of a schedule name.

    Raises:
        ConfigError: there is none with this word, or it cannot be used (E07).
    """
    word = words[0].lower()
    if not word.startswith("@") or word in ALIASES:
        return CronTrigger
    try:
        kind = kinds.get(word[1:])
    except ConfigError as error:
        raise ConfigError(error.message, code="E07", help=error.help) from error
    if kind is not None and kind.word == word:
        return kind
    known = (*ALIASES, *(f"@{name}" for name in kinds.names() if name != CronTrigger.kind))
    if word in NOT_BUILT:
        raise ConfigError(f"{word} is not supported yet", code="E07", help=f"there are {', '.join(known)}")
    hint = did_you_mean(word, known) or f"there are {', '.join(known)}"
    raise ConfigError(f"there is no schedule {word}", code="E07", help=hint)


def takes_argument(word: str, kinds: Kinds = KINDS) -> bool | None:
    """Whether words follow an ``@`` word; None for one that is unknown."""
    if word in ALIASES:
        return False
    try:
        kind = kinds.get(word[1:])
    except ConfigError:
        return None
    return None if kind is None or kind.word != word else kind.takes_argument


def trigger_from_json(data: Mapping[str, Any], kinds: Kinds = KINDS) -> Trigger:
    """Return the trigger that ``to_json`` wrote, or a ``MissingTrigger`` for one that cannot be read here."""
    try:
        kind = kinds.get(data["kind"])
        if kind is not None:
            return kind.from_json(data)
    except Exception:  # a plug-in may do anything, and whoever reads a job must not fail for it
        return MissingTrigger.from_json(data)
    return MissingTrigger.from_json(data)
