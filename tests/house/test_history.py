"""The history that rules are applied to is what git has, and a missing one is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.history import (
    Change,
    Commit,
    NoHistoryError,
    changes,
    commits_after,
    commits_under_rules,
    git,
    merge_base,
)
from tests.kit.repository import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def message_of(text: str) -> Commit:
    return Commit("0" * 40, ("1" * 40,), text)


def test_a_message_is_a_subject_a_body_and_trailers() -> None:
    commit = message_of(
        "store: one\nline\n\nA body.\n\nNote: of two.\nLines.\n\nKind: capability\nSigned-off-by: A\n"
    )
    assert commit.subject == "store: one line"
    assert commit.body == "A body.\n\nNote: of two.\nLines."
    assert commit.trailers == {("kind", "capability"), ("signed-off-by", "A")}


def test_a_subject_is_no_trailer_and_a_last_paragraph_of_prose_is_body() -> None:
    assert (message_of("store: one").body, message_of("store: one").trailers) == ("", frozenset())
    mixed = message_of("store: one\n\nWhy it matters.\nKind: capability")
    assert (mixed.body, mixed.trailers) == ("Why it matters.\nKind: capability", frozenset())
    folded = message_of("store: one\n\nTested-by: Ada\n  and others\n(cherry picked from commit 12)")
    assert folded.body == ""


def test_commits_after_one_come_with_messages_parents_and_lines(repository: Repository) -> None:
    one = repository.commit("store: one\n\nBody; with ümlaut.", {"a.txt": "1\n2\n3\n"})
    repository.branch("side")
    two = repository.commit("store: two", {"a.txt": "1\n2\n4\n", "b.bin": b"\0\1\n" * 50, "c\td.txt": "1\n"})
    merge = repository.merge("side", "Merge issue 8: wings")
    assert [
        (each.hash, each.parents, each.lines) for each in commits_after(repository.root, repository.first)
    ] == [
        (merge, (one, two), 0),
        (two, (one,), 3),
        (one, (repository.first,), 3),
    ]
    assert commits_after(repository.root, two)[0].merge
    assert commits_after(repository.root, repository.first)[-1].body == "Body; with ümlaut."
    assert commits_after(repository.root, merge) == []


def test_changes_tell_edits_from_additions_and_renames(repository: Repository) -> None:
    text = "".join(f"line {number}\n" for number in range(40))
    names = ("edited", "moved", "moved_and_edited", "gone")
    before = repository.commit("store: one", {f"{name}.py": f"{name}\n{text}" for name in names})
    repository.commit(
        "store: two",
        {
            "edited.py": "other\n",
            "moved.py": None,
            "to/moved ü.py": f"moved\n{text}",
            "moved_and_edited.py": None,
            "to/other.py": f"moved_and_edited\n{text}more\n",
            "gone.py": None,
            "new.py": "new\n",
        },
    )
    found = {each.path: each for each in changes(repository.root, before, "HEAD")}
    likeness = found["moved_and_edited.py"].likeness
    assert 50 <= likeness < 100
    assert set(found.values()) == {
        Change("M", "edited.py"),
        Change("R", "moved.py", 100),
        Change("R", "moved_and_edited.py", likeness),
        Change("D", "gone.py"),
        Change("A", "new.py"),
    }


def test_the_environment_names_no_other_repository(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert repository.head() == repository.first


def test_a_folder_outside_any_repository_has_no_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoHistoryError, match="not a git repository"):
        commits_after(tmp_path, "0" * 40)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoHistoryError, match="git is not installed"):
        commits_after(tmp_path, "0" * 40)


def test_a_folder_inside_a_repository_is_no_checkout(repository: Repository) -> None:
    unpacked = repository.root / "unpacked"
    unpacked.mkdir()
    with pytest.raises(NoHistoryError, match="is not a checkout"):
        commits_after(unpacked, repository.first)


def test_a_commit_that_is_not_behind_head_is_no_beginning(repository: Repository) -> None:
    repository.branch("side")
    other = repository.commit("store: one")
    repository.checkout("main")
    for since in (other, "0" * 40):
        with pytest.raises(NoHistoryError, match=f"commit {since} is not in the history of HEAD"):
            commits_after(repository.root, since)


def test_a_shallow_clone_is_noticed(repository: Repository, tmp_path: Path) -> None:
    repository.branch("side")
    for number in range(3):
        repository.commit(f"store: {number}")
    repository.checkout("main")
    since = repository.commit("store: begin here")
    repository.merge("side", "Merge issue 8: wings")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--depth=2", repository.root.as_uri(), str(clone))
    with pytest.raises(NoHistoryError, match="is missing \\(a shallow clone\\)"):
        commits_after(clone, since)
    with pytest.raises(NoHistoryError, match="is not in the history of HEAD"):
        commits_after(clone, repository.first)


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_a_missing_history_skips_a_test_and_fails_it_in_the_gate(
    ci: str, outcome: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    since = tmp_path / ".ci" / "commits-since"
    since.parent.mkdir()
    since.write_text(f"{'0' * 40}\n")
    with pytest.raises(outcome, match="no history: git rev-parse: fatal: not a git repository"):
        commits_under_rules(tmp_path)


def test_the_rules_begin_after_the_commit_that_is_named_in_full(repository: Repository) -> None:
    one = repository.commit("store: one", {".ci/commits-since": f"{repository.first}\n"})
    assert [each.hash for each in commits_under_rules(repository.root)] == [one]
    repository.commit("store: two", {".ci/commits-since": f"{repository.first[:12]}\n"})
    with pytest.raises(AssertionError, match="is not the full hash of a commit"):
        commits_under_rules(repository.root)


def test_main_is_that_of_origin_where_there_is_no_local_one(repository: Repository) -> None:
    repository.branch("side")
    commit = repository.commit("store: one")
    assert merge_base(repository.root, "main", commit) == repository.first
    git(repository.root, "update-ref", "refs/remotes/origin/main", repository.first)
    git(repository.root, "branch", "--quiet", "-D", "main")
    assert merge_base(repository.root, "main", commit) == repository.first
    git(repository.root, "update-ref", "-d", "refs/remotes/origin/main")
    with pytest.raises(NoHistoryError, match="there is no branch main"):
        merge_base(repository.root, "main", commit)
