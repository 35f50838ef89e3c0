"""The protocol through which the parser accesses files; the core opens none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from scheduler.core.job.job import Job


class Look(Protocol):
    """Access to the files that a crontab names; relative paths start at the crontab's own folder."""

    def absolute(self, path: str, /) -> str:
        """Return ``path`` as a normalised absolute path, without checking whether it exists."""

    def read_prompt(self, path: str, /) -> str:
        """Return the text of a prompt file.

        Raises:
            AgentcronError: it is missing, unreadable, not UTF-8, or outside the crontab's folder; the
                message says which, the help how to fix it.
        """

    def gate_problem(self, command: str, /) -> str | None:
        """Return why the gate cannot be executed, in one sentence, or None.

        Args:
            command: the command as ``Job.gate`` keeps it: its first word absolute if it has a ``/``,
                else a program to be found on PATH.
        """

    def workdir_problem(self, workdir: str, /) -> str | None:
        """Return why an agent must not work in this folder, in one sentence, or None.

        In a folder that contains, or is next to, the database, the crontab or the trust file the agent could
        edit what the daemon obeys.

        Args:
            workdir: an absolute path.
        """

    def editable(self, jobs: Sequence[Job], /) -> Iterator[tuple[int, str, str, str]]:
        """Yield by position the jobs that must not run with the others: a code, the reason, and the fix.

        A gate or a report that executes a file of a workdir, its own or another job's, lets an agent execute
        anything outside of any sandbox; a prompt file there lets it set the job's prompt and options; a
        secret there is exposed; and a workdir inside another one can be replaced by any folder.
        """
