"""Read secrets from the environment, files or the keyring at use; they are kept only in memory."""

from __future__ import annotations

import importlib
import logging
import os
import stat
from pathlib import Path
from typing import TypeVar

from scheduler.core.job.job import Job
from scheduler.core.text.redact import MIN_CHARS, Redactor
from scheduler.core.text.suggest import did_you_mean
from scheduler.errors import ToolFault
from scheduler.host.workdirs import path_parts

T = TypeVar("T")

MAX_FILE_BYTES = 64 * 1024
SERVICE = "agentcron"
"""The service name in the keyring."""


class SystemSecrets:
    """The secrets of this process; a value that was once read is redacted for the life of the process."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], None] = {}
        self._redactor, self._built = Redactor({}), 0

    @property
    def longest(self) -> int:
        """The length of the longest known secret."""
        return max((len(value) for _, value in tuple(self._known)), default=0)

    def learn(self, job: Job) -> None:
        """Read all secrets of a job."""
        for name, _ in job.secrets:
            try:
                self.value(job, name)
            except ToolFault:
                continue  # reported to the agent if a tool needs it

    def value(self, job: Job, name: str) -> str:
        """Return a secret of a job.

        Raises:
            ToolFault: there is none, it is not available, or it is too short to be redacted.
        """
        references = dict(job.secrets)
        if name not in references:
            raise ToolFault(
                f"{job.name} has no secret {name}",
                help=did_you_mean(name, references) or f"SECRET.{name} = env:NAME above the job makes one",
            )
        kind, _, where = references[name].partition(":")
        if kind == "env":
            found = _from_environment(where, name)
        elif kind == "file":
            found = _from_file(where, name, job)
        else:
            found = _from_keyring(where, name)
        if len(found) < MIN_CHARS:
            raise ToolFault(f"the secret {name} has fewer than {MIN_CHARS} characters and cannot be hidden")
        self._known.setdefault((name, found))  # atomic, from any thread
        return found

    def hidden(self, value: T) -> T:
        """Return a value without secrets."""
        if not self._known:
            return value
        if len(self._known) != self._built:
            known = tuple(self._known)
            values = {name: frozenset(each for of, each in known if of == name) for name, _ in known}
            self._redactor, self._built = Redactor(values), len(known)
        return self._redactor.hidden(value)


class Hiding(logging.Filter):
    """Remove secrets from log records: message, fields and trace."""

    def __init__(self, secrets: SystemSecrets) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite a record; let it pass."""
        record.msg, record.args = record.getMessage(), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        for name, value in list(vars(record).items()):
            if type(value) is str:
                setattr(record, name, self._secrets.hidden(value))
        return True


def _from_environment(where: str, name: str) -> str:
    found = os.environ.get(where, "")
    if not found:
        raise ToolFault(f"the secret {name} is missing: the daemon's environment has no {where}")
    return found


def _from_file(where: str, name: str, job: Job) -> str:
    path = Path(os.path.realpath(os.path.expanduser(where)))
    if job.workdir is not None and os.path.realpath(job.workdir) in path_parts(os.path.expanduser(where)):
        raise ToolFault(f"the secret {name} is refused: its file is in the job's own working directory")
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ToolFault(f"the secret {name} cannot be read: {where} is not a regular file")
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise ToolFault(f"the secret {name} cannot be read: {where} is larger than 64 KiB")
        return data.decode("utf-8").strip("\r\n")
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ToolFault(f"the secret {name} cannot be read: {where}: {reason}") from error


def _from_keyring(where: str, name: str) -> str:
    try:
        keyring = importlib.import_module("keyring")
    except ImportError as error:
        raise ToolFault(
            f"the secret {name} cannot be had: the package keyring is not installed",
            help="install it with: pip install 'agentcron[keyring]'",
        ) from error
    try:
        found = keyring.get_password(SERVICE, where)
    except Exception as error:  # each back end raises its own errors
        raise ToolFault(
            f"the secret {name} cannot be had: {type(error).__name__} of the keyring",
            help="see: keyring diagnose; on a server without a desktop use env: or file:",
        ) from error
    if not found:
        raise ToolFault(
            f"the secret {name} is missing: the keyring has no {where} of {SERVICE}",
            help=f"keyring set {SERVICE} {where}",
        )
    return str(found)
