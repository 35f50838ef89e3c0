"""What the doctor looks at in the sources of events: whether they can be used, and which of them fail."""

from __future__ import annotations

from scheduler.core.text.safe import safe_text
from scheduler.views.clock import Wall
from scheduler.views.doctor.finding import Finding, Findings, named
from scheduler.views.home import Home


def check_sources(home: Home, clock: Wall) -> Findings:
    """Whether what ``@event`` jobs wait for is reported; nothing is said where no source is installed."""
    from scheduler.host.sources import failure_of, installed_sources

    sources, faults = installed_sources()
    for fault in faults:
        yield Finding("problem", "sources", fault, "update or uninstall its package")
    notes = {name: failure_of(home.config.sources, name) for name in sources}
    failing = {name: note for name, note in notes.items() if note is not None}
    for name, (at, text) in failing.items():
        said = f"the source {name} failed at {clock.short(at)}: {safe_text(text)}"
        yield Finding("problem", "sources", said, "see the log of the daemon, which tries again by itself")
    if sources and not faults and not failing:
        yield Finding("ok", "sources", named(sources))
