"""The history of a repository: its commits with their messages, and the files that two of them differ in."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.kit.needs import lacking

_TRAILER = re.compile(r"[A-Za-z0-9-]+\s*:\s|\(cherry picked from commit |\s+\S")


class NoHistoryError(Exception):
    """There is no git, no repository, or not enough of its history."""


@dataclass(frozen=True)
class Commit:
    """A commit; ``lines`` are those it inserts and deletes, zero for a merge and for binary files."""

    hash: str
    parents: tuple[str, ...]
    message: str
    lines: int = 0

    @property
    def merge(self) -> bool:
        """Whether it has more than one parent."""
        return len(self.parents) > 1

    @property
    def subject(self) -> str:
        """The first paragraph in one line, as git shows it."""
        return " ".join(self._paragraphs()[0].splitlines())

    @property
    def body(self) -> str:
        """What follows the subject, without trailers."""
        _, *rest = self._paragraphs()
        return "\n\n".join(rest[:-1] if self._trailing() else rest)

    @property
    def trailers(self) -> frozenset[tuple[str, str]]:
        """The trailers as pairs of key, in lower case, and value."""
        pairs = (line.partition(":") for line in self._trailing().splitlines() if ":" in line)
        return frozenset((key.strip().lower(), value.strip()) for key, _, value in pairs)

    def _paragraphs(self) -> list[str]:
        return re.split(r"\n\s*\n", self.message.strip())

    def _trailing(self) -> str:
        """Return the last paragraph if it is one of trailers alone; the subject never is."""
        _, *rest = self._paragraphs()
        if rest and all(_TRAILER.match(line) for line in rest[-1].splitlines()):
            return rest[-1]
        return ""


@dataclass(frozen=True)
class Change:
    """A file that differs: git's status letter, the path before, and a rename's likeness in percent."""

    status: str
    path: str
    likeness: int = 0


def git(root: Path, *arguments: str) -> str:
    """Return what a git command prints in ``root``, whatever repository the environment names.

    Raises:
        NoHistoryError: if git is missing or refuses.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "-c", "core.quotePath=true", *arguments]
    try:
        done = subprocess.run(
            command, cwd=root, env=environment | {"LC_ALL": "C"}, capture_output=True, check=True
        )
    except FileNotFoundError:
        raise NoHistoryError("git is not installed") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip() or f"exit status {error.returncode}"
        raise NoHistoryError(f"git {arguments[0]}: {said}") from None
    return done.stdout.decode("utf-8", errors="replace")


def commits_after(root: Path, since: str) -> list[Commit]:
    """Return the commits that ``HEAD`` has and ``since`` has not, newest first.

    Raises:
        NoHistoryError: if ``root`` is not the top of a repository that has all of them.
    """
    top = Path(git(root, "rev-parse", "--show-toplevel").strip())
    if top.resolve() != root.resolve():
        raise NoHistoryError(f"{root} is not a checkout, it lies in that of {top}")
    try:
        git(root, "merge-base", "--is-ancestor", since, "HEAD")
    except NoHistoryError as error:
        raise NoHistoryError(f"commit {since} is not in the history of HEAD ({error})") from None
    lines = _changed_lines(root, since)
    found = []
    for record in _records(_log(root, since, "-z", "--format=%H%n%P%n%B")):
        commit, parents, message = record.split("\n", 2)
        if not parents:
            raise NoHistoryError(f"the history before commit {commit} is missing (a shallow clone)")
        found.append(Commit(commit, tuple(parents.split()), message, lines.get(commit, 0)))
    return found


def commits_under_rules(root: Path) -> list[Commit]:
    """Return the commits after the one that ``.ci/commits-since`` names; skip the test without a history."""
    since = (root / ".ci" / "commits-since").read_text(encoding="ascii").strip()
    assert re.fullmatch(r"[0-9a-f]{40}", since), (
        f".ci/commits-since: {since!r} is not the full hash of a commit"
    )
    with history():
        return commits_after(root, since)


@contextmanager
def history() -> Iterator[None]:
    """Skip the test that needs more of the history than there is, or fail it in the gate."""
    try:
        yield
    except NoHistoryError as error:
        lacking(f"no history: {error}", "fetch it, e.g. git fetch --unshallow")


def _log(root: Path, since: str, *options: str) -> str:
    return git(root, "log", "--topo-order", "--no-show-signature", *options, f"{since}..HEAD")


def _records(output: str) -> Iterator[str]:
    return (record for record in output.split("\0") if record)


def _changed_lines(root: Path, since: str) -> dict[str, int]:
    output = _log(
        *(root, since, "--no-merges", "--numstat", "--find-renames", "--no-ext-diff", "--no-textconv"),
        "--format=%H",
    )
    lines: dict[str, int] = {}
    commit = ""
    for line in output.splitlines():
        inserted, tab, rest = line.partition("\t")
        if tab:
            numbers = (inserted, rest.partition("\t")[0])
            lines[commit] += sum(int(number) for number in numbers if number != "-")
        elif line:
            commit = line
            lines[commit] = 0
    return lines


def merge_base(root: Path, branch: str, commit: str) -> str:
    """Return where a commit's history left a branch, or that of ``origin`` where there is no local one.

    Raises:
        NoHistoryError: if there is neither branch, or nothing in common.
    """
    known = git(
        root, "for-each-ref", "--format=%(refname)", f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"
    )
    if not known:
        raise NoHistoryError(f"there is no branch {branch}, and none of origin")
    return git(root, "merge-base", known.split()[0], commit).strip()


def changes(root: Path, before: str, after: str) -> list[Change]:
    """Return the files in which two commits differ.

    Raises:
        NoHistoryError: if one of the commits is missing.
    """
    output = git(root, "diff", "--no-ext-diff", "--name-status", "--find-renames", "-z", before, after, "--")
    fields = _records(output)
    found = []
    for status in fields:
        found.append(Change(status[0], next(fields), int(status[1:] or 0)))
        if status[0] in "RC":
            next(fields)  # the path after
    return found
