"""Check with the providers whether the models of jobs are ready to use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scheduler.core.job.job import Job
from scheduler.core.run.conversation import Usage
from scheduler.errors import CannotWorkError, ConfigError
from scheduler.ports.provider import FindProvider

_MAX_NAMES = 5


@dataclass(frozen=True, slots=True)
class Unready:
    """What the models of these jobs need and do not have, such as a key."""

    problem: CannotWorkError
    jobs: tuple[str, ...]


def unready_jobs(jobs: Iterable[Job], find: FindProvider) -> tuple[Unready, ...]:
    """Return what the models of the enabled jobs need and do not have, each thing once.

    A model that does not exist is left out: that is an error of the crontab.
    """
    of_model: dict[str, CannotWorkError | None] = {}
    lacking: dict[str, tuple[CannotWorkError, list[str]]] = {}
    for job in jobs:
        if not job.enabled or not job.asks_a_model:
            continue
        if job.model not in of_model:
            of_model[job.model] = _lack(job.model, find)
        if (problem := of_model[job.model]) is not None:
            lacking.setdefault(problem.message, (problem, []))[1].append(job.name)
    return tuple(Unready(problem, tuple(names)) for problem, names in lacking.values())


def _lack(model: str, find: FindProvider) -> CannotWorkError | None:
    try:
        problem = find(model).problem(model)
    except ConfigError:
        return None
    return problem if isinstance(problem, CannotWorkError) else None


def require_ready(jobs: Iterable[Job], find: FindProvider) -> None:
    """Refuse to start work that would stop at its first request.

    Raises:
        CannotWorkError: the models of some jobs need something, such as a key.
    """
    for each in unready_jobs(jobs, find):
        need = "1 job needs" if len(each.jobs) == 1 else f"{len(each.jobs)} jobs need"
        shown = ", ".join(each.jobs[:_MAX_NAMES]) + (", ..." if len(each.jobs) > _MAX_NAMES else "")
        raise CannotWorkError(f"{each.problem.message}; {need} it ({shown})", help=each.problem.help)


def unpriced_models(jobs: Iterable[Job], find: FindProvider) -> tuple[str, ...]:
    """Return the models whose price is not known, so that every token counts at the assumed price."""
    return tuple(
        sorted(
            model for model in {job.model for job in jobs if job.asks_a_model} if not _has_price(model, find)
        )
    )


def _has_price(model: str, find: FindProvider) -> bool:
    try:
        return find(model).price(model, Usage()) is not None
    except ConfigError:
        return True  # it does not exist, which is reported elsewhere
