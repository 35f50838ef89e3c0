"""The story of one run: all its rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scheduler.core.run.cause import Cause
from scheduler.core.run.conversation import Attempt, Call, CallState, Message, Request, Usage
from scheduler.core.run.run import Run, State
from scheduler.core.run.wakeup import WakeUp
from scheduler.core.trust.marks import Marks
from scheduler.errors import NotFoundError
from scheduler.views.clock import iso
from scheduler.views.jobs import live_daemon

if TYPE_CHECKING:
    from scheduler.views.home import Home


@dataclass(frozen=True, slots=True)
class Story:
    """All rows of one run.

    Args:
        orphan: it is recorded as running, and its runner is dead.
        wakeups: what it waits for now.
        without_daemon: no live daemon would continue it.
    """

    run: Run
    messages: Sequence[Message]
    calls: Sequence[Call]
    attempts: Sequence[Attempt]
    requests: Sequence[Request]
    orphan: bool = False
    wakeups: Sequence[WakeUp] = ()
    without_daemon: bool = False


def read_story(home: Home, prefix: str, now: datetime) -> Story:
    """Return the story of the run whose id begins with ``prefix``.

    Raises:
        NotFoundError: no run or more than one begins with it.
        StoreError: the database cannot be read.
    """
    history = home.history()
    if history is None:
        raise nothing_has_run(prefix)
    with history, history.steady():
        run = history.run(prefix)
        runners = history.runners()
        dead = home.dead(runners)
        owner = history.runners_of().get(run.id)
        alive = {info.id for info in runners} - set(dead)
        return Story(
            run=run,
            messages=history.messages(run.id),
            calls=history.calls(run.id),
            attempts=history.attempts(run.id),
            requests=history.requests(run.id),
            orphan=run.state is State.RUNNING and owner not in alive,
            wakeups=history.wakeups(run.id),
            without_daemon=live_daemon(runners, dead, now) is None,
        )


def find_run(home: Home, prefix: str) -> Run:
    """Return the run whose id begins with ``prefix``.

    Raises:
        NotFoundError: no run or more than one begins with it.
        StoreError: the database cannot be read.
    """
    history = home.history()
    if history is None:
        raise nothing_has_run(prefix)
    with history:
        return history.run(prefix)


def nothing_has_run(prefix: str) -> NotFoundError:
    """Return the error for a home without a database."""
    return NotFoundError(f'no run "{prefix}": nothing has run yet', help="fire a job with: agentcron run JOB")


def doubtful(story: Story) -> list[Call]:
    """Return the calls whose outcome is unknown, and those that were under way in a dead process."""
    live = story.run.state is State.RUNNING and not story.orphan
    return [
        call
        for call in story.calls
        if call.state is CallState.UNKNOWN or (call.state is CallState.STARTED and not live)
    ]


def usage_of(requests: Iterable[Request]) -> Usage:
    """Return the tokens of all requests."""
    return sum((request.usage for request in requests), Usage())


def story_json(story: Story) -> dict[str, Any]:
    """Return the story for JSON: instants as UTC with Z, money in dollars."""
    return {
        "run": _plain(story.run) | cause_json(story.run.cause) | {"orphan": story.orphan},
        "messages": [_plain(message) | {"content": list(message.content)} for message in story.messages],
        "calls": [_call_json(call) for call in story.calls],
        "attempts": [_attempt_json(attempt, story.requests) for attempt in story.attempts],
        "wakeups": [_plain(wakeup) for wakeup in story.wakeups],
        "usage": _usage_json(usage_of(story.requests)),
        "cost_usd": _usd_json(story.run.cost_microusd),
        "tokens": story.run.tokens,
        "unknown_cost_requests": story.run.unknown_cost_requests,
    }


def cause_json(cause: Cause) -> dict[str, Any]:
    """Return the cause of a run, for JSON."""
    return {"origin": cause.kind, "cause": {"kind": cause.kind, "key": cause.key}}


def _plain(value: Any) -> dict[str, Any]:
    """Return the fields of a core value, instants as UTC with Z, money in dollars."""
    found: dict[str, Any] = {}
    for field in fields(value):
        given = getattr(value, field.name)
        if field.name == "cost_microusd":
            found["cost_usd"] = _usd_json(given)
        elif isinstance(given, datetime):
            found[field.name] = iso(given)
        elif isinstance(given, Marks):
            found[field.name] = str(given)
        else:
            found[field.name] = given
    return found


def _call_json(call: Call) -> dict[str, Any]:
    result = call.result if call.result is None or isinstance(call.result, str) else list(call.result)
    return _plain(call) | {"args": dict(call.args), "result": result}


def _attempt_json(attempt: Attempt, requests: Any) -> dict[str, Any]:
    mine = [request for request in requests if request.attempt == attempt.number]
    return _plain(attempt) | {
        "requests": [_request_json(request) for request in mine],
        "request_id": mine[-1].request_id if mine else None,
        "usage": _usage_json(usage_of(mine)),
    }


def _request_json(request: Request) -> dict[str, Any]:
    return _plain(request) | {"usage": _usage_json(request.usage)}


def _usage_json(usage: Usage) -> dict[str, int]:
    return {field.name: getattr(usage, field.name) for field in fields(usage)}


def _usd_json(microusd: int | None) -> float | None:
    return None if microusd is None else microusd / 1_000_000
