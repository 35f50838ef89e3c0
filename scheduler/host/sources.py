"""The sources of events that are installed: entry points of the group ``agentcron.sources``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from scheduler.core.run.event import OWN_KINDS
from scheduler.core.time.instants import to_iso
from scheduler.core.time.triggers.base import EventKind, EventKinds
from scheduler.errors import ConfigError
from scheduler.host.plug_ins import Group, require_object
from scheduler.ports.source import Source

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "agentcron.sources"

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")
"""It names a folder of the home, and is part of the label of what the source reports."""


def installed_sources() -> tuple[Mapping[str, Source], Sequence[str]]:
    """Return the sources by their names, and why others cannot be used."""
    group = Group(GROUP, "source", _checked)
    sources: dict[str, Source] = {}
    faults: list[str] = []
    for name in group.names():
        try:
            sources[name] = group.get(name)
        except ConfigError as error:
            faults.append(error.message)
    return sources, faults


def declared_events() -> EventKinds:
    """Return the kinds of events that the installed sources declare, and which of them cannot say it."""
    sources, found = installed_sources()
    kinds: list[EventKind] = []
    faults = list(found)
    for name, source in sources.items():
        try:
            declared = tuple(source.declares())
        except Exception as error:  # one source that fails leaves the others
            faults.append(f"the source {name} failed: {type(error).__name__}: {error}")
            continue
        if own := sorted({each.name for each in declared} & OWN_KINDS):
            faults.append(f"the source {name} declares {own[0]}, which is a kind of agentcron's own")
            continue
        kinds += declared
    return EventKinds(tuple(kinds), tuple(faults))


def note_failure(folder: Path, name: str, text: str, at: datetime) -> None:
    """Leave a note that a source has failed, for who looks from outside; without a text: remove it.

    Args:
        folder: where the folders of the sources are.

    Raises:
        OSError: the disk does not take it.
    """
    note = _note_of(folder, name)
    if not text:
        note.unlink(missing_ok=True)
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    note.write_text(f"{to_iso(at)} {text}\n", encoding="utf-8", errors="backslashreplace")


def failure_of(folder: Path, name: str) -> tuple[datetime, str] | None:
    """Return when a source failed, and how; None when it has worked since, or the note cannot be read."""
    try:
        at, _, text = _note_of(folder, name).read_text(encoding="utf-8").strip().partition(" ")
        return datetime.fromisoformat(at), text
    except (OSError, ValueError):
        return None


def _note_of(folder: Path, name: str) -> Path:
    return folder / f"{name}.failed"  # no name of a source has a dot


def _checked(point: EntryPoint, found: object) -> Source:
    if not _NAME.match(point.name):
        raise ConfigError("has a name that is not of small letters, digits, - and _")
    source: Source = require_object(found, "source", ("declares", "watch"))
    return source
