"""Terms and style: names and texts use the terms of ``docs/words.md``, and no mannered or archaic words."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT, names, python_files, texts, tracked, words

FORBIDDEN_IN_NAMES = {
    *("workflow", "session", "snapshot", "iteration", "timer", "callback", "mock", "execution", "permission"),
}
"""Words that no name may contain, in singular or plural."""

OF_OTHERS = ("scheduler/adapters/", "scheduler/doors/")
"""Folders that may use the terms of the protocols and libraries they adapt."""

FOREIGN_NAMES = {"start_new_session", "create_task"}
"""Names that the standard library defines."""

FORBIDDEN_IN_TEXTS = re.compile(
    r"\b(workflows?|tasks?|sessions?|snapshots?|iterations?|timers?|callbacks?|mocks?|executions?)\b", re.I
)
"""Words that no user sees."""

TABLE_NAMES = re.compile(r"\b(FROM|INTO) sessions\b")
"""The table of transcripts, named as foreign agents name them, in SQL."""

TASKS = {"task"}
"""A term of asyncio, allowed in modules that import it."""

STYLE = {
    "anew": r"\banew\b",
    "beside": r"\bbeside\b",
    "for ever": r"\bfor ever\b",
    "mend": r"\bmend(s|ed|ing)?\b",
    "nobody is running": r"\bnobody (is|was) running\b",
    "counts as denied": r"\bcounts? as denied\b",
    "whoever": r"\bwhoever\b",
    "is succeeded, is failed": r"\bis (succeeded|failed)\b",
    "of before": r"\bof before(?! the)\b",
    "goes on, go on, went on": r"\b(goes|go|going|went|gone) on\b(?! (a|the|its|their|your|to\b(?! the)))",
    "comes to rest": r"\bcomes? to rest\b",
    "upon": r"\bupon\b",
}
"""Mannered or archaic words and phrases, by their entry in ``docs/words.md``."""

_STYLE = re.compile("|".join(STYLE.values()), re.I)


def test_the_dictionary_has_what_is_forbidden_in_names() -> None:
    assert {word for row in _rows("| word |") for word in row[2].split(", ")} >= FORBIDDEN_IN_NAMES | TASKS


@pytest.mark.parametrize(
    "name", [each for each in python_files("scheduler") if not each.startswith(OF_OTHERS)]
)
def test_names_use_our_terms(name: str) -> None:
    source = (ROOT / name).read_text(encoding="utf-8")
    forbidden = FORBIDDEN_IN_NAMES | (
        set() if re.search(r"^\s*(import|from) asyncio", source, re.M) else TASKS
    )
    given = {*names(name), *Path(name).with_suffix("").parts}
    wrong = {each for each in given if forbidden & {word.removesuffix("s") for word in words(each)}}
    assert wrong - FOREIGN_NAMES == set(), "see docs/words.md"


@pytest.mark.parametrize("name", python_files("scheduler"))
def test_texts_use_our_terms(name: str) -> None:
    wrong = [text for text in texts(name) if FORBIDDEN_IN_TEXTS.search(TABLE_NAMES.sub("", text))]
    assert wrong == [], "see docs/words.md"


@pytest.mark.parametrize("name", python_files("scheduler", "bench"))
def test_code_is_written_in_plain_english(name: str) -> None:
    wrong = [(line, text) for line, text in _prose(name) if _STYLE.search(text)]
    assert wrong == [], "see the section Style in docs/words.md"


@pytest.mark.parametrize(
    "name", [each for each in tracked() if each.endswith((".md", ".example", ".service"))]
)
def test_pages_are_written_in_plain_english(name: str) -> None:
    if name.startswith("tests/"):
        pytest.skip("data of tests")
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    listed = {f"| {row[0]} |" for row in _rows("| not |")}
    wrong = [
        (number, line)
        for number, line in enumerate(lines, 1)
        # Names of tests may be quoted, and the page of words lists what it forbids.
        if _STYLE.search(re.sub(r"`[^`]*`", "", line)) and not line.startswith(tuple(listed))
    ]
    assert wrong == [], "see the section Style in docs/words.md"


def test_the_page_of_words_lists_the_style() -> None:
    listed = {row[0] for row in _rows("| not |")}
    assert listed == set(STYLE)


@pytest.mark.parametrize(
    ("text", "is_wrong"),
    [
        ("the run goes on", True),
        ("Whoever has the lock", True),
        ("it is mended", True),
        ("of before the first release", False),
        ("runs of before", True),
        ("it goes on the line of a job", False),
        ("the run is failed", True),
        ("the run failed", False),
    ],
)
def test_the_style_finds_words_and_no_others(text: str, is_wrong: bool) -> None:
    assert (_STYLE.search(text) is not None) is is_wrong


def _prose(name: str) -> Iterator[tuple[int, str]]:
    """Yield the comments and strings of a file, with the number of their first line."""
    source = (ROOT / name).read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            yield token.start[0], " ".join(token.string.split())


def _rows(head: str) -> list[list[str]]:
    """Return the rows of the table of ``docs/words.md`` with this beginning."""
    page = (ROOT / "docs" / "words.md").read_text(encoding="utf-8")
    table = page.partition(f"\n{head}")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
