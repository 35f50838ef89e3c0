"""Many cases at once: one job for each, played by one daemon until none of them is at work any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from scheduler.core.run.run import State
from tests.kit.processes import Installation, Process, until


def prompt(name: str) -> str:
    """The words that mark the conversation of a case."""
    return f"Case {name} here."


def reports(place: Installation) -> Counter[str]:
    """How many reports came about each case."""
    path = place.home / "reports"
    return Counter(path.read_text().split()) if path.exists() else Counter()


def play(
    place: Installation, url: str, cases: Mapping[str, str], *options: str, daemons: int = 1
) -> list[Process]:
    """Start daemons with a job for each case (name and options); return them when all cases rest."""
    place.environment |= {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": url}
    due = datetime.now(UTC) - timedelta(seconds=1)
    report = f'report="cat > /dev/null; echo $AGENTCRON_JOB >> {place.home / "reports"}"'
    place.crontab(
        "".join(
            f'@at {due:%Y-%m-%dT%H:%M:%SZ}  {name}  "{prompt(name)}"  {more} {report}\n'
            for name, more in cases.items()
        )
    )
    started = [place.start("up", "--concurrency", "64", *options) for _ in range(daemons)]

    def settled() -> bool:
        for daemon in started:
            assert daemon.poll() is None, daemon.stderr
        runs = place.runs()
        at_work = (State.QUEUED, State.RUNNING)
        return len(runs) >= len(cases) and not any(run.state in at_work for run in runs)

    until(settled, 60, lambda: f"{place.runs(live=True)}\n{started[0].stderr}")
    told = {run.job for run in place.runs() if run.state is not State.RETRYING}
    until(lambda: told <= set(reports(place)), 30, lambda: f"the reports of {told - set(reports(place))}")
    return started
