"""Parts that a test needs and a machine may lack: a laptop skips with the reason, the gate fails."""

from __future__ import annotations

import os
from glob import glob

import pytest


def lacking(reason: str, remedy: str = ".ci/run installs it") -> None:
    """Skip the test, or fail it where everything must be there (``CI`` is set)."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}; the gate must have it ({remedy})")
    pytest.skip(reason)


def library(name: str, package: str) -> str:
    """Return the path of a shared library of the system that is to be preloaded."""
    # Debian's folders by architecture, and those of programs that keep their libraries to themselves.
    found = sorted(path for depth in ("", "*/", "*/*/") for path in glob(f"/usr/lib/{depth}{name}"))
    if not found:
        lacking(f"{name} is not installed (Debian: apt-get install {package})")
    return found[0]
