"""Links between pages lead somewhere."""

from __future__ import annotations

import re

from tests.house.decisions import decisions
from tests.house.tree import ROOT, tracked

LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")


def pages() -> set[str]:
    """Return the pages outside tests: the tracked ones, and those in ``docs/`` not tracked yet."""
    found = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")}
    return found | {name for name in tracked() if name.endswith(".md") and not name.startswith("tests/")}


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{name}: {target}"
        for name in sorted(pages())
        for target in LINK.findall((ROOT / name).read_text(encoding="utf-8"))
        if not ((ROOT / name).parent / target).exists()
    ]
    assert not broken


def test_links_of_the_decisions_are_looked_at() -> None:
    assert {f"docs/why/{name}" for name in [*decisions(), "README.md"]} <= pages()


def test_the_places_that_contributing_names_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w./-]+(?:\.py|/))`", text)
    assert len(named) > 20
    roots = (ROOT, ROOT / "scheduler")
    assert [name for name in named if not any((root / name).exists() for root in roots)] == []
