"""Check all workdirs together: no agent may edit what is obeyed, nor replace the folder of another job.

Real paths are checked with everything that a path passes through: an agent that can write in a folder can put
a symlink in place of anything there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path, PurePosixPath
from typing import Protocol

from scheduler.core.job.job import Job
from scheduler.host.commands import files_run

MAX_LINKS = 40
"""As in the kernel: more links are a loop."""

Found = tuple[str, str, str]
"""A code, what is wrong, and how to fix it."""

_Path = tuple[str, tuple[str, ...]]
"""A real path, and what the path passes through."""


class Places(Protocol):
    """Where the files of a home are, all absolute."""

    @property
    def home(self) -> Path:
        """The home itself."""
        ...

    @property
    def crontab(self) -> Path:
        """The crontab."""
        ...

    @property
    def work(self) -> Path:
        """The folder of the default workdirs."""
        ...

    @property
    def guarded(self) -> Mapping[str, Path]:
        """The files that no agent may edit, by what they are."""
        ...


def is_within(path: str, folder: str) -> bool:
    """Whether a path is a folder or is below it; both are real paths."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def path_parts(path: str) -> Iterator[str]:
    """Yield what an absolute path passes through, symlinks resolved: folders, links, and the end itself."""
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
            except (OSError, ValueError):  # not a symlink, or missing
                at = here
                continue
            links += 1
            if links > MAX_LINKS:
                return
            at = "/" if target.startswith("/") else at
            todo += target.split("/")[::-1]


class Workdirs:
    """The workdirs of one home at one moment; path look-ups that ten thousand jobs share are cached.

    Create one for each reading of the crontab; it does not see changes after its first result.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._work = str(places.work)
        self._paths: dict[str, _Path] = {}
        self._folders: dict[str, tuple[str, tuple[str, ...], bool]] = {}
        self._guarded: dict[str, str] = {}

    def real(self, job: Job) -> str:
        """Return the real path of a job's workdir, which runs are pinned to."""
        return self._look(self._written(job))[0]

    def editable(self, jobs: Sequence[Job]) -> Iterator[tuple[int, str, str, str]]:
        """Yield by position the jobs that must not run with the others, each with its first problem."""
        reals = [self.real(job) for job in jobs]
        # Everything below the folder of workdirs counts: jobs are removed, and their files stay.
        agents = {self._look(self._work)[0], *reals}
        nested = self._nested(jobs, reals)
        for index, job in enumerate(jobs):
            if index in nested:
                yield (
                    index,
                    "E11",
                    nested[index],
                    "give each job a separate folder, or both the same one",
                )
            elif job.workdir is None and (why := self.refused(reals[index])):
                yield index, "E11", f"workdir: {why}", "keep your files elsewhere, or choose another workdir"
            elif found := next(self._obeyed(job, reals[index], agents), None):
                yield index, *found

    def refused(self, workdir: str) -> str | None:
        """Return why no agent must work in a folder, independent of other jobs, or None."""
        real, places = self._look(workdir)[0], self._places
        home, work = self._look(str(places.home))[0], self._look(self._work)[0]
        if what := self._containers().get(real):
            return f"it contains the {what}, which an agent must not be able to edit"
        if is_within(work, real):
            return f"it contains the folders of other jobs, {places.work}"
        if is_within(real, home) and not is_within(real, work):
            return f"it is next to the database; inside the home only {places.work} is for agents"
        return None

    def _containers(self) -> Mapping[str, str]:
        """Return all folders that contain a guarded file, or a part of its path, each with its reason."""
        if not self._guarded:
            for what, path in self._places.guarded.items():
                for each in self._look(str(path))[1]:
                    for above in (each, *map(str, PurePosixPath(each).parents)):
                        self._guarded.setdefault(above, what)
        return self._guarded

    def _written(self, job: Job) -> str:
        return job.workdir or f"{self._work}/{job.name}"

    def _look(self, path: str) -> _Path:
        """Return the real path of an absolute path, and the result of `path_parts`."""
        found = self._paths.get(path)
        if found is None:
            found = self._paths[path] = self._look_again(path)
        return found

    def _look_again(self, path: str) -> _Path:
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:
            real = os.path.realpath(folder or "/")
            self._folders[folder] = real, tuple(path_parts(folder)), os.path.isdir(real)
        real, way, is_there = self._folders[folder]
        if name in ("", ".", "..") or (is_there and os.path.islink(path)):
            return os.path.realpath(path), tuple(path_parts(path))
        real = f"{real.rstrip('/')}/{name}"
        return real, (*way, real)

    def _nested(self, jobs: Sequence[Job], reals: Sequence[str]) -> dict[int, str]:
        """Return the problems of jobs whose workdir is inside that of another one, or around it."""
        owners = {real: job.name for real, job in zip(reals, jobs, strict=True)}
        found: dict[int, str] = {}
        around: dict[str, str] = {}
        for index, (job, real) in enumerate(zip(jobs, reals, strict=True)):
            written = self._written(job)
            # Also on the path: a symlink in another job's folder can be replaced.
            outer = next((each for each in self._look(written)[1] if each in owners and each != real), None)
            if outer:
                found[index] = f"workdir: {written} is in {outer}, that of {owners[outer]}"
                around.setdefault(outer, job.name)
        if around:
            for index, real in enumerate(reals):
                if real in around:
                    found.setdefault(index, f"workdir: {real} contains that of {around[real]}")
        return found

    def _obeyed(self, job: Job, workdir: str, agents: Set[str]) -> Iterator[Found]:
        """Yield the files that a job obeys or trusts although an agent could edit them."""
        base, fix = str(self._places.crontab.parent), "keep it next to the crontab"
        things: list[tuple[str, str, str, str]] = []
        if job.gate:
            gate = job.gate.replace("${AGENTCRON_WORKDIR}", "$AGENTCRON_WORKDIR")
            gate = gate.replace("$AGENTCRON_WORKDIR", workdir)
            things += [("E13", *each, fix) for each in files_run(gate, base)]
        if job.report:
            things += [("E13", *each, fix) for each in files_run(job.report, "/")]
        if job.prompt_file:
            things.append(("E12", job.prompt_file, job.prompt_file, fix))
        for name, where in job.secrets:
            kind, _, path = where.partition(":")
            if kind == "file":
                word = f"SECRET.{name} = {where}"
                things.append(("E11", word, os.path.expanduser(path), "keep it outside all workdirs"))
        for code, word, path, fix in things:
            if (around := next((each for each in self._look(path)[1] if each in agents), None)) is not None:
                yield code, f"{word} is in an agent's workdir, {around}, which could edit it", fix
