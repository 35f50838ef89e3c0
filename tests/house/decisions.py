"""The decisions in ``docs/why/``: one a file, their rules, and the index over them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.house.tree import ROOT

FOLDER = ROOT / "docs" / "why"

NEVER_GIVEN = {49: "skipped by mistake"}
"""The numbers without a decision, and why: a gap is never filled."""

PARTS = ("Context", "Choice", "Price")

_FILE = re.compile(r"(\d{3})-[a-z0-9]+(?:-[a-z0-9]+)*\.md")
_HEADING = re.compile(r"# (\d+)\. (\S.*)")
_ANY_HEADING = re.compile(r"(?:^|[^#`])#{1,6} \d+\. ", re.MULTILINE)

_HOW = """\
One decision a page, newest first: the context, the choice, its price. A new one takes the next number, as
`NNN-short-title.md` with the heading `# N. Title`. A number never changes."""


def decisions() -> dict[str, str]:
    """Return the text of each decision by its file name, in the order of the names."""
    pages = sorted(FOLDER.glob("*.md"))
    return {page.name: page.read_text(encoding="utf-8") for page in pages if page.name != "README.md"}


def heading(text: str) -> tuple[int, str]:
    """Return the number and the title that a page begins with.

    Raises:
        ValueError: if its first line is not ``# N. Title``.
    """
    line = text.partition("\n")[0]
    found = _HEADING.fullmatch(line)
    if found is None:
        raise ValueError(f"the first line is {line!r}, not '# N. Title'")
    return int(found[1]), found[2]


def faults(pages: Mapping[str, str]) -> list[str]:
    """Return what is wrong with these pages, given by file name: nothing, if they keep the rules."""
    found: list[str] = []
    files: dict[int, str] = {}
    for name, text in pages.items():
        found += [f"{name}: {fault}" for fault in _faults_of_page(name, text)]
        if match := _FILE.fullmatch(name):
            number = int(match[1])
            if number in files:
                found.append(f"{name}: {files[number]} has the number {number}, too")
            files[number] = name
    for number in range(1, max(files, default=0) + 1):
        if number in NEVER_GIVEN and number in files:
            found.append(f"{files[number]}: {number} is never given ({NEVER_GIVEN[number]})")
        elif number not in NEVER_GIVEN and number not in files:
            found.append(f"{number} is missing: a decision stays, and gaps are explained in NEVER_GIVEN")
    return found


def _faults_of_page(name: str, text: str) -> list[str]:
    match = _FILE.fullmatch(name)
    if match is None:
        return ["the name is not NNN-short-title.md"]
    try:
        number, _ = heading(text)
    except ValueError as error:
        return [str(error)]
    found = []
    if number != int(match[1]):
        found.append(f"the heading says {number}")
    if len(_ANY_HEADING.findall(text)) > 1:
        found.append("a second decision is in the text")
    starts = [text.find(f"\n\n*{part}.* ") for part in PARTS]
    found += [f"no paragraph *{part}.*" for part, at in zip(PARTS, starts, strict=True) if at < 0]
    if -1 not in starts and starts != sorted(starts):
        found.append(f"the order is not {', '.join(PARTS)}")
    return found


def index(head: str) -> str:
    """Return ``docs/why/README.md``, with a comment that says where it comes from."""
    entries = [(*heading(text), name) for name, text in decisions().items()]
    entries += [(number, "", reason) for number, reason in NEVER_GIVEN.items()]
    lines = ["# Why it is built this way", "", head, _HOW, "", "| | |", "|--:|---|"]
    for number, title, target in sorted(entries, reverse=True):
        lines.append(
            f"| {number} | [{title}]({target}) |" if title else f"| {number} | (no decision: {target}) |"
        )
    return "\n".join(lines) + "\n"
