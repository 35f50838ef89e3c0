"""Generated pages are what their sources say."""

from __future__ import annotations

import pytest

from scheduler.core.run.run import State
from tests.house.generate import NOTES, PAGES
from tests.house.tree import FLOORS, ROOT, first_line, python_files
from tests.kit.walk import spine, walk


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    page = ROOT / name
    assert page.is_file(), f"{name} is missing; write it: python -m tests.house.generate"
    assert page.read_text(encoding="utf-8") == PAGES[name](), f"{name} is old: python -m tests.house.generate"


def test_every_module_says_in_one_line_what_it_is() -> None:
    for name in python_files("scheduler", "tests"):
        if (ROOT / name).read_text(encoding="utf-8").strip():
            assert first_line(name).endswith((".", "?", ":", "!")), f"{name}: {first_line(name)!r}"


def test_every_module_stands_on_a_floor_and_every_state_is_explained() -> None:
    floors = {name.split("/")[1].removesuffix(".py") for name in python_files("scheduler")}
    assert floors - {"__init__", "__main__"} == set(FLOORS)
    assert list(NOTES) == list(State)


MAX_SPINE = 10
"""How many files every commit may enter.  May only shrink."""

MAX_ADDED = 12
"""How many files a commit may enter besides, by what its step contains.  May only shrink."""


def test_a_commit_enters_few_files_and_calls_nothing_above_it() -> None:
    commits = walk()
    common = spine(commits)
    assert len(common) <= MAX_SPINE, common
    for title, files in commits:
        assert len(files) - len(common) <= MAX_ADDED, title
        above = ("engine/attempt/attempt.py", "engine/attempt/turns.py", "engine/daemon/", "app/", "doors/")
        assert not [name for name in files if name.startswith(above)], title
