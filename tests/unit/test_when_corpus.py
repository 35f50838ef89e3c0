"""A thousand texts of "sleep until" with known answers, and the law of hints (why #68) for them and noise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduler.core.time.when import parse_when
from scheduler.errors import WhenError
from tests.kit.soak import SOAK, chance

TEXTS: list[dict[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parent.parent / "data" / "when.jsonl").read_text("utf-8").splitlines()
]
ACCEPTED = [row for row in TEXTS if "instant" in row]
REFUSED = [row for row in TEXTS if "code" in row]
MOMENTS = sorted({(row["now"], row["tz"]) for row in TEXTS})

LONGEST = timedelta(days=366, hours=1)  # 366 days of the calendar, one of which may have 25 hours


def answer(text: str, now: datetime, tz: str) -> datetime | WhenError:
    """Return what `parse_when` makes of a text, having checked the bounds and the law of hints."""
    earliest, latest = now + timedelta(seconds=1), now + LONGEST
    try:
        instant = parse_when(text, now, tz)
    except WhenError as refusal:
        error = refusal
    else:
        assert earliest <= instant <= latest
        return instant
    assert len(error.readings) == len(error.suggestions) <= 3
    assert len(set(error.readings)) == len(error.readings)
    assert error.code == "ambiguous" or not error.readings
    for reading, suggestion in zip(error.readings, error.suggestions, strict=True):
        assert earliest <= reading <= latest
        assert parse_when(suggestion, now, tz) == reading
        assert suggestion in error.help
    return error


def test_all_texts_are_here() -> None:
    assert (len(ACCEPTED), len(REFUSED)) == (776, 344)
    assert len({(row["text"], row["now"], row["tz"]) for row in TEXTS}) == len(TEXTS)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """What a row of the corpus says when it says what `parse_when` says."""
    found = answer(row["text"], datetime.fromisoformat(row["now"]), row["tz"])
    if isinstance(found, WhenError):
        return row | {"code": found.code, "readings": [reading.isoformat() for reading in found.readings]}
    return row | {"instant": found.isoformat()}


@pytest.mark.parametrize(("now", "tz"), MOMENTS, ids=lambda word: word)
def test_each_text_means_what_the_corpus_says(now: str, tz: str) -> None:
    rows = [row for row in TEXTS if (row["now"], row["tz"]) == (now, tz)]
    wrong = [found for row in rows if (found := _row(row)) != row]
    assert not wrong


def _noise(count: int) -> Iterator[tuple[str, str, str]]:
    """Texts of the corpus with words exchanged, left out, doubled, joined or spoilt, at all its moments."""
    random = chance("texts of sleep until")
    words = sorted({word for row in TEXTS for word in row["text"].split()})
    for _ in range(count):
        said = random.choice(TEXTS)["text"].split() or [""]
        for _ in range(random.randrange(1, 4)):
            at = random.randrange(len(said) + 1)
            match random.randrange(5):
                case 0:
                    said[at:at] = [random.choice(words)]
                case 1:
                    said[at : at + 1] = [random.choice(words)]
                case 2:
                    said[at : at + 1] = []
                case 3:
                    said = ["".join(said)]
                case _:
                    letters = list(" ".join(said))
                    letters.insert(
                        random.randrange(len(letters) + 1), random.choice("0123456789:-+/.MmTZ ,[]")
                    )
                    said = "".join(letters).split(" ")
        yield " ".join(said), *random.choice(MOMENTS)


def test_the_law_of_hints_holds_for_any_text() -> None:
    """Whatever is refused: each suggestion is accepted and is its reading, and what is no time has none."""
    refused = 0
    for text, now, tz in _noise(50_000 if SOAK else 3000):
        try:
            refused += isinstance(answer(text, datetime.fromisoformat(now), tz), WhenError)
        except Exception:
            print(f"{text!r} at {now} in {tz}")
            raise
    assert refused
