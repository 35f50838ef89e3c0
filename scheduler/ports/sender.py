"""The sender port: deliver notices of one kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from scheduler.core.run.notice import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class SendContext:
    """What a notice is about, and how long sending it may take.

    Args:
        id: of the notice, unique in its home and the same at each try: a crash between sending and recording
            sends it once more, and only the id tells the receiver so.
        run_id: empty when the notice is about a job or the daemon.
        job: empty when it is about the daemon.
        state: of the run at this moment; empty without a run, ``unknown`` when the run is gone.
        tries: counts this one.
        timeout_seconds: a sender that takes longer is cancelled, and the notice is tried again.
    """

    id: str
    run_id: str = ""
    job: str = ""
    state: str = ""
    tries: int = 1
    timeout_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Receipt:
    """A notice was handed over.

    Args:
        reference: what the service calls it there; empty when the service says nothing.
    """

    reference: str = ""


class Sender(Protocol):
    """Sends notices of one kind; an entry point of the group ``agentcron.senders`` by that name."""

    @property
    def kind(self) -> str:
        """Which notices it takes."""
        ...

    async def send(self, notice: Notice, context: SendContext) -> Receipt:
        """Hand the notice over, and return when the receiver has it.

        It may be cancelled at any moment, and must then leave nothing behind that continues to send.

        Raises:
            SendFault: it was not sent; a permanent one is not tried again.
        """
        ...
