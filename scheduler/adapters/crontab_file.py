"""Read the crontab and the files it names from the disk, and detect changes."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from scheduler.config import Config
from scheduler.core.crontab.load import parse
from scheduler.core.crontab.table import Table
from scheduler.core.job.job import Job
from scheduler.core.job.standing import BrokenJob, StandingOrders
from scheduler.errors import CannotWorkError, ConfigError, NotFoundError
from scheduler.host.commands import is_sign, words_of
from scheduler.host.vocabulary import vocabulary
from scheduler.host.workdirs import Workdirs

MAX_CRONTAB_BYTES = 4_000_000
MAX_PROMPT_BYTES = 1_000_000
_EMPTY_SECONDS = 0.3

REHEARSAL = "rehearsal:"

# A gate is run by /bin/sh; these need no program on PATH (POSIX Shell Command Language, 2.4 and 2.14).
_SHELL_WORDS = frozenset(
    [
        "!",
        "{",
        ":",
        ".",
        "[",
        "case",
        "cd",
        "command",
        "eval",
        "exec",
        "exit",
        "export",
        "false",
        "for",
        "if",
        "read",
        "return",
        "set",
        "shift",
        "test",
        "times",
        "trap",
        "true",
        "type",
        "ulimit",
        "umask",
        "unset",
        "until",
        "wait",
        "while",
    ]
)


class FileLook:
    """Access to the files that a crontab names."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._base = config.crontab.parent
        self.prompts: set[str] = set()
        self.workdirs = Workdirs(config)

    def absolute(self, path: str) -> str:
        """Return an absolute path: relative to the crontab's folder, with ``~`` expanded."""
        return os.path.normpath(os.path.join(self._base, os.path.expanduser(path)))

    def read_prompt(self, path: str) -> str:
        """Return the text of a prompt file in the crontab's folder or below it."""
        full = self.absolute(path)
        # Recorded also if it is missing: its creation must be detected.
        self.prompts.add(full)
        real, root = os.path.realpath(full), os.path.realpath(self._base)
        if os.path.commonpath([real, root]) != root:
            raise ConfigError(
                f"prompt file {path} lies outside the crontab's folder",
                code="E12",
                help=f"keep it below {self._base}",
            )
        try:
            with open(real, "rb") as file:
                data = file.read(MAX_PROMPT_BYTES + 1)
        except FileNotFoundError:
            raise ConfigError(
                f"prompt file {path} does not exist",
                code="E12",
                help="create it, or quote the prompt in place",
            ) from None
        except OSError as error:
            raise ConfigError(f"prompt file {path} cannot be read: {error.strerror}", code="E12") from error
        if len(data) > MAX_PROMPT_BYTES:
            raise ConfigError(f"prompt file {path} is larger than {MAX_PROMPT_BYTES} bytes", code="E12")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ConfigError(f"prompt file {path} is not UTF-8 text", code="E12") from None

    def gate_problem(self, command: str) -> str | None:
        """Return why the first word of a command cannot be executed, or None."""
        try:
            words = [word for word in words_of(command) if not is_sign(word)]
        except ValueError:
            return "its quotes are not closed"
        if not words:
            return "it is empty"
        program = os.path.expanduser(words[0])
        if "/" not in program:
            known = program in _SHELL_WORDS or shutil.which(program)
            return None if known else f"{program} is not on PATH"
        full = self.absolute(program)
        if not os.path.isfile(full):
            return f"{program} does not exist"
        return None if os.access(full, os.X_OK) else f"{program} is not executable (chmod +x)"

    def editable(self, jobs: Sequence[Job]) -> Iterator[tuple[int, str, str, str]]:
        """Yield by position the jobs that must not run with the others: code, reason, and fix."""
        return self.workdirs.editable(jobs)

    def workdir_problem(self, workdir: str) -> str | None:
        """Return why an agent must not work there: it could edit what the daemon obeys."""
        return self.workdirs.refused(workdir)


def digest(text: str) -> str:
    """Return a digest of a crontab, by which a reader sees whether the loaded one is current."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def complete(config: Config, job: Job, workdirs: Workdirs) -> Job:
    """Return the job with resolved paths: the real workdir, and a rehearsal's script."""
    return replace(job, workdir=workdirs.real(job), model=complete_model(config, job.model))


def complete_model(config: Config, model: str) -> str:
    """Return the name of a model; of a rehearsal with the absolute path of its script."""
    if not model.startswith(REHEARSAL):
        return model
    script = os.path.expanduser(model.removeprefix(REHEARSAL))
    return REHEARSAL + os.path.normpath(os.path.join(config.crontab.parent, script))


class CrontabFile:
    """The orders port on a file.

    Args:
        zone: returns the name of the default zone of schedules.
        pause: blocks the calling thread for this many seconds.
    """

    def __init__(self, config: Config, *, zone: Callable[[], str], pause: Callable[[float], None]) -> None:
        self._config = config
        self._zone = zone
        self._pause = pause
        self._watched: tuple[str, ...] = ()

    def stamp(self) -> str:
        """Return a text that changes with the crontab, a prompt file, or the machine's zone.

        Of a file it has time, size and inode.  Jobs without ``tz=`` follow the zone.
        """
        files = (_stat(path) for path in (str(self._config.crontab), *self._watched))
        return "|".join((self._zone(), *files))

    def text(self) -> str:
        """Return the crontab's text.

        Raises:
            NotFoundError: there is none.
            CannotWorkError: it cannot be read.
            ConfigError: it is not text.
        """
        path = self._config.crontab
        try:
            data = path.read_bytes() if path.stat().st_size <= MAX_CRONTAB_BYTES else None
            if data == b"":
                # Some editors empty the file before they write it; no job must be removed because of that.
                self._pause(_EMPTY_SECONDS)
                data = path.read_bytes()
        except FileNotFoundError:
            raise NotFoundError(
                f"there is no crontab at {path}", help="write a starter with: agentcron init"
            ) from None
        except OSError as error:
            reason = (error.strerror or "refused").lower()
            place = "the place that --crontab, AGENTCRON_CRONTAB, --home or AGENTCRON_HOME names"
            raise CannotWorkError(
                f"the crontab {path} cannot be read: {reason}", help=f"look at {place}"
            ) from error
        if data is None:
            raise ConfigError(f"the crontab {path} is larger than {MAX_CRONTAB_BYTES} bytes")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            raise ConfigError(
                f"{path.name}:{line}: the crontab is not UTF-8 text", help="save it as UTF-8"
            ) from None

    def parse(self, text: str, now: datetime) -> Table:
        """Parse a text as if it were in the crontab."""
        return self._parse(text, FileLook(self._config), now)

    def read(self, now: datetime) -> StandingOrders:
        """Read everything that can be read; broken jobs are returned next to the good ones."""
        text = self.text()
        look = FileLook(self._config)
        table = self._parse(text, look, now)
        self._watched = tuple(sorted(look.prompts))
        return StandingOrders(
            jobs=tuple(complete(self._config, job, look.workdirs) for job in table.jobs),
            broken=tuple(BrokenJob(bad.name or f"line {bad.line}", bad.problem) for bad in table.invalid),
            digest=digest(text),
            zone=self._zone(),
            file=str(self._config.crontab),
            problems=tuple(problem.render() for problem in table.errors),
            keep_seconds=table.keep_seconds,
            fleet_usd=table.fleet_usd,
            fleet_tokens=table.fleet_tokens,
        )

    def _parse(self, text: str, look: FileLook, now: datetime) -> Table:
        return parse(
            text,
            file=self._config.crontab.name,
            look=look,
            now=now,
            default_tz=self._zone(),
            vocabulary=vocabulary(),
        )


def _stat(path: str) -> str:
    try:
        found = os.stat(path)
    except OSError as error:
        return f"{error.errno}"
    return f"{found.st_mtime_ns}.{found.st_size}.{found.st_ino}"
