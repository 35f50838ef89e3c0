"""An option of a job: how it is written, parsed, shown and linted.

It is written ``key=value`` on the job's line, ``key: value`` in the front matter of its prompt file, or
``KEY = value`` on a line of its own as a default for the jobs below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from scheduler.core.job.job import Job

OptionPlace = Literal["line", "prompt", "default"]


@dataclass(frozen=True, slots=True)
class Doubt:
    """A warning of the lint about an option's value: a code, a sentence, the fix."""

    message: str
    help: str = ""
    code: str = "W16"


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    Args:
        name: the key on a job's line; for a plug-in also the name of its entry point.
        read: returns the value of a text, or raises ConfigError.  Without a ``field`` the value is
            a JSON value, and is stored in ``Job.extra`` under the name.
        meaning: half a sentence for the manual.
        default: the default, as the manual shows it.
        field: the field of ``Job`` that it sets; none for an option that the core does not use.
        places: where it is allowed.
        alias: a second name as a default line.
        upper: its name as a default line, unless that is its name in capitals.
        lint: warnings about the option in a job, at an aware instant.
    """

    name: str
    read: Callable[[str], Any]
    meaning: str
    default: str = "none"
    field: str = ""
    places: tuple[OptionPlace, ...] = ("line", "prompt", "default")
    upper: str = ""
    alias: str = ""
    lint: Callable[[Job, datetime], Iterable[Doubt]] | None = None

    @property
    def uppers(self) -> tuple[str, ...]:
        """Its names as a default line; none if a shared value makes no sense."""
        if "default" not in self.places:
            return ()
        names = (self.upper or upper_form(self.name), self.alias)
        return tuple(name for name in names if name)


def upper_form(name: str) -> str:
    """Return the name of an option as a default line: ``PAUSE_AFTER`` for ``pause-after``."""
    return name.upper().replace("-", "_")
