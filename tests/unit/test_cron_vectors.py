"""297 expressions with known answers, collected from the tests of six other crons."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from scheduler.core.time.cron import Cron
from scheduler.errors import ConfigError

VECTORS: list[dict[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parent.parent / "data" / "cron_vectors.jsonl").read_text("utf-8").splitlines()
]
GOOD = [vector for vector in VECTORS if vector["level"] != "reject"]
BAD = [vector for vector in VECTORS if vector["level"] == "reject"]


def test_all_vectors_are_here() -> None:
    assert (len(GOOD), len(BAD)) == (251, 46)


@pytest.mark.parametrize("vector", GOOD, ids=lambda v: f"{v['id']} {v['expr']}")
def test_next_fires(vector: dict[str, Any]) -> None:
    cron = Cron(vector["expr"], tz=vector["tz"])
    instant: datetime | None = datetime.fromisoformat(vector["base"])
    for expected in vector["next"]:
        assert instant is not None
        instant = cron.next_after(instant)
        assert instant == datetime.fromisoformat(expected)


@pytest.mark.parametrize("vector", GOOD, ids=lambda v: f"{v['id']} {v['expr']}")
def test_last_fires(vector: dict[str, Any]) -> None:
    """The same answers, read backwards."""
    cron = Cron(vector["expr"], tz=vector["tz"])
    fires = [datetime.fromisoformat(text) for text in vector["next"]]
    for fire, following in zip(fires, [*fires[1:], None], strict=True):
        assert cron.before(fire) == fire
        if following is not None:
            assert cron.before(fire + (following - fire) / 2) == fire


@pytest.mark.parametrize("vector", BAD, ids=lambda v: f"{v['id']} {v['expr']}")
def test_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        Cron(vector["expr"], tz=vector["tz"])
    assert caught.value.code in {"E01", "E02", "E03", "E04", "E05", "E06", "E07"}
    assert caught.value.help
    assert "croniter" not in str(caught.value)
