"""The window: what is sent of a conversation, and where it may be cut."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.run.conversation import Message
from scheduler.core.run.window import as_params, latest_cut, middle_cut
from tests.kit.checkpoints import assistant, user

BLOCK = {"type": "compaction", "content": "Much was done.", "signature": "s"}


def talk(roles: str, sizes: dict[int, int] | None = None) -> list[Message]:
    """Return messages, ``u`` for the user and ``a`` for the agent; ``sizes`` makes some of them long."""
    made = []
    for seq, role in enumerate(roles, start=1):
        text = "x" * (sizes or {}).get(seq, 1)
        made.append(user(seq, text) if role == "u" else replace(assistant("tool_use", text), seq=seq))
    return made


def test_without_a_summary_everything_is_sent() -> None:
    assert [param["role"] for param in as_params(None, talk("uau"))] == ["user", "assistant", "user"]


def test_a_summary_stands_alone_before_what_it_does_not_cover() -> None:
    params = as_params(BLOCK, talk("uauau")[3:])
    assert params[0] == {"role": "assistant", "content": [BLOCK]}
    assert [param["role"] for param in params] == ["assistant", "assistant", "user"]


@pytest.mark.parametrize(
    ("roles", "cut"),
    [
        ("", None),
        ("u", None),
        ("uau", None),  # nothing is before the last exchange but the prompt
        ("uauau", 3),
        ("uauauau", 5),
        ("uauaua", 5),  # the last answer was cut off
        ("uaauau", 4),  # a paused turn went on in a second message
        ("uauaau", 3),  # ... and is not torn apart
        ("uauuau", 4),
    ],
)
def test_the_last_exchange_stays_word_for_word(roles: str, cut: int | None) -> None:
    assert latest_cut(talk(roles)) == cut


def test_behind_a_summary_one_exchange_is_enough() -> None:
    assert latest_cut(talk("uauauau")[3:]) == 5
    assert latest_cut(talk("uauau")[3:]) is None


@pytest.mark.parametrize(
    ("sizes", "cut"),
    [
        ({}, 3),
        ({7: 5000}, 5),  # the last part is the longest: all before it is less than half
        ({1: 5000}, 3),  # the first part is more than half: as little as possible
        ({3: 900, 6: 2000}, 5),
    ],
)
def test_half_of_a_full_window_is_summed_up(sizes: dict[int, int], cut: int) -> None:
    assert middle_cut(talk("uauauaua", sizes)) == cut


def test_a_short_window_has_no_half() -> None:
    assert middle_cut(talk("uaua")) == 3
    assert middle_cut(talk("ua")) is None
