"""The tree of errors; each has a message for a person and the exit status of the command.

::

    AgentcronError                 5
    ├── ConfigError (ValueError)   1   a crontab, an expression or an option that cannot be right
    │   └── PartError              1   what a change keeps of a run cannot be read: a tool of it has to wait
    ├── WhenError (ValueError)     1   a "sleep until" that cannot be understood or allowed
    ├── UsageError                 2   the command line was called wrongly
    ├── NotFoundError              3   no such job, run or file
    ├── RefusedError               4   not possible in this state
    ├── HaltedError                4   the home is halted: nothing may start
    ├── FactsChangedError          4   the facts that a call was judged by have changed
    ├── OverBudgetError            4   a cap is used up, or reserved by requests in flight
    ├── CannotWorkError            5   database, disk, key or network
    │   ├── DayLogError            5   the daily log cannot be written: nothing acts
    │   └── StoreError             5   the database: missing, locked, full, read-only, corrupt, newer
    │       ├── ReplacedError      5   the database file was replaced by another one
    │       └── BadRowError        5   the database works, and refuses what was to be written
    ├── LostLeaseError             5   another runner owns this run now: write nothing more
    ├── ModelFault                 5   a call of the model that gave no usable answer
    ├── SendFault                  5   a notice was not sent
    ├── ToolFault                  5   a tool's own refusal, reported to the agent
    └── ToolLostError              5   the resource of a tool ended in the middle of a call
"""

from __future__ import annotations

from typing import Literal


class AgentcronError(Exception):
    """An error that can be explained to a person in one sentence.

    Args:
        message: what happened and where, one sentence, without a full stop.
        help: how to fix it, or an empty string.
    """

    exit_status: int = 5

    def __init__(self, message: str, *, help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.help = help


def described(error: BaseException) -> str:
    """Return an error of ours, or of a plug-in, as one sentence without a full stop."""
    if isinstance(error, AgentcronError):
        return error.message + (f" ({error.help})" if error.help else "")
    return f"{type(error).__name__}: {error}"


class ConfigError(AgentcronError, ValueError):
    """A crontab, an expression or an option is invalid.

    Args:
        code: a lint code (``E01`` .. ``E17``), or an empty string.
    """

    exit_status = 1

    def __init__(self, message: str, *, code: str = "", help: str = "") -> None:
        super().__init__(message, help=help)
        self.code = code


class PartError(ConfigError):
    """What a change keeps of a run cannot be read: its package is broken, or another version."""


Unit = Literal["usd", "tokens"]
"""What a cap counts; money in millionths of a dollar."""

WhenCode = Literal["past", "ambiguous", "unknown_word", "too_far", "too_soon"]


class WhenError(AgentcronError, ValueError):
    """A "sleep until" text cannot be parsed, or is outside the bounds.

    Args:
        code: why it was refused.
        suggestion: one text that would be accepted in its place.
    """

    exit_status = 1

    def __init__(self, message: str, *, code: WhenCode, suggestion: str) -> None:
        super().__init__(message, help=f"for example: {suggestion}" if suggestion else "")
        self.code: WhenCode = code
        self.suggestion = suggestion


class UsageError(AgentcronError):
    """The command was called wrongly."""

    exit_status = 2


class NotFoundError(AgentcronError):
    """There is no such job, run or file."""

    exit_status = 3


class RefusedError(AgentcronError):
    """The request is valid and not possible in this state."""

    exit_status = 4


class HaltedError(AgentcronError):
    """The home is halted: nothing may start until a person resumes it."""

    exit_status = 4


class FactsChangedError(AgentcronError):
    """The facts that calls were judged by have changed meanwhile.  Nothing was written; judge again."""

    exit_status = 4


class OverBudgetError(AgentcronError):
    """A day's cap has no room for another request, which was not opened.

    Args:
        code: the reason code of the cap, ``budget-day`` for one.
        spent: in millionths of a dollar or in tokens, like the others.
        out: what the requests in flight may still cost.
    """

    exit_status = 4

    def __init__(self, code: str, spent: int, out: int, cap: int, unit: Unit = "usd") -> None:
        super().__init__(f"{code}: {spent} spent and {out} out of {cap} ({unit})")
        self.unit: Unit = unit
        self.code = code
        self.spent = spent
        self.out = out
        self.cap = cap


class CannotWorkError(AgentcronError):
    """The environment does not allow work: database, disk, key or network."""

    exit_status = 5


class DayLogError(CannotWorkError):
    """The daily log cannot be written, or does not fit the database: nothing may act."""


class StoreError(CannotWorkError):
    """The database cannot be read or written; nothing of the failed unit was stored."""


class ReplacedError(StoreError):
    """The database file was replaced: data that was read from the old one is invalid."""


class BadRowError(StoreError):
    """The database refuses a row; trying again would change nothing."""


class LostLeaseError(AgentcronError):
    """Another runner owns this run now; the caller must write nothing more."""


FaultKind = Literal[
    "cut",  # the stream ended before the message did, or the connection broke
    "overloaded",  # 529, 5xx, an overload event inside a stream
    "rate_limited",  # 429
    "auth",  # 401, 403: permanent until a person acts
    "billing",  # 402: likewise
    "too_long",  # 413, and a 400 with that message: a shorter conversation would be answered
    "invalid",  # 400 and other refusals of the request itself: a retry is useless
    "unknown",  # an answer with an unknown shape or stop reason
]


class ModelFault(AgentcronError):
    """A call of the model gave no usable answer; none of its tools may run.

    Args:
        kind: the kind of failure, which decides between retry, durable wait and parking.
        retry_after_seconds: the wait that the server requested, or None.
        request_id: the server's id of the request, or None if there was no response.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: FaultKind,
        retry_after_seconds: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind: FaultKind = kind
        self.retry_after_seconds = retry_after_seconds
        self.request_id = request_id


class SendFault(AgentcronError):
    """A sender could not deliver a notice.

    Args:
        permanent: trying again would change nothing (a wrong address, a refused key): the notice is given up.
    """

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class ToolFault(AgentcronError):
    """A tool refuses or fails; the agent gets the message as an error result."""


class ToolLostError(AgentcronError):
    """The resource of a tool ended in the middle of a call, which may have happened or not."""
