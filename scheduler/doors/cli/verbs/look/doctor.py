"""``agentcron doctor``: check everything that can be checked offline; problems first, each with a fix."""

from __future__ import annotations

import click

from scheduler.app.clock import wall
from scheduler.app.home import FileHome
from scheduler.config import Config
from scheduler.doors.cli.text import out
from scheduler.doors.cli.text.wrap import fold

_MAX_LINES = 40
_ORDER = ("problem", "warning", "note", "ok")
_MARKS = {"problem": "PROBLEM", "warning": "warning", "note": "note", "ok": "ok"}


@click.command("doctor", short_help="Check the installation, the database and the jobs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--deep", is_flag=True, help="Also read every row of the database; slow when it is large.")
@click.pass_obj
def doctor_command(config: Config, as_json: bool, deep: bool) -> int:
    """Check everything that can be checked without the network.

    This covers the machine, the home, the database, the daemon, runs, jobs and the crontab.  Problems come
    first, each with a fix; with a problem the exit status is 1.

    Example:  agentcron doctor
    """
    from scheduler.views.doctor.checkup import all_findings

    checked = all_findings(FileHome(config), wall(), deep=deep)
    findings = sorted(checked, key=lambda each: _ORDER.index(each.level))
    problems = sum(found.level == "problem" for found in findings)
    if as_json:
        out.print_json({"ok": not problems, "problems": problems, "checks": [f.as_json() for f in findings]})
        return 1 if problems else 0
    lines = []
    for found in findings:
        lines += fold(f"{found.name}: {found.text}", first=f"{_MARKS[found.level]:9}", indent=" " * 9)
        if found.fix:
            lines += fold(f"fix: {found.fix}", first=" " * 9, indent=" " * 14)
    if len(lines) > _MAX_LINES - 1:
        more = len(lines) - (_MAX_LINES - 2)
        lines = [*lines[: _MAX_LINES - 2], f"{more} more lines: agentcron doctor --json"]
    lines.append(f"{problems} problem{'' if problems == 1 else 's'}" if problems else "no problems")
    click.echo("\n".join(lines))
    return 1 if problems else 0
