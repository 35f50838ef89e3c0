"""The store: all roles that write one database."""

from __future__ import annotations

from typing import Protocol

from scheduler.ports.store.calendar import Calendar
from scheduler.ports.store.intake import Intake
from scheduler.ports.store.ledger import Ledger
from scheduler.ports.store.outbox import Outbox
from scheduler.ports.store.people import People
from scheduler.ports.store.processes import Processes
from scheduler.ports.store.queue import Queue
from scheduler.ports.store.upkeep import Upkeep


class Store(Calendar, Queue, Ledger, People, Intake, Outbox, Processes, Upkeep, Protocol):
    """All writing roles of the store."""
