"""Links between pages lead somewhere."""

from __future__ import annotations

import re

from tests.house.tree import ROOT, tracked


def test_links_between_pages_lead_somewhere() -> None:
    link = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")
    broken = [
        f"{name}: {target}"
        for name in tracked()
        if name.endswith(".md") and not name.startswith("tests/")
        for target in link.findall((ROOT / name).read_text(encoding="utf-8"))
        if not ((ROOT / name).parent / target).exists()
    ]
    assert not broken
