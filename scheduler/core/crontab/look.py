"""What the crontab's reader must ask about the world, as a protocol: this floor opens no files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from scheduler.core.job.job import Job


class Look(Protocol):
    """Looks at the files that a crontab names; relative paths start at the crontab's own folder."""

    def absolute(self, path: str, /) -> str:
        """Return ``path`` as an absolute path, normalised, without asking whether it exists."""

    def read_prompt(self, path: str, /) -> str:
        """Return the text of a prompt file.

        Raises:
            AgentcronError: it is missing, unreadable, not UTF-8, or outside the crontab's folder; the
                message says which, the help how to mend it.
        """

    def gate_problem(self, command: str, /) -> str | None:
        """Return why the gate cannot be executed, in one sentence, or None when it can.

        Args:
            command: the command as ``Job.gate`` keeps it: its first word absolute if it has a ``/``,
                else a program to be found on PATH.
        """

    def workdir_problem(self, workdir: str, /) -> str | None:
        """Return why an agent must not work in this folder, in one sentence, or None when it may.

        A folder that contains, or lies beside, the database, the crontab or the trust file would let the
        agent edit what the daemon obeys.

        Args:
            workdir: an absolute path.
        """

    def editable(self, jobs: Sequence[Job], /) -> Iterator[tuple[int, str, str, str]]:
        """Yield by position the jobs that must not run beside the others: a code, why, and the way out.

        A gate or a report that runs a file of a workdir, its own or another job's, lets an agent run what it
        wants, outside of any sandbox; a prompt file there lets it choose the job's orders and options; a
        secret there is no secret; and a workdir inside another one can be exchanged for any folder.
        """
