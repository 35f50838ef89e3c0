"""A small git repository for a test, with commits made by hand."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.kit.history import git
from tests.kit.needs import lacking

_SETTINGS = {
    "user.name": "Ada",
    "user.email": "ada@example.com",
    "commit.gpgsign": "false",
    "core.hooksPath": "/dev/null",
    "core.autocrlf": "false",
}


class Repository:
    """A repository in an empty folder, with one commit on ``main``."""

    def __init__(self, root: Path) -> None:
        """Make it in ``root``; without git the test is skipped."""
        if shutil.which("git") is None:
            lacking("git is not installed (Debian: apt-get install git)")
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        git(root, "init", "--quiet", "--initial-branch=main", "--template=")
        for key, value in _SETTINGS.items():
            git(root, "config", key, value)
        self.first = self.commit("store: begin", {"README.md": "A test.\n"})

    def commit(self, message: str, files: Mapping[str, str | bytes | None] | None = None) -> str:
        """Write files (``None`` deletes one), commit everything, and return the new commit's hash."""
        for name, content in (files or {}).items():
            path = self.root / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "--allow-empty", f"--message={message}")
        return self.head()

    def branch(self, name: str) -> None:
        """Begin a branch at ``HEAD`` and change to it."""
        git(self.root, "checkout", "--quiet", "-b", name)

    def checkout(self, name: str) -> None:
        """Change to a branch."""
        git(self.root, "checkout", "--quiet", name)

    def merge(self, branch: str, message: str) -> str:
        """Change to ``main``, merge a branch with a commit of its own, and return that commit's hash."""
        self.checkout("main")
        git(self.root, "merge", "--quiet", "--no-ff", f"--message={message}", branch)
        return self.head()

    def head(self) -> str:
        """Return the hash of ``HEAD``."""
        return git(self.root, "rev-parse", "HEAD").strip()
