"""One word per thing: what ``docs/words.md`` forbids does not come back as a name or in a message."""

from __future__ import annotations

import re

import pytest

from tests.house.tree import ROOT, names, python_files, texts, words

NEVER_NAMES = {
    *("workflow", "session", "snapshot", "iteration", "timer", "callback", "mock", "execution", "permission"),
}
"""Words that no name of ours is made of."""

FOREIGN = ("scheduler/adapters/", "scheduler/doors/")
"""Where other programs are spoken to: their protocols have words of their own, such as sessions."""

NEVER_SAID = re.compile(
    r"\b(workflows?|tasks?|sessions?|snapshots?|iterations?|timers?|callbacks?|mocks?|executions?)\b", re.I
)
"""Words that no person is ever told."""

TABLE_NAMES = re.compile(r"\b(FROM|INTO) sessions\b")
"""The table of what foreign agents call their sessions, in SQL that nobody is told."""

TASKS = {"task", "tasks"}
"""These mean asyncio's here, so only who works with asyncio may say them."""

PROMPTS_AND_NAMES = {"start_new_session", "create_task"}


@pytest.mark.parametrize("name", [name for name in python_files("scheduler") if not name.startswith(FOREIGN)])
def test_names_are_made_of_our_words(name: str) -> None:
    source = (ROOT / name).read_text(encoding="utf-8")
    forbidden = NEVER_NAMES | (set() if re.search(r"^\s*(import|from) asyncio", source, re.M) else TASKS)
    found = {each for each in names(name) if forbidden & set(words(each))} - PROMPTS_AND_NAMES
    assert not found, "see docs/words.md"


@pytest.mark.parametrize("name", python_files("scheduler"))
def test_people_are_told_in_our_words(name: str) -> None:
    found = [text for text in texts(name) if NEVER_SAID.search(TABLE_NAMES.sub("", text))]
    assert not found, "see docs/words.md"


def test_the_dictionary_forbids_what_is_looked_for() -> None:
    page = (ROOT / "docs" / "words.md").read_text(encoding="utf-8")
    forbidden = {
        word.strip()
        for line in page.splitlines()
        if line.startswith("| ") and line.count("|") == 4
        for word in line.split("|")[3].split(",")
    }
    assert NEVER_NAMES | {"task"} <= forbidden
