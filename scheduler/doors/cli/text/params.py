"""Parameter types of the verbs: names of jobs and runs, with shell completion from the database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from scheduler.config import Config, load

_MAX_RUNS = 200

# A cheap pattern for completion only: the first word after five fields or an @ schedule.
_NAME = re.compile(
    r"(?:@(?:every|at)[ \t]+\S+|@[a-z]+|(?:\S+[ \t]+){4}\S+)[ \t]+([A-Za-z][\w.-]{0,63})", re.ASCII
)


if TYPE_CHECKING:
    _Text = click.ParamType[str]
else:  # the class became generic in some version of click
    _Text = click.ParamType


class _Stored(_Text):
    """A stored name.  Any text is accepted; a failed look-up gives no completions."""

    def __init__(self, name: str, look_up: Callable[[Config], Iterable[tuple[str, str]]]) -> None:
        self.name = name
        self._look_up = look_up

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 - click's
        incomplete: str,
    ) -> list[CompletionItem]:
        """Return the stored names with this prefix, each with a short description."""
        # During completion no command runs, so only the options of the group are known.
        given = ctx.find_root().params
        try:
            known = list(self._look_up(load(given.get("home"), given.get("crontab"), given.get("database"))))
        except Exception:
            # Errors are not shown during completion.
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
