"""A capability adds files: it edits at most five of those that were there.

Counted are merges with the trailer ``Kind: capability``, each against its first parent, and ``HEAD`` if it
carries the trailer and is no merge: the whole branch against where it left ``main``. A file counts once if it
was edited, deleted, or renamed and edited. A new file and a file that was only moved do not count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.house.tree import ROOT
from tests.kit.history import Change, Commit, changes, commits_after, commits_under_rules, history, merge_base
from tests.kit.repository import Repository

MAX_EDITED = 5

REGISTRIES: tuple[str, ...] = ()
"""Patterns of the files that only list others, or are generated from them: a line there is no edit."""

MARK = ("kind", "capability")


def edited(found: Iterable[Change], registries: Collection[str] = REGISTRIES) -> list[str]:
    """Return the Python files of the package that were there before and are not what they were."""
    return sorted(
        each.path
        for each in found
        if each.path.startswith("scheduler/")
        and each.path.endswith(".py")
        and (each.status in "MTD" or (each.status == "R" and each.likeness < 100))
        and not any(fnmatchcase(each.path, pattern) for pattern in registries)
    )


def capabilities(root: Path, commits: list[Commit]) -> dict[str, list[str]]:
    """Return the edited files of each capability among these commits, newest first."""
    found = {}
    for place, commit in enumerate(commits):
        if MARK not in commit.trailers:
            continue
        if commit.merge:
            before = commit.parents[0]
        elif place == 0:
            before = merge_base(root, "main", commit.hash)
            before = commit.parents[0] if before == commit.hash else before
        else:
            continue  # a part of what its merge is counted for
        found[f"{commit.hash[:12]} {commit.subject}"] = edited(changes(root, before, commit.hash))
    return found


def too_wide(root: Path) -> dict[str, list[str]]:
    """Return the capabilities of a repository that edit too many files."""
    commits = commits_under_rules(root)
    with history():
        found = capabilities(root, commits)
    return {name: files for name, files in found.items() if len(files) > MAX_EDITED}


def test_our_capabilities_edit_few_files() -> None:
    assert too_wide(ROOT) == {}


def test_edits_of_the_package_count_and_additions_moves_and_registries_do_not() -> None:
    found = [
        *(
            Change("M", "scheduler/core/run/run.py"),
            Change("D", "scheduler/gone.py"),
            Change("T", "scheduler/link.py"),
        ),
        *(Change("R", "scheduler/renamed.py", 99), Change("R", "scheduler/moved.py", 100)),
        *(
            Change("A", "scheduler/new.py"),
            Change("M", "scheduler/page.md"),
            Change("M", "tests/test_run.py"),
        ),
        *(Change("M", "scheduler/app/registries.py"), Change("M", "scheduler/rooms/list.py")),
    ]
    assert edited(found, ("scheduler/app/registries.py", "scheduler/*/list.py")) == [
        *("scheduler/core/run/run.py", "scheduler/gone.py", "scheduler/link.py", "scheduler/renamed.py"),
    ]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path)
    made.commit("store: begin", {f"scheduler/{number}.py": "before\n" for number in range(9)})
    return made


def on_a_branch(repository: Repository, files: int) -> None:
    """Edit so many files in two commits of a branch, each with a new file, the last one with the trailer."""
    repository.branch("wings")
    for number in range(files):
        last = number == files - 1
        text = {
            f"scheduler/{number}.py": f"after {number}\n",
            f"scheduler/new_{number}.py": f"new {number}\n",
        }
        repository.commit("wings: add one" + ("\n\nKind: capability" if last else ""), text)


def counted(repository: Repository) -> list[int]:
    found = capabilities(repository.root, commits_after(repository.root, repository.first))
    return [len(files) for files in found.values()]


@pytest.mark.parametrize("files", [MAX_EDITED, MAX_EDITED + 1])
def test_a_branch_counts_as_a_whole_and_so_does_its_merge(repository: Repository, files: int) -> None:
    on_a_branch(repository, files)
    assert counted(repository) == [files]
    repository.merge("wings", "Merge issue 8: wings\n\nKind: capability")
    assert counted(repository) == [files]
    repository.commit("store: go on", {"scheduler/8.py": "after\n"})
    assert counted(repository) == [files]


@pytest.mark.parametrize(("files", "wide"), [(MAX_EDITED, []), (MAX_EDITED + 1, [MAX_EDITED + 1])])
def test_six_edited_files_are_one_too_many(repository: Repository, files: int, wide: list[int]) -> None:
    repository.commit("ci: begin", {".ci/commits-since": f"{repository.head()}\n"})
    on_a_branch(repository, files)
    assert [len(names) for names in too_wide(repository.root).values()] == wide


def test_what_lacks_the_trailer_does_not_count(repository: Repository) -> None:
    repository.branch("wings")
    repository.commit("wings: edit all", {f"scheduler/{number}.py": "after\n" for number in range(9)})
    assert counted(repository) == []
    repository.merge("wings", "Merge issue 8: wings")
    assert counted(repository) == []


def test_a_capability_in_one_commit_on_main_counts_against_its_parent(repository: Repository) -> None:
    files = {f"scheduler/{number}.py": "after\n" for number in range(3)}
    repository.commit("wings: add them\n\nKind: capability", files | {"scheduler/new.py": "new\n"})
    assert counted(repository) == [3]


def test_what_main_did_meanwhile_does_not_count(repository: Repository) -> None:
    on_a_branch(repository, 2)
    repository.checkout("main")
    repository.commit("store: go on", {f"scheduler/{number}.py": "main\n" for number in range(4, 9)})
    repository.checkout("wings")
    assert counted(repository) == [2]
    repository.merge("wings", "Merge issue 8: wings\n\nKind: capability")
    assert counted(repository) == [2]
