"""What the unit tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.plug_ins import MoonPlugIn


@pytest.fixture
def moon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MoonPlugIn]:
    """The plug-in ``moon_crontab``, installed."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    plug_in = MoonPlugIn(site)
    plug_in.forget()
    yield plug_in
    plug_in.forget()
