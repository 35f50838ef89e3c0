"""The sender port: deliver notices of one kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from scheduler.core.run.notice import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class SendContext:
    """The context of a notice, and the time limit of its delivery.

    Args:
        id: of the notice, unique in its home and the same at each try: after a crash between sending and
            recording it is sent again, and the receiver can recognise it by the id.
        run_id: empty if the notice is about a job or the daemon.
        job: empty if it is about the daemon.
        state: of the run at this moment; empty without a run, ``unknown`` if the run was deleted.
        tries: includes this one.
        timeout_seconds: a sender that takes longer is cancelled, and the notice is retried.
    """

    id: str
    run_id: str = ""
    job: str = ""
    state: str = ""
    tries: int = 1
    timeout_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Receipt:
    """A notice was delivered.

    Args:
        reference: the id of the service for it; empty if there is none.
    """

    reference: str = ""


class Sender(Protocol):
    """Send notices of one kind; an entry point of the group ``agentcron.senders`` by that name."""

    @property
    def kind(self) -> str:
        """The kind of its notices."""
        ...

    async def send(self, notice: Notice, context: SendContext) -> Receipt:
        """Deliver the notice, and return when the receiver has it.

        It may be cancelled at any moment, and must then leave nothing behind that continues to send.

        Raises:
            SendFault: it was not sent; a permanent one is not retried.
        """
        ...
