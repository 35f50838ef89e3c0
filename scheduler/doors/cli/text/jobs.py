"""Find a job by its name in the crontab, or report why it is not usable."""

from __future__ import annotations

from scheduler.app.clock import now
from scheduler.app.home import FileHome
from scheduler.config import Config
from scheduler.core.changes.follow_up import is_follow_up, root_of
from scheduler.core.job.job import Job
from scheduler.core.job.standing import StandingOrders
from scheduler.core.text.suggest import did_you_mean
from scheduler.errors import NotFoundError, RefusedError

PATIENCE_SECONDS = 3.0
"""How long a verb other than the daemon waits for a locked database: a person is waiting."""


def read_orders(config: Config) -> StandingOrders:
    """Read the crontab.  Raises the errors of `scheduler.views.home.Home.read_orders`."""
    return FileHome(config).read_orders(now())


def find_job(orders: StandingOrders, name: str) -> Job:
    """Return the job called ``name``.

    Raises:
        RefusedError: its line is broken.
        NotFoundError: there is no such job.
    """
    for job in orders.jobs:
        if job.name == name:
            return job
    for broken in orders.broken:
        if broken.name == name:
            raise RefusedError(f"job {name} cannot run: {broken.problem}", help="fix it with: agentcron edit")
    if is_follow_up(name):
        raise NotFoundError(
            f'the crontab has no job "{name}"; if it exists, an agent made it',
            help=f"see `agentcron list`; it may do no more than {root_of(name)}",
        )
    if not orders.jobs and not orders.broken:
        raise NotFoundError(
            f'no job named "{name}": the crontab is empty', help="write one with: agentcron edit"
        )
    names = [job.name for job in orders.jobs] + [bad.name for bad in orders.broken]
    near = did_you_mean(name, names)
    count = f"all {len(names)}" if len(names) > 1 else "the job there is"
    raise NotFoundError(
        f'no job named "{name}"',
        help=" ".join(part for part in (near, f"`agentcron list` shows {count}") if part),
    )
