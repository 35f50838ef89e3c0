"""The vocabulary: the available triggers, options and kinds of events, built in and from plug-ins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scheduler.core.job.option import Option
from scheduler.core.registry import Registry
from scheduler.core.time.trigger import KINDS, Kinds, kind_of
from scheduler.core.time.triggers.base import EventKinds, no_events
from scheduler.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a crontab, and a stored job, may contain.

    It is passed in wherever one is read, because the core does not look for plug-ins.

    Args:
        triggers: the kinds of triggers by their names in the database.
        options: the options by their keys.
        events: returns the kinds of events that sources declare; called only for an ``@event``.
    """

    triggers: Kinds = KINDS
    options: Registry[Option] = field(default_factory=lambda: Registry({}))
    events: Callable[[], EventKinds] = no_events


WITHOUT_PLUG_INS = Vocabulary()
"""The vocabulary of stored jobs without plug-ins: built-in options are fields of the job."""


def own_options(words: Sequence[str], vocabulary: Vocabulary) -> Mapping[str, Callable[[str], Any]]:
    """Return the options that only lines with this schedule may have: a reader of the text by name.

    Raises:
        ConfigError: there is no such schedule, or its plug-in cannot be used.
    """
    kind = kind_of(words, vocabulary.triggers)
    try:
        return kind.own_options(words, vocabulary.events)
    except Exception as error:
        if kind.kind in vocabulary.triggers.built_in:
            raise
        raise ConfigError(f"{words[0]}: its plug-in failed: {type(error).__name__}: {error}") from error
