"""Run all checks of the doctor.  No check raises, changes anything, or uses the network."""

from __future__ import annotations

from collections.abc import Callable

from scheduler.errors import AgentcronError
from scheduler.views.clock import Wall
from scheduler.views.doctor import host
from scheduler.views.doctor.finding import Finding, Findings
from scheduler.views.home import Home

Check = Callable[[Home, Wall], Findings]


def all_findings(home: Home, clock: Wall, *, deep: bool = False) -> list[Finding]:
    """Run all checks; one that raises becomes a problem and does not stop the others."""
    from scheduler.views.doctor.sources import check_sources
    from scheduler.views.doctor.store import check_database, check_deep, check_log
    from scheduler.views.doctor.work import check_crontab, check_work

    checks: list[tuple[str, Check]] = [
        ("platform", host.check_platform),
        ("python", host.check_python),
        ("package", host.check_package),
        ("zones", host.check_zones),
        ("home", host.check_home),
        ("disk", host.check_disk),
        ("database", check_database),
        ("log", check_log),
        ("work", check_work),
        ("crontab", check_crontab),
        ("api", host.check_api),
        ("tools", host.check_tools),
        ("sources", check_sources),
    ]
    if deep:
        checks.append(("deep", check_deep))
    found: list[Finding] = []
    for name, check in checks:
        unusable = any(each.level == "problem" and each.name == "database" for each in found)
        if unusable and name in ("log", "work", "deep"):
            continue  # an unusable database is reported once, and its rows prove nothing
        try:
            found += check(home, clock)
        except AgentcronError as error:
            found.append(Finding("problem", name, error.message, error.help or "agentcron check"))
        except OSError as error:
            text = f"the system refused: {error.strerror or error}"
            found.append(Finding("problem", name, text, "check the permissions of the home"))
    return found
