"""The tree of errors as it is drawn, against the classes that are defined."""

from __future__ import annotations

import inspect
import re

from scheduler import errors

BRANCH = re.compile(r"^(?P<depth>[│ ]*(?:├── |└── )?)(?P<name>\w+)(?: \((?P<also>\w+)\))? +(?P<status>\d)\b")


def drawn() -> dict[str, tuple[tuple[str, ...], int]]:
    """Read the parents and the exit status of each error from the tree of the module's docstring."""
    found: dict[str, tuple[tuple[str, ...], int]] = {}
    ancestors: list[str] = []
    _, _, tree = inspect.cleandoc(errors.__doc__ or "").partition("::\n\n")
    for line in tree.splitlines():
        branch = BRANCH.match(line[4:])
        assert branch is not None, line
        depth = len(branch["depth"]) // 4
        del ancestors[depth:]
        parents = (ancestors[-1] if ancestors else "Exception", branch["also"])
        found[branch["name"]] = (tuple(filter(None, parents)), int(branch["status"]))
        ancestors.append(branch["name"])
    return found


def defined() -> dict[str, tuple[tuple[str, ...], int]]:
    """Return the parents and the exit status of each error class of the module."""
    return {
        name: (tuple(base.__name__ for base in found.__bases__), found.exit_status)
        for name, found in vars(errors).items()
        if isinstance(found, type) and issubclass(found, errors.AgentcronError)
    }


def test_the_drawn_tree_shows_every_error_with_its_parents_and_its_exit_status() -> None:
    assert drawn() == defined()
