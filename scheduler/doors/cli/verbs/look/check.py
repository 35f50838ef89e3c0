"""``agentcron check``: lint the crontab and estimate its cost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from scheduler.app.clock import now
from scheduler.app.home import FileHome
from scheduler.config import Config
from scheduler.core.crontab.cost import WorstCase, worst_case
from scheduler.core.job.job import DEFAULT_BUDGET_DAY_USD, DEFAULT_BUDGET_RUN_USD
from scheduler.core.run.budget import ASSUMED_USD_PER_MILLION_TOKENS
from scheduler.core.text.english import counted
from scheduler.doors.cli.text import out
from scheduler.doors.cli.text.wrap import fold
from scheduler.host.collecting import no_collecting
from scheduler.views.lint.linting import Linted, lint_crontab

_MAX_NAMES = 3


@click.command("check", short_help="Lint the crontab and estimate its cost.")
@click.argument("file", required=False, type=click.Path())
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to print.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.pass_obj
def check_command(config: Config, file: str | None, form: str, as_json: bool) -> int:
    """Lint the crontab and estimate what it may cost.

    Shows all errors and warnings at once; with an error the exit status is 1.

    Example:  agentcron check jobs/crontab
    """
    if file is not None:
        config = Config(home=config.home, crontab=Path(os.path.abspath(os.path.expanduser(file))))
    moment = now()
    with no_collecting():
        linted = lint_crontab(FileHome(config), moment)
        cost = worst_case(linted.table.jobs, moment)
    if as_json or form == "json":
        out.print_json(_as_json(config, linted, cost))
    else:
        _say(config, linted, cost)
    return 1 if linted.errors else 0


def _as_json(config: Config, linted: Linted, cost: WorstCase) -> dict[str, Any]:
    return {
        "file": str(config.crontab),
        "ok": not linted.errors,
        "errors": linted.errors,
        "warnings": linted.warnings,
        "problems": [problem.to_json() for problem in linted.problems],
        "jobs": cost.jobs,
        "runs_per_day": cost.runs_per_day,
        "usd_per_day": cost.usd_per_day,
        "tokens_per_day": cost.tokens_per_day,
        "fleet_usd_per_day": linted.table.fleet_usd or None,
        "fleet_tokens_per_day": linted.table.fleet_tokens or None,
        "default_budget_jobs": cost.default_budget_jobs,
        "jobs_without_key": [name for each in linted.unready for name in each.jobs],
        "models_without_price": list(linted.unpriced),
    }


def _say(config: Config, linted: Linted, cost: WorstCase) -> None:
    if linted.problems:
        out.say("\n".join(problem.render() for problem in linted.problems) + "\n")
    _say_folded(f"{cost.describe()}.")
    table = linted.table
    caps = [f"${table.fleet_usd:.2f}/day"] if table.fleet_usd else []
    if table.fleet_tokens:
        caps.append(f"{table.fleet_tokens:,} tokens/day")
    if caps:
        out.say(f"FLEET_BUDGET stops all jobs together at {' or '.join(caps)}.")
    if cost.default_budget_jobs:
        count = cost.default_budget_jobs
        whose = (
            "1 job has no budget of its own" if count == 1 else f"{count} jobs have no budget of their own"
        )
        _say_folded(
            f"{whose}: ${DEFAULT_BUDGET_RUN_USD:.2f}/run and ${DEFAULT_BUDGET_DAY_USD:.2f}/day apply. "
            f"To change that: BUDGET = {DEFAULT_BUDGET_RUN_USD:.2f}/run {DEFAULT_BUDGET_DAY_USD:g}/day"
        )
    for model in linted.unpriced:
        _say_folded(
            f"The price of {model} is unknown: every token counts as "
            f"${ASSUMED_USD_PER_MILLION_TOKENS} a million against the budget."
        )
    for each in linted.unready:
        verb = "needs" if len(each.jobs) == 1 else "need"
        _say_folded(
            f"{each.problem.message}; {counted(len(each.jobs), 'job')} {verb} it "
            f"({names(each.jobs)}): {each.problem.help}"
        )
    if linted.errors:
        invalid = len(linted.table.invalid)
        loses = f"; {counted(invalid, 'job')} will not run" if invalid else ""
        out.say(f"{_counts(linted)}{loses}. Fix: agentcron edit")
    else:
        out.say(f"{_counts(linted)}. Next: {_next(config)}")


def _next(config: Config) -> str:
    if config.crontab == config.home / "crontab":
        return "agentcron next, then agentcron up"
    return "agentcron --crontab FILE up"


def _counts(linted: Linted) -> str:
    if not linted.problems:
        return "No errors"
    if not linted.errors:
        return f"No errors, {counted(linted.warnings, 'warning')}"
    parts = [counted(linted.errors, "error")]
    if linted.warnings:
        parts.append(counted(linted.warnings, "warning"))
    return ", ".join(parts)


def names(jobs: tuple[str, ...]) -> str:
    """Return the first few names, and the number of others."""
    shown = ", ".join(jobs[:_MAX_NAMES])
    return shown if len(jobs) <= _MAX_NAMES else f"{shown} and {len(jobs) - _MAX_NAMES} more"


def _say_folded(text: str) -> None:
    for line in fold(text, indent="  "):
        out.say(line)
