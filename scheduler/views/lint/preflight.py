"""Check trust before jobs run unattended: broken profiles, useless grants, tools that would wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from scheduler.core.crontab.problem import Problem
from scheduler.core.crontab.table import Table
from scheduler.core.job.job import Job
from scheduler.core.job.tool_names import source_of
from scheduler.core.text.suggest import did_you_mean
from scheduler.core.trust.policy import BUILT_IN, Policy, Profile
from scheduler.errors import AgentcronError
from scheduler.views.rights import rights

if TYPE_CHECKING:
    from scheduler.ports.tool import ToolSpec


Specs: TypeAlias = "Mapping[str, ToolSpec]"
"""The specs of tools, by name."""


def of_trust(table: Table, policy: Policy, now: datetime, foreign: Mapping[str, Specs]) -> Iterator[Problem]:
    """Yield the problems of the trust file, and the tools that would need a person.

    Args:
        foreign: by backend, the tools that its agent runs itself.

    E17 a profile that is missing or broken: its jobs are parked.  W09 a grant that allows nothing: an unknown
    tool, an argument that the tool does not have, an expiry in the past.  W10 a tool that would stop and
    wait.
    """
    reported: set[str] = set()
    further = {name: spec for specs in foreign.values() for name, spec in specs.items()}
    for index, job in enumerate(table.jobs):
        try:
            profile = policy.profile(job.trust)
        except AgentcronError as error:
            yield at_name(table, index, "E17", f"trust: {error.message}", error.help)
            continue
        if profile.name not in BUILT_IN and profile.name not in reported:
            reported.add(profile.name)
            for fault in _idle_grants(profile, now, further):
                yield at_name(table, index, "W09", f"trust: {fault}", "fix the trust file")
        if job.enabled and (waiting := needing_a_person(job, profile, now, foreign.get(job.backend, {}))):
            yield at_name(
                table,
                index,
                "W10",
                f"{job.name} would stop and wait for a person at: {', '.join(waiting)}",
                f"see what it may do: agentcron trust explain {job.name}",
            )


def needing_a_person(job: Job, profile: Profile, now: datetime, foreign: Specs) -> Sequence[str]:
    """Return the tools of a job whose calls wait for a person, whatever their arguments."""
    specs = {**_specs_of(job), **foreign}
    return tuple(name for name, spec in specs.items() if rights(spec, profile, (), now).needs_a_person)


def _specs_of(job: Job) -> Specs:
    """Return the specs of the tools of a job that may act outside its workdir."""
    if job.tools is None:
        return {}  # the built-in tools never act outside
    from scheduler.ports.tool import ControlTool
    from scheduler.tools.registry import tools_for

    try:
        tools = tools_for(job.tools)
    except AgentcronError:
        return {}  # reported elsewhere, with the tool's name
    return {name: tool.spec for name, tool in tools.items() if not isinstance(tool, ControlTool)}


def _idle_grants(profile: Profile, now: datetime, further: Specs) -> Iterator[str]:
    from scheduler.tools.registry import known_names, tool
    from scheduler.tools.sources import is_source

    known = {*known_names(), *further}
    for number, grant in enumerate(profile.grants, 1):
        where = f"grant {number} of profile {profile.name}"
        if is_source(source_of(grant.tool)):
            continue  # the specs of a source's tools are known only when it is open
        if grant.tool not in known:
            near = did_you_mean(grant.tool, known)
            yield f"{where} names no known tool: {grant.tool}" + (f" ({near})" if near else "")
            continue
        if grant.is_over(now):
            yield f"{where} has expired and allows nothing"
        try:
            spec = further[grant.tool] if grant.tool in further else tool(grant.tool).spec
        except AgentcronError as error:
            yield f"{where}: {error.message}"
            continue
        if (grant.hosts or grant.paths) and not spec.has_targets:
            yield f"{where} matches nothing: {grant.tool} does not declare the hosts and paths of its calls"
        for name, _ in grant.args:
            if name not in spec.schema.get("properties", {}):
                yield f"{where} matches nothing: {grant.tool} has no argument {name}"


def at_name(table: Table, index: int, code: str, message: str, hint: str) -> Problem:
    """Return a problem of a job, at its name in the file."""
    place = table.places[index]
    span = place.name
    kind: Literal["error", "warning"] = "error" if code.startswith("E") else "warning"
    return Problem(table.file, span.line, span.col, code, message, kind, span.end_col, hint, place.source)
