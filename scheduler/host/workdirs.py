"""Workdirs, looked at all together: no agent may edit what is obeyed, nor exchange the folder of another job.

What counts are real paths, and all that a path passes on the way: who can write in a folder can put a symlink
into the place of whatever lies there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence, Set

from scheduler.config import Config
from scheduler.core.job.job import Job
from scheduler.host.commands import files_run

MOST_LINKS = 40
"""As the kernel: what has more is a loop."""

Found = tuple[str, str, str]
"""A code, what is wrong, and how to mend it."""


def workdir_of(config: Config, job: Job) -> str:
    """Return the real path of a job's workdir: the one that runs are pinned to."""
    return os.path.realpath(_written(config, job))


def _written(config: Config, job: Job) -> str:
    return job.workdir or str(config.work / job.name)


def is_within(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies below it; both are real paths."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def passed(path: str) -> Iterator[str]:
    """Yield what an absolute path passes, links followed: folders, links, and the end itself."""
    at, links = "/", 0
    todo = path.split("/")[::-1]
    while todo:
        part = todo.pop()
        if part == "..":
            at = os.path.dirname(at)
        elif part not in ("", "."):
            here = os.path.join(at, part)
            yield here
            try:
                target = os.readlink(here)
            except (OSError, ValueError):  # no link, or nothing at all
                at = here
                continue
            links += 1
            if links > MOST_LINKS:
                return
            at = "/" if target.startswith("/") else at
            todo += target.split("/")[::-1]


def editable(config: Config, jobs: Sequence[Job]) -> Iterator[tuple[int, str, str, str]]:
    """Yield by position the jobs that must not run beside the others: each with what is wrong first."""
    reals = [workdir_of(config, job) for job in jobs]
    # All below the folder of workdirs counts: jobs come and go, and what they wrote stays.
    agents = {os.path.realpath(config.work), *reals}
    nested = _nested(config, jobs, reals)
    for index, job in enumerate(jobs):
        if index in nested:
            yield (
                index,
                "E11",
                nested[index],
                "give each job a folder beside the others, or both the same one",
            )
        elif job.workdir is None and (why := refused(config, reals[index])):
            yield index, "E11", f"workdir: {why}", "keep what is yours elsewhere, or name another workdir"
        elif found := next(_obeyed(config, job, reals[index], agents), None):
            yield index, *found


def _nested(config: Config, jobs: Sequence[Job], reals: Sequence[str]) -> dict[int, str]:
    """Return what is wrong with jobs whose workdir lies in that of another one, or around it."""
    owners = {real: job.name for real, job in zip(reals, jobs, strict=True)}
    found: dict[int, str] = {}
    around: dict[str, str] = {}
    for index, (job, real) in enumerate(zip(jobs, reals, strict=True)):
        # Also on the way: a link that lies in another job's folder can be laid anew.
        outer = next(
            (each for each in passed(_written(config, job)) if each != real and each in owners), None
        )
        if outer:
            found[index] = f"workdir: {_written(config, job)} lies in {outer}, that of {owners[outer]}"
            around.setdefault(outer, job.name)
    for index, real in enumerate(reals):
        if real in around:
            found.setdefault(index, f"workdir: {real} contains that of {around[real]}")
    return found


def _obeyed(config: Config, job: Job, workdir: str, agents: Set[str]) -> Iterator[Found]:
    """Yield what a job obeys or trusts although an agent could edit it."""
    base, beside = str(config.crontab.parent), "keep it beside the crontab"
    gate = (job.gate or "").replace("${AGENTCRON_WORKDIR}", "$AGENTCRON_WORKDIR")
    gate = gate.replace("$AGENTCRON_WORKDIR", workdir)
    things = [("E13", *each, beside) for each in files_run(gate, base)]
    things += [("E13", *each, beside) for each in files_run(job.report or "", "/")]
    if job.prompt_file:
        things.append(("E12", job.prompt_file, job.prompt_file, beside))
    for name, where in job.secrets:
        kind, _, path = where.partition(":")
        if kind == "file":
            word = f"SECRET.{name} = {where}"
            things.append(("E11", word, os.path.expanduser(path), "keep it where no agent works"))
    for code, word, path, mend in things:
        if (around := next((each for each in passed(path) if each in agents), None)) is not None:
            yield code, f"{word} lies in an agent's workdir, {around}, and it could edit it", mend


def refused(config: Config, workdir: str) -> str | None:
    """Return why no agent must work in a folder, whatever other jobs there are, or None."""
    real = os.path.realpath(workdir)
    home, work = os.path.realpath(config.home), os.path.realpath(config.work)
    guarded = (("database", config.database), ("crontab", config.crontab), ("trust file", config.trust))
    for what, path in guarded:
        if any(is_within(each, real) for each in passed(str(path))):
            return f"it contains the {what}, which an agent must not be able to edit"
    if is_within(work, real):
        return f"it contains the folders of other jobs, {config.work}"
    if is_within(real, home) and not is_within(real, work):
        return f"it lies beside the database; inside the home only {config.work} is for agents"
    return None
