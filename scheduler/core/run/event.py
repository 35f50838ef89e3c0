"""Events: occurrences outside, or in another run, that wake runs and fire jobs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from scheduler.core.run.wakeup import OUR_KINDS
from scheduler.core.text.redact import OURS

RUN_ENDED = "run"
"""The kind of the end of a run; its key is the run, its subject the job."""

OWN_KINDS = OUR_KINDS | {RUN_ENDED}
"""Kinds that only the scheduler itself creates: an event from outside must not pass for an approval."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened, recorded once.

    Args:
        kind: as declared by its source, ``github:pull_request``; the set of kinds is open.
        at: when it was received (aware UTC).
        key: which one of its kind; a second event with the same key is the same event.  Empty: each is new.
            It is stored as it is, so it should be an id and never a text.
        subject: what it is about; several events may share one.
        payload: its content as text, JSON if its source says so.
        provenance: the author of the content, as the label of a message.
        source: the source that reported it.
        expires: until when it is kept (aware UTC); None: as long as events are kept.
    """

    kind: str = field(metadata=OURS)
    at: datetime
    key: str = field(default="", metadata=OURS)
    subject: str = ""
    payload: str = ""
    provenance: str = field(default="untrusted:event", metadata=OURS)
    source: str = field(default="", metadata=OURS)
    expires: datetime | None = None

    @property
    def name(self) -> str:
        """A short name for the run that it wakes: the subject if there is one, else the key."""
        return self.subject or self.key


@dataclass(frozen=True, slots=True)
class Wanted:
    """Events that a job or a run waits for at this moment.

    Args:
        kind: as a source declares it.
        subject: of a job: the pattern of its ``@event``; of a run: the key or the subject that it waits for.
            Empty: any.
        options: further patterns of the job, by name.
    """

    kind: str
    subject: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


def wanted_by(trigger: Mapping[str, Any]) -> Wanted:
    """Return what a stored ``@event`` trigger waits for."""
    return Wanted(event_of(trigger), trigger.get("subject", ""), dict(trigger.get("options", ())))


def event_of(trigger: Mapping[str, Any]) -> str:
    """Return the kind of events that fire a stored trigger; empty: it is not such a trigger."""
    return str(trigger.get("event", "")) if trigger.get("kind") == "event" else ""


def is_wanted(trigger: Mapping[str, Any], event: Event) -> bool:
    """Whether an event fires a stored trigger: its kind, subject and options match.

    An option is a list of alternatives, separated by commas; one of them must match the field of that name,
    in a payload that is a JSON object.
    """
    if event_of(trigger) != event.kind:
        return False
    subject = trigger.get("subject", "")
    if subject and not fnmatchcase(event.subject, subject):
        return False
    options = trigger.get("options", ())
    fields = _fields(event.payload) if options else {}
    return all(
        name in fields and any(fnmatchcase(str(fields[name]), each.strip()) for each in text.split(","))
        for name, text in options
    )


def _fields(payload: str) -> Mapping[str, Any]:
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):  # the payload comes from a third party
        return {}
    return found if isinstance(found, dict) else {}
