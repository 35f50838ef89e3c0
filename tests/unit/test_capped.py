"""Values on their way to a model: what JSON and UTF-8 can carry passes, the rest becomes visible."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.text.capped import MAX_DEPTH, sendable_json

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(PLAIN)
def test_what_can_be_sent_stays_as_it_is_but_for_nuls(value: Any) -> None:
    clean = sendable_json(value)
    assert json.loads(json.dumps(clean, ensure_ascii=False).encode()) == clean
    if "\\u0000" not in json.dumps(value):
        assert clean == value


def test_what_cannot_be_sent_becomes_visible() -> None:
    given_value = {"\ud800": ["a\0", ("\udfff", {"b": "\ud83d"})]}
    assert sendable_json(given_value) == {r"\ud800": [r"a\x00", [r"\udfff", {"b": r"\ud83d"}]]}


def nested(depth: int) -> Any:
    value: Any = "core"
    for _ in range(depth):
        value = [value]
    return value


def test_a_value_may_be_deep_but_not_bottomless() -> None:
    assert sendable_json(nested(MAX_DEPTH)) == nested(MAX_DEPTH)
    with pytest.raises(ValueError, match="more than 100 levels deep"):
        sendable_json(nested(MAX_DEPTH + 1))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 10**5000], ids=["nan", "inf", "large"])
def test_a_number_that_cannot_be_written_is_refused(number: Any) -> None:
    with pytest.raises(ValueError, match="cannot represent"):
        sendable_json([number])


@pytest.mark.parametrize("thing", [b"x", {1, 2}, object()])
def test_what_is_no_json_is_refused(thing: Any) -> None:
    with pytest.raises(TypeError, match="JSON cannot represent"):
        sendable_json({"a": thing})
