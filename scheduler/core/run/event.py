"""Events: what comes from outside, or from another run, to wake runs and to fire jobs."""

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
"""Kinds that only the scheduler itself makes: a stranger's event must not pass for an approval."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened, recorded once.

    Args:
        kind: what it is, as its source declares it, ``github:pull_request``; there is no list of kinds.
        at: when it came in (aware UTC).
        key: which one of its kind; a second event with the same key is the same event.  Empty: each is new.
            It is kept as it is, so it should be an id and never a text.
        subject: what it is about; many events may share one.
        payload: what it brought, as text, JSON where its source says so.
        provenance: whose words that is, as the label of a message.
        source: who reported it.
        expires: until when it is kept (aware UTC); None: as long as events are.
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
        """Which one it is, for whoever is woken by it: what it is about tells more than its key."""
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
    """Return the kind of events that a stored trigger fires for; empty: it is no such trigger."""
    return str(trigger.get("event", "")) if trigger.get("kind") == "event" else ""


def is_wanted(trigger: Mapping[str, Any], event: Event) -> bool:
    """Whether a stored trigger fires for an event: its kind, its subject and what it chooses among them fit.

    An option holds alternatives, divided by commas; one of them must match the field of that name, in a
    payload that is a JSON object.
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
    except (ValueError, RecursionError):  # a stranger wrote it
        return {}
    return found if isinstance(found, dict) else {}
