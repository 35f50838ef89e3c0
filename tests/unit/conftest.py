"""What the unit tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.plug_ins import Distributions, MoonPlugIn


@pytest.fixture
def moon(distributions: Distributions) -> Iterator[MoonPlugIn]:
    """The plug-in ``moon_crontab``, installed."""
    plug_in = MoonPlugIn(distributions.folder)
    plug_in.forget()
    yield plug_in
    plug_in.forget()
