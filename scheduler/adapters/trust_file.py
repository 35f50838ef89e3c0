"""Read the trust file ``trust.toml`` next to the crontab, again when it has changed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from scheduler.config import Config
from scheduler.core.job.job import Job
from scheduler.core.trust.policy import Policy, Profile, parse_policy
from scheduler.host.workdirs import path_parts

MAX_BYTES = 1_000_000


def read_policy(config: Config) -> Policy:
    """Return the policy of a home: of its trust file, or the built-in one if there is none.

    A file that cannot be read, or that others can write, is a fault of the policy, never an empty one.
    """
    path = config.trust
    if os.path.realpath(config.work) in path_parts(str(path)):
        # Also if it is missing: an agent could create it.
        return Policy(fault=f"{path} is in {config.work}, where agents work (keep the crontab elsewhere)")
    try:
        # One descriptor for both: the owner must be that of the file that is read.  Without
        # waiting: opening a FIFO with that name would block.
        with open(path, "rb", opener=_without_waiting) as file:
            found = os.fstat(file.fileno())
            if problem := _unsafe(found) or _replaceable(path):
                return Policy(fault=f"{path}: {problem}")
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return Policy()
    except OSError as error:
        return Policy(fault=f"{path} cannot be read: {(error.strerror or 'refused').lower()}")
    if len(data) > MAX_BYTES:
        return Policy(fault=f"{path} is larger than {MAX_BYTES} bytes")
    try:
        return parse_policy(data.decode("utf-8-sig"), path.name)
    except UnicodeDecodeError:
        return Policy(fault=f"{path} is not UTF-8 text")


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _replaceable(path: Path) -> str:
    """Return why others could replace it by another file; "" if only its owner can.

    All folders and links on its path count, from the root on: write access to one allows to replace the rest.
    """
    for place in ("/", *path_parts(str(path))):
        try:
            found = os.lstat(place)
        except OSError as error:
            return f"{place} cannot be looked at: {(error.strerror or 'refused').lower()}"
        if not _is_ours(found):
            return f"{place} on the way to it belongs to another user"
        others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if stat.S_ISDIR(found.st_mode) and others and not found.st_mode & stat.S_ISVTX:
            return f"others may write the folder {place}, so it proves nothing (chmod go-w)"
    return ""


def _is_ours(found: os.stat_result) -> bool:
    # In a user namespace root may have another number: the owner of the root directory.
    return found.st_uid in (0, os.geteuid(), os.stat("/").st_uid)


def _unsafe(found: os.stat_result) -> str:
    if not stat.S_ISREG(found.st_mode):
        return "it is no regular file"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "others may write it, so it proves nothing (chmod go-w)"
    if not _is_ours(found):
        return "it belongs to another user"
    return ""


class TrustFile:
    """Return the profile of each job; a change of the file applies from the next call on."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._stamp: object = None
        self._policy = Policy()
        self._was_there = False

    def __call__(self, job: Job) -> Profile:
        """Return the profile of a job.

        Raises:
            ConfigError: the file or the profile is wrong, or there is none of that name.
        """
        stamp = _stamp(self._config.trust)
        if self._stamp is None or stamp != self._stamp:
            self._policy, self._stamp = self._read(), stamp
        return self._policy.profile(job.trust)

    def _read(self) -> Policy:
        policy = read_policy(self._config)
        is_there = os.path.lexists(self._config.trust)
        if self._was_there and not is_there:
            # What it forbade must not become allowed because it was moved, or is just being replaced.
            return Policy(
                fault=f"{self._config.trust} was there and is gone: put it back, or restart the daemon "
                "to continue without it"
            )
        self._was_there = is_there
        return policy


def _stamp(path: os.PathLike[str]) -> object:
    try:
        found = os.stat(path)
    except OSError as error:
        return error.errno
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_mode, found.st_uid)
