"""Parameter types that all verbs share: names of jobs and runs, completed by Tab from what is stored."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from scheduler.config import Config, load

_MAX_RUNS = 200

# A cheap look at the crontab, for Tab only: the first word after five fields or an @ schedule.
_NAME = re.compile(
    r"(?:@(?:every|at)[ \t]+\S+|@[a-z]+|(?:\S+[ \t]+){4}\S+)[ \t]+([A-Za-z][\w.-]{0,63})", re.ASCII
)


if TYPE_CHECKING:
    _Text = click.ParamType[str]
else:  # the class became generic in some version of click
    _Text = click.ParamType


class _Stored(_Text):
    """A name that is stored somewhere; any text is taken, and a failing look-up completes to nothing."""

    def __init__(self, name: str, look_up: Callable[[Config], Iterable[tuple[str, str]]]) -> None:
        self.name = name
        self._look_up = look_up

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 - click's
        incomplete: str,
    ) -> list[CompletionItem]:
        """Return the stored names that begin as typed, each with a word about it."""
        # While a shell completes, no command runs: the options of the group are all there is.
        given = ctx.find_root().params
        try:
            known = list(self._look_up(load(given.get("home"), given.get("crontab"), given.get("database"))))
        except Exception:
            # Whatever is wrong, Tab is not the place to say it.
            return []
        return [CompletionItem(name, help=about) for name, about in known if name.startswith(incomplete)]


def _jobs(config: Config) -> Iterable[tuple[str, str]]:
    from scheduler.app.home import FileHome

    history = FileHome(config).history()
    if history is None:
        return sorted(_jobs_of_file(config).items())
    with history:
        known = {standing.name: standing.schedule for standing in history.standings()}
    return sorted((_jobs_of_file(config) | known).items())


def _jobs_of_file(config: Config) -> dict[str, str]:
    if not config.crontab.is_file():
        return {}
    lines = config.crontab.read_text(encoding="utf-8", errors="replace").split("\n")
    found = (_NAME.match(line) for line in lines)
    return {match[1]: "" for match in found if match}


def _runs(config: Config) -> Iterable[tuple[str, str]]:
    from scheduler.app.home import FileHome

    history = FileHome(config).history()
    if history is None:
        return []
    with history:
        runs = {run.id: run for run in (*history.live_runs(), *history.runs(limit=_MAX_RUNS))}
    return [(run.id, f"{run.job}, {run.state}") for run in runs.values()]


JOB = _Stored("job", _jobs)
RUN = _Stored("run", _runs)
