"""The history: read access to jobs and runs, for people and doors.

Each query is answered from one consistent state; `History.steady` gives several the same one.  All
instants are aware UTC.  Every method raises StoreError if the database cannot be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

from scheduler.core.changes.follow_up import FollowUp
from scheduler.core.job.job import Job
from scheduler.core.job.standing import RunnerInfo, Standing
from scheduler.core.run.conversation import Attempt, Call, Message, Request
from scheduler.core.run.run import Run, State
from scheduler.core.run.wakeup import WakeUp
from scheduler.core.time.clocks import Jump
from scheduler.core.trust.approval import Approval
from scheduler.core.trust.grant import Grant

if TYPE_CHECKING:
    from scheduler.ports.store.backlog import Backlog

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LastEnd(NamedTuple):
    """How the last ended run of a job ended.

    A bare row, its time in microseconds since 1970: there may be ten thousand, and few are used.
    """

    id: str
    state: str
    ended_us: int
    reason: str
    reason_code: str = ""

    @property
    def ended_at(self) -> datetime:
        """When it ended (aware UTC)."""
        return _EPOCH + timedelta(microseconds=self.ended_us)

    @property
    def failed(self) -> bool:
        """Whether it failed."""
        return self.state == State.FAILED


@dataclass(frozen=True, slots=True)
class UnknownCall:
    """A call whose outcome is unknown."""

    run_id: str
    name: str
    effect: str


class Spending(NamedTuple):
    """The cost of the requests of one job and model in a quarter of an hour.

    Args:
        at: when the quarter began; the days of every zone begin with one.
        microusd: millionths of a dollar.
        assumed: requests that count at an assumed price, because theirs is unknown.
        tokens: of all requests, also of those whose answer was lost.
    """

    job: str
    model: str
    at: datetime
    requests: int
    microusd: int
    assumed: int
    tokens_in: int
    tokens_out: int
    tokens: int


class History(Protocol):
    """An open database for reading, to be used in a ``with`` statement."""

    def __enter__(self) -> Self:
        """Return itself."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        ...

    def steady(self) -> AbstractContextManager[None]:
        """Answer all queries inside from the same state."""
        ...

    # -- jobs -------------------------------------------------------------------------------------
    def standings(self) -> list[Standing]:
        """Return all jobs but the removed ones, by name."""
        ...

    def job(self, name: str) -> Job | None:
        """Return a job as it was loaded; None if it is unknown, or never was valid."""
        ...

    def last_ends(self) -> dict[str, LastEnd]:
        """Return for each job how its last run ended, including skipped ones."""
        ...

    def follow_ups(self) -> list[FollowUp]:
        """Return the follow-ups that are not over, the oldest first."""
        ...

    def always_grants(self, job: str) -> list[Grant]:
        """Return the grants of a job from approvals."""
        ...

    def granted_follow_ups(self, job: str) -> list[str]:
        """Return the names of a job's follow-ups that have such grants, too."""
        ...

    # -- money ------------------------------------------------------------------------------------
    def spent_today(self, job: str, now: datetime, tz: str) -> tuple[int, int]:
        """Return what a job and its follow-ups have spent since midnight: microdollars and tokens."""
        ...

    def spending(self, since: datetime) -> list[Spending]:
        """Return the spending since an instant, the oldest first."""
        ...

    # -- runs -------------------------------------------------------------------------------------
    def live_runs(self) -> list[Run]:
        """Return all runs that are not final, the oldest first."""
        ...

    def runs(self, job: str | None = None, limit: int = 20) -> list[Run]:
        """Return the newest runs, of one job or of all."""
        ...

    def runs_around(self, job: str, when: datetime, limit: int = 3) -> list[Run]:
        """Return the runs of a job that were planned nearest to an instant, in the order of their slots.

        Up to ``limit`` at or before it, and up to ``limit`` after it.
        """
        ...

    def run(self, prefix: str) -> Run:
        """Return the one run whose id begins with ``prefix``.

        Raises:
            NotFoundError: no run or more than one begins with it.
        """
        ...

    def unknown_calls(self, ended: Sequence[str] = ()) -> list[UnknownCall]:
        """Return the calls of unknown outcome of all runs that are not over, and of those in ``ended``."""
        ...

    def unsent(self) -> dict[str, str]:
        """Return the runs whose report was given up, each with the reason."""
        ...

    def open_approvals(self) -> list[Approval]:
        """Return the questions that wait for an answer, the oldest first."""
        ...

    def backlog(self, now: datetime) -> Backlog:
        """Return the amount of due work and its age."""
        ...

    # -- one run ----------------------------------------------------------------------------------
    def job_of(self, run_id: str) -> Job:
        """Return the job as it was pinned with a run.

        Raises:
            NotFoundError: there is no such run.
        """
        ...

    def messages(self, run_id: str, after: int = 0) -> list[Message]:
        """Return the conversation, or the messages after ``after``."""
        ...

    def calls(self, run_id: str) -> list[Call]:
        """Return all tool calls, in the order of their requests."""
        ...

    def requests(self, run_id: str) -> list[Request]:
        """Return all calls of the model."""
        ...

    def attempts(self, run_id: str) -> list[Attempt]:
        """Return all attempts."""
        ...

    def wakeups(self, run_id: str) -> list[WakeUp]:
        """Return what the run waits for now, the earliest first."""
        ...

    # -- processes --------------------------------------------------------------------------------
    def runners(self) -> list[RunnerInfo]:
        """Return the runners that have not stopped."""
        ...

    def runners_of(self) -> dict[str, str]:
        """Return the runner of each running run."""
        ...

    def daemons(self, since: datetime, until: datetime) -> list[RunnerInfo]:
        """Return the daemons that were up at some time between two instants, as far as it is recorded."""
        ...

    def jumps(self, since: datetime) -> list[Jump]:
        """Return the jumps of the clock since an instant."""
        ...

    def meta(self) -> dict[str, str]:
        """Return the stored facts about the loaded crontab, and about a restore."""
        ...
