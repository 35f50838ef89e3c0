"""The crontab's front door: everything that the floors above use, in one place.

``parse`` reads a text, ``lint`` adds the warnings that need a calendar, ``worst_case`` sums up what the
jobs may cost, ``explain`` says a schedule in plain words.
"""

from __future__ import annotations

from scheduler.core.crontab.grammar import parse as parse
